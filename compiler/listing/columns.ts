// The rows of limits, budgets, phases, tracks and offsets as text, both ways, from one table of their columns: what each is called,
// where it stands in the row, and how it is written. A column that has its usual value is left out.
import {
  BUDGET_AUDIT,
  BUDGET_ROW_BYTES,
  BUDGET_THIRD_FIELD,
  Budget,
  BudgetWindow,
  CostKind,
  LIMIT_ROW_BYTES,
  OFFSET_ROW_BYTES,
  PHASE_ROW_BYTES,
  Section,
  STAGE_ROW_BYTES,
  TRACK_ROW_BYTES,
  Track,
} from "../../vm/shared/image.ts";
import { RuleEffect } from "../../vm/shared/isa.ts";
import { type Cursor, moneyText, nameText, numberText, periodText } from "./cursor.ts";
import { wordOf } from "./fields.ts";
import type { Tables } from "./tables.ts";

/** How a column is written. Words of enums are their names in lower case. */
type Kind =
  | {
      readonly is:
        | "name"
        | "number"
        | "plus-one"
        | "period"
        | "money"
        | "amount"
        | "field"
        | "field-plus-one"
        | "flag"
        | "u8";
    }
  | { readonly is: "word"; readonly of: { readonly [name: string]: string | number } };

interface Column {
  /** Said before the value; empty for the first. */
  readonly word: string;
  readonly at: number;
  readonly kind: Kind;
  /** Left out when the row has this. */
  readonly usual?: number | bigint;
  /** Where two columns share a place: whether the row has this one. */
  readonly when?: (row: DataView) => boolean;
}

export interface Rows {
  readonly word: string;
  readonly section: Section;
  readonly bytes: number;
  readonly columns: readonly Column[];
}

const is = (kind: Exclude<Kind, { readonly is: "word" }>["is"]): Kind => ({ is: kind });
const isOf = (kind: CostKind) => (row: DataView) => row.getUint8(Budget.CostKind) === kind;
const isNotOf = (kind: CostKind) => (row: DataView) => row.getUint8(Budget.CostKind) !== kind;
const effects = { Permit: RuleEffect.Permit, Deny: RuleEffect.Deny, Defer: RuleEffect.Defer, Audit: BUDGET_AUDIT };

export const rowsOfMeters: readonly Rows[] = [
  {
    word: "limit",
    section: Section.Limits,
    bytes: LIMIT_ROW_BYTES,
    columns: [
      { word: "", at: 0, kind: is("name") },
      { word: "calls", at: 4, kind: is("number") },
      { word: "per", at: 8, kind: is("period") },
    ],
  },
  {
    word: "budget",
    section: Section.Budgets,
    bytes: BUDGET_ROW_BYTES,
    columns: [
      { word: "", at: Budget.Id, kind: is("name") },
      { word: "ambient", at: Budget.Ambient, kind: is("flag"), usual: 0 },
      { word: "window", at: Budget.Window, kind: { is: "word", of: BudgetWindow } },
      { word: "of", at: Budget.WindowUs, kind: is("period") },
      { word: "max", at: Budget.Max, kind: is("money"), usual: -1n, when: isNotOf(CostKind.Size) },
      { word: "size", at: Budget.Max, kind: is("amount"), usual: -1n, when: isOf(CostKind.Size) },
      { word: "daily", at: Budget.Daily, kind: is("money"), usual: -1n },
      { word: "calls", at: Budget.MaxCalls, kind: is("amount"), usual: -1n },
      { word: "warn at", at: Budget.WarnAt, kind: is("money"), usual: -1n },
      { word: "cost", at: Budget.CostKind, kind: { is: "word", of: CostKind } },
      { word: "from", at: Budget.CostField, kind: is("field"), usual: 0 },
      { word: "or", at: Budget.SecondField, kind: is("field-plus-one"), usual: 0 },
      { word: "last", at: BUDGET_THIRD_FIELD, kind: is("field-plus-one"), usual: 0, when: isOf(CostKind.Distinct) },
      { word: "at", at: Budget.CostConstant, kind: is("money"), usual: 0n, when: isNotOf(CostKind.Distinct) },
      { word: "else", at: Budget.OnExceed, kind: { is: "word", of: effects } },
    ],
  },
  {
    word: "phase",
    section: Section.Phases,
    bytes: PHASE_ROW_BYTES,
    columns: [
      { word: "", at: 4, kind: is("name") },
      { word: "of agent", at: 12, kind: is("number") },
      { word: "lasts", at: 16, kind: is("period") },
      { word: "next", at: 24, kind: is("name") },
      { word: "after phase", at: 8, kind: is("plus-one"), usual: 0 },
      { word: "key", at: 0, kind: is("name") },
    ],
  },
  {
    word: "workflow phase",
    section: Section.Stages,
    bytes: STAGE_ROW_BYTES,
    columns: [
      { word: "", at: 0, kind: is("name") },
      { word: "of agent", at: 4, kind: is("number") },
      { word: "first", at: 8, kind: is("number") },
      { word: "of", at: 12, kind: is("number") },
      { word: "tag", at: 16, kind: is("amount") },
    ],
  },
  {
    word: "track",
    section: Section.Tracks,
    bytes: TRACK_ROW_BYTES,
    columns: [
      { word: "", at: 4, kind: { is: "word", of: Track } },
      { word: "named", at: 0, kind: is("name") },
      { word: "places", at: 5, kind: is("u8"), usual: 1 },
      { word: "of", at: 8, kind: is("field-plus-one"), usual: 0 },
      { word: "in", at: 16, kind: is("period"), usual: 0 },
    ],
  },
  {
    word: "offset",
    section: Section.Offsets,
    bytes: OFFSET_ROW_BYTES,
    columns: [
      { word: "", at: 0, kind: is("amount") },
      { word: "ahead", at: 8, kind: is("amount") },
    ],
  },
];

