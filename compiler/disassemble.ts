// An image as text for people: every rule with its instructions, every table, every plan, with names in place of numbers.
// The text is complete: assemble gives the same bytes back. Pure: it reads what is there and proves nothing.
import {
  AGENT_ROW_BYTES,
  DEBUG_ROW_BYTES,
  EXACT_PROBE_LIMIT,
  EXACT_ROW_BYTES,
  PLAN_ROW_BYTES,
  RULE_ROW_BYTES,
  SET_MEMBER_BYTES,
  SET_ROW_BYTES,
  Section,
  SHAPE_ROW_BYTES,
} from "../vm/shared/image.ts";
import { INSTRUCTION_BYTES, Kind, RULE_GATE, RULE_STRICT, RuleEffect } from "../vm/shared/isa.ts";
import { sectionsOf } from "./assemble.ts";
import { ImageView } from "./image-view.ts";
import { automatonText, dispatchBytes, dispatchText, hexLines } from "./listing/automata.ts";
import { instructionText } from "./listing/code.ts";
import { rowsOfMeters, rowText } from "./listing/columns.ts";
import { isPlain, ListingFailure, nameText, numberText, quotedText } from "./listing/cursor.ts";
import { fieldText } from "./listing/fields.ts";
import { shapeText } from "./listing/shapes.ts";

/** The mask of an agent without exact names. */
const NO_EXACT = 0xffffffff;

const effectWords: Record<RuleEffect, string> = {
  [RuleEffect.Permit]: "permit",
  [RuleEffect.Deny]: "deny",
  [RuleEffect.Defer]: "defer",
  [RuleEffect.Mandatory]: "deny!",
};

/** The listing of an image. Throws RangeError when the bytes are no image or point outside of themselves. */
export function disassemble(image: Uint8Array): string {
  const view = new ImageView(image);
  const text = new Listing(view).text();
  const read = sectionsIn(text);
  const raw = rawSections(view, read ?? []);
  if (raw.length === 0) return text;
  // What cannot be read back stands there as remarks, and every section as its bytes.
  const shown = read === null ? text.replace(/^(?=.)/gm, "# ").replace(/^# (image format .*)$/m, "$1") : text;
  return `${shown}\n${raw.join("\n\n")}\n`;
}

type Sections = readonly { bytes(): Uint8Array }[];

/** What the text gives back; null where it gives nothing. */
function sectionsIn(text: string): Sections | null {
  try {
    return sectionsOf(text);
  } catch (error) {
    if (error instanceof ListingFailure) return null;
    throw error;
  }
}

/** Sections that the listing does not give back, as their bytes: none of an image that the compiler made. */
function rawSections(view: ImageView, read: Sections): string[] {
  return Array.from({ length: Section.End }, (_, section) => section as Section).flatMap((section) => {
    const bytes = view.bytes.subarray(view.at(section), view.at(section) + view.length(section));
    const same = read[section]?.bytes();
    if (same !== undefined && same.length === bytes.length && same.every((byte, i) => byte === bytes[i])) return [];
    return [[`raw ${Section[section]}`, ...hexLines(bytes)].join("\n")];
  });
}

class Listing {
  readonly #view: ImageView;
  readonly #firstTemporary: number;
  readonly #files: readonly string[];
  readonly #names = {
    slot: (index: number): string => this.#slot(index),
    string: (index: number): string => this.#view.string(index),
    number: (index: number): number => this.#view.number(index),
    set: (index: number): string => this.#set(index),
  };

  constructor(view: ImageView) {
    this.#view = view;
    this.#firstTemporary = view.firstTemporary;
    const rules = view.rows(Section.Rules, RULE_ROW_BYTES).length;
    const texts = view.length(Section.DebugStrings) === 0 ? 0 : view.count(Section.DebugStrings);
    this.#files = Array.from({ length: Math.max(0, texts - rules) }, (_, i) => view.string(i, Section.DebugStrings));
  }

  text(): string {
    const view = this.#view;
    const parts = [
      [`image format ${view.u16(4)}, instructions ${view.u16(6)}, ${view.bytes.length} bytes`],
      ...view.rows(Section.Rules, RULE_ROW_BYTES).map((row, i) => this.#rule(row, i)),
      ...rowsOfMeters.map((rows) =>
        view.rows(rows.section, rows.bytes).map((at, i) => rowText(rows, i, view.data(at, rows.bytes), this.#names)),
      ),
      ...view.rows(Section.Agents, AGENT_ROW_BYTES).map((row) => this.#agent(row)),
      view.rows(Section.Plans, PLAN_ROW_BYTES).map((row, i) => this.#plan(row, i)),
      view.rows(Section.Shapes, SHAPE_ROW_BYTES).flatMap((row, i) => shapeText(view, row, i)),
      ...this.#automata(),
      ...this.#tables(),
      [`host ${visibleJson(view.text(Section.Host))}`],
      ...this.#sources(),
    ];
    return `${parts
      .filter((lines) => lines.length > 0)
      .map((lines) => lines.join("\n"))
      .join("\n\n")}\n`;
  }

  #rule(row: number, index: number): string[] {
    const view = this.#view;
    const first = view.u32(row);
    const count = first === 0 ? 0 : view.u16(row + 4);
    const reason = view.u32(row + 12);
    const strict = (view.u8(row + 7) & RULE_STRICT) !== 0 ? ", strict" : "";
    const why = reason === 0 ? "" : `, reason ${quotedText(view.string(reason - 1))}`;
    const effect = effectWords[view.u8(row + 6) as RuleEffect] ?? "?";
    const kind = (view.u8(row + 7) & RULE_GATE) !== 0 ? "gate" : "rule";
    const name = nameText(view.string(view.u32(row + 8)));
    const lines = [`${kind} ${index}: ${effect} ${name}${strict}${why}${this.#place(index)}`];
    for (let i = 0; i < count; i++) {
      const at = view.at(Section.Code) + (first - 1 + i) * INSTRUCTION_BYTES;
      const instruction = {
        op: view.u8(at),
        mode: view.u8(at + 1),
        a: view.u16(at + 2),
        b: view.u32(at + 4),
        jump: view.u16(at + 8),
        c: view.u16(at + 10),
      };
      lines.push(instructionText(instruction, i, this.#names));
    }
    return lines;
  }

  /** `  # governance.fms:3:5 permit …`: where a rule stands, and its words. */
  #place(rule: number): string {
    const view = this.#view;
    if (view.length(Section.Debug) === 0) return "";
    const row = view.at(Section.Debug) + rule * DEBUG_ROW_BYTES;
    const file = view.string(view.u16(row + 6), Section.DebugStrings);
    const text = view.string(view.u32(row + 8), Section.DebugStrings);
    const shown = isPlain(text) && !text.startsWith('"') ? text : quotedText(text);
    return `  # ${/^[\w./@-]+$/.test(file) ? file : quotedText(file)}:${view.u32(row)}:${view.u16(row + 4)} ${shown}`;
  }

  /** `args.amount`, or `t0` for a temporary. */
  #slot(index: number): string {
    if (index >= this.#firstTemporary) return `t${index - this.#firstTemporary}`;
    return fieldText(this.#view.field(index));
  }

  #set(index: number): string {
    const view = this.#view;
    const row = view.at(Section.Sets) + index * SET_ROW_BYTES;
    const first = view.at(Section.Members) + view.u32(row) * SET_MEMBER_BYTES;
    const members = view.list(first, view.u32(row + 4), SET_MEMBER_BYTES).map((at) => this.#member(at));
    return `[${members.join(", ")}]`;
  }

  #member(at: number): string {
    const reference = this.#view.u32(at + 4);
    switch (this.#view.u32(at)) {
      case Kind.Null:
        return "nil";
      case Kind.Bool:
        return String(reference === 1);
      case Kind.Number:
        return numberText(this.#view.number(reference));
      default:
        return quotedText(this.#view.string(reference));
    }
  }

  #automata(): string[][] {
    const view = this.#view;
    const base = view.at(Section.Automata);
    const offsets = view.rows(Section.AutomataIndex, 4).map((row) => view.u32(row));
    return offsets.slice(0, -1).map((offset, i) => {
      const end = offsets[i + 1] ?? offset;
      if (end < offset || base + end > view.bytes.length)
        throw new RangeError("an automaton points outside of the image");
      return automatonText(i, view.bytes.subarray(base + offset, base + end));
    });
  }

  #agent(row: number): string[] {
    const view = this.#view;
    const id = view.string(view.u32(row));
    const mask = view.u32(row + 8);
    const lines = [`agent ${id === "" ? "(any other)" : quotedText(id)}`];
    const first = view.at(Section.Exact) + view.u32(row + 4) * 8;
    const rows = mask === NO_EXACT ? [] : view.list(first, mask + 1 + EXACT_PROBE_LIMIT, EXACT_ROW_BYTES);
    const named = rows.filter((at) => view.u32(at) !== 0);
    lines.push(...named.map((at) => `  ${nameText(view.string(view.u32(at) - 1))} → plan ${view.u32(at + 4)}`));
    const dispatch = view.u32(row + 12);
    const plan = view.u32(row + 16);
    if (dispatch === 0) return [...lines, `  other tools → plan ${plan}`];
    const bytes = view.bytes.subarray(view.at(Section.Dispatch) + dispatch - 1);
    lines.push(...dispatchText(bytes.subarray(0, dispatchBytes(bytes))));
    return plan === 0 ? lines : [...lines, `  else plan ${plan}`];
  }

  #plan(row: number, index: number): string {
    const rules = this.#view.pool(this.#view.u32(row + 4), this.#view.u32(row + 8));
    return `plan ${index}: shape ${this.#view.u32(row)}, rules ${rules.join(" ") || "none"}`;
  }

  /** What rows refer to by number, in the order of the numbers. */
  #tables(): string[][] {
    const view = this.#view;
    const temporaries = view.rows(Section.Fields, 8).length - this.#firstTemporary;
    const count = (length: number, line: (index: number) => string): string[] =>
      Array.from({ length }, (_, i) => line(i));
    return [
      count(this.#firstTemporary, (i) => `field ${i}: ${this.#slot(i)}`),
      temporaries === 0 ? [] : [`temporaries ${temporaries}`],
      view.rows(Section.Sets, SET_ROW_BYTES).map((_, i) => `set ${i}: ${this.#set(i)}`),
      view.rows(Section.Numbers, 8).map((_, i) => `number ${i}: ${numberText(view.number(i))}`),
      count(view.count(Section.Strings), (i) => `string ${i}: ${quotedText(view.string(i))}`),
      this.#files.map((file, i) => `file ${i}: ${nameText(file)}`),
    ];
  }

  #sources(): string[][] {
    const sources = jsonIn(this.#view.text(Section.Sources));
    if (!Array.isArray(sources)) return [];
    return sources.map((source: { readonly file?: unknown; readonly text?: unknown } | null) => {
      const lines = String(source?.text).split("\n");
      return [
        `source ${nameText(String(source?.file))}`,
        ...lines.map((line) => (line === "" ? "  |" : isPlain(line) ? `  | ${line}` : `  ${quotedText(line)}`)),
      ];
    });
  }
}

/** The value, or null for what is no JSON. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** JSON with what a terminal would not show as escapes: the same value. */
function visibleJson(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (found) => quotedText(found).slice(1, -1));
}