/** What the printer asks of the image. */
export interface RowNames {
  string(index: number): string;
  slot(index: number): string;
}

/** Costs that are read from a field. */
const fieldCosts: readonly number[] = [CostKind.Field, CostKind.Size, CostKind.Distinct];

export function rowText({ word, columns }: Rows, index: number, row: DataView, names: RowNames): string {
  const parts = columns.flatMap((column) => {
    if (column.when?.(row) === false) return [];
    const value = valueAt(row, column);
    // A cost that is taken from the first field has field 0.
    const isField =
      column.at === Budget.CostField &&
      column.kind.is === "field" &&
      fieldCosts.includes(row.getUint8(Budget.CostKind));
    if (value === column.usual && !isField) return [];
    const text = column.kind.is === "flag" ? "" : valueText(value, column.kind, names);
    return [[column.word, text].filter((part) => part !== "").join(" ")];
  });
  return `${word} ${index}: ${parts.join(", ")}`;
}

function valueAt(row: DataView, { at, kind }: Column): number | bigint {
  switch (kind.is) {
    case "money":
    case "amount":
      return row.getBigInt64(at, true);
    case "period":
      return row.getFloat64(at, true);
    case "word":
    case "flag":
    case "u8":
      return row.getUint8(at);
    default:
      return row.getUint32(at, true);
  }
}

function valueText(value: number | bigint, kind: Kind, names: RowNames): string {
  if (typeof value === "bigint") return kind.is === "money" && value >= 0n ? moneyText(value) : String(value);
  switch (kind.is) {
    case "name":
      return nameText(names.string(value));
    case "plus-one":
      return String(value - 1);
    case "field":
      return names.slot(value);
    case "field-plus-one":
      return names.slot(value - 1);
    case "period":
      return periodText(value);
    case "word":
      return (Object.entries(kind.of).find(([, member]) => member === value)?.[0] ?? "?").toLowerCase();
    default:
      return numberText(value);
  }
}

/** Reads what stands behind `limit 3: ` as the bytes of a row. */
export function readRow({ bytes, columns }: Rows, cursor: Cursor, tables: Tables): Uint8Array {
  const row = new DataView(new ArrayBuffer(bytes));
  const read = new Set<number>();
  for (const column of columns) {
    const isThere = column.word === "" || cursor.eat(`, ${column.word}`);
    if (isThere) {
      readValue(column, row, cursor, tables);
      read.add(column.at);
    } else if (read.has(column.at)) continue;
    else if (column.usual === undefined) cursor.fail(`\`, ${column.word}\``);
    else setValue(column, row, column.usual);
  }
  cursor.end();
  return new Uint8Array(row.buffer);
}

function readValue(column: Column, row: DataView, cursor: Cursor, tables: Tables): void {
  if (column.kind.is !== "flag" && column.word !== "") cursor.expect(" ");
  setValue(column, row, takeValue(column.kind, cursor, tables));
}

function takeValue(kind: Kind, cursor: Cursor, tables: Tables): number | bigint {
  switch (kind.is) {
    case "flag":
      return 1;
    case "name":
      return tables.strings.of(cursor.name());
    case "plus-one":
      return cursor.whole(0xfffffffe) + 1;
    case "field":
      return tables.slot(cursor);
    case "field-plus-one":
      return tables.slot(cursor) + 1;
    case "period":
      return cursor.period();
    case "money":
      return cursor.money();
    case "amount":
      return cursor.integer();
    case "word": {
      const name = cursor.match(/[a-z]+/y) ?? cursor.fail("a word");
      return wordOf(kind.of, name) ?? cursor.fail(`one of ${memberNames(kind.of)}, not \`${name}\``);
    }
    default:
      return cursor.whole(kind.is === "u8" ? 255 : 0xffffffff);
  }
}

function setValue({ at, kind }: Column, row: DataView, value: number | bigint): void {
  if (typeof value === "bigint") row.setBigInt64(at, value, true);
  else if (kind.is === "period") row.setFloat64(at, value, true);
  else if (kind.is === "word" || kind.is === "flag" || kind.is === "u8") row.setUint8(at, value);
  else row.setUint32(at, value, true);
}

function memberNames(members: { readonly [name: string]: string | number }): string {
  return Object.entries(members)
    .flatMap(([name, value]) => (typeof value === "number" ? [name.toLowerCase()] : []))
    .join(", ");
}
