// Instructions as lines, both ways: `LtNumber args.amount, 500    true → match, else fail`. What an operation takes stands in
// one table, so that a new one does not compile until it is there.
import { INSTRUCTION_BYTES, JUMP_FAIL, JUMP_MATCH, JUMP_MAX, Mode, Op } from "../../vm/shared/isa.ts";
import type { Bytes } from "../bytes.ts";
import { type Cursor, numberText, quotedText } from "./cursor.ts";
import type { Tables } from "./tables.ts";

/** What `b` and `c` are. Values are written to `a`, tests ask of it. */
export enum Form {
  Test = 0,
  TestNumber = 1,
  TestString = 2,
  TestBool = 3,
  TestSet = 4,
  TestAutomaton = 5,
  TestSlot = 6,
  LoadNumber = 7,
  LoadString = 8,
  LoadBool = 9,
  LoadNull = 10,
  LoadTrack = 11,
  OfSlot = 12,
  OfSlots = 13,
}

const forms: Record<Exclude<Op, Op.End>, Form> = {
  [Op.Truth]: Form.Test,
  [Op.Nil]: Form.Test,
  [Op.EqNumber]: Form.TestNumber,
  [Op.LtNumber]: Form.TestNumber,
  [Op.LeNumber]: Form.TestNumber,
  [Op.EqString]: Form.TestString,
  [Op.LtString]: Form.TestString,
  [Op.LeString]: Form.TestString,
  [Op.EqBool]: Form.TestBool,
  [Op.EqNull]: Form.Test,
  [Op.InSet]: Form.TestSet,
  [Op.ContainsString]: Form.TestString,
  [Op.ContainsNumber]: Form.TestNumber,
  [Op.ContainsBool]: Form.TestBool,
  [Op.StartsString]: Form.TestString,
  [Op.EndsString]: Form.TestString,
  [Op.Matches]: Form.TestAutomaton,
  [Op.EqFolded]: Form.TestString,
  [Op.HasText]: Form.TestString,
  [Op.ListHasString]: Form.TestString,
  [Op.AnyMatches]: Form.TestAutomaton,
  [Op.Equal]: Form.TestSlot,
  [Op.Less]: Form.TestSlot,
  [Op.LessEqual]: Form.TestSlot,
  [Op.InList]: Form.TestSlot,
  [Op.Contains]: Form.TestSlot,
  [Op.Starts]: Form.TestSlot,
  [Op.Ends]: Form.TestSlot,
  [Op.LoadNumber]: Form.LoadNumber,
  [Op.LoadString]: Form.LoadString,
  [Op.LoadBool]: Form.LoadBool,
  [Op.LoadNull]: Form.LoadNull,
  [Op.Add]: Form.OfSlots,
  [Op.Subtract]: Form.OfSlots,
  [Op.Multiply]: Form.OfSlots,
  [Op.Divide]: Form.OfSlots,
  [Op.Remainder]: Form.OfSlots,
  [Op.Negate]: Form.OfSlot,
  [Op.Length]: Form.OfSlot,
  [Op.Count]: Form.OfSlot,
  [Op.Lower]: Form.OfSlot,
  [Op.Upper]: Form.OfSlot,
  [Op.Look]: Form.LoadTrack,
};

/** An instruction's members as they stand in the image. */
export interface Row {
  readonly op: number;
  readonly mode: number;
  readonly a: number;
  readonly b: number;
  readonly jump: number;
  readonly c: number;
}

/** What the printer asks of the image. */
export interface Names {
  slot(index: number): string;
  string(index: number): string;
  number(index: number): number;
  set(index: number): string;
}

/** Column at which an instruction's outcomes begin. */
const OUTCOME_COLUMN = 44;

export function instructionText(row: Row, index: number, names: Names): string {
  const form = (forms as { readonly [op: number]: Form })[row.op] ?? Form.Test;
  const words = `  ${String(index).padStart(3)}  ${operationText(row, form, names)}`;
  if (form >= Form.LoadNumber) return words;
  const next = (row.mode & Mode.Last) !== 0 ? "match" : String(index + 1);
  const away = row.jump === JUMP_FAIL ? "fail" : row.jump === JUMP_MATCH ? "match" : String(index + 1 + row.jump);
  const asked = (row.mode & 3) < Mode.NeedFalse ? "true" : "false";
  const skips = (row.mode & 1) !== 0;
  const [hit, miss] = skips ? [away, next] : [next, away];
  return `${words.padEnd(OUTCOME_COLUMN)}  ${asked} → ${hit}, else ${miss}${skips && hit === miss ? ", skips" : ""}`;
}

function operationText({ op, a, b, c }: Row, form: Form, names: Names): string {
  const name = Op[op] ?? `op ${op}`;
  const slot = names.slot(a);
  switch (form) {
    case Form.Test:
      return `${name} ${slot}`;
    case Form.TestNumber:
      return `${name} ${slot}, ${numberText(names.number(b))}`;
    case Form.TestString:
      return `${name} ${slot}, ${quotedText(names.string(b))}`;
    case Form.TestBool:
      return `${name} ${slot}, ${b === 1}`;
    case Form.TestSet:
      return `${name} ${slot}, ${names.set(b)}`;
    case Form.TestAutomaton:
      return `${name} ${slot}, automaton ${b}`;
    case Form.TestSlot:
      return `${name} ${slot}, ${names.slot(c)}`;
    case Form.LoadNumber:
      return `${slot} = ${numberText(names.number(b))}`;
    case Form.LoadString:
      return `${slot} = ${quotedText(names.string(b))}`;
    case Form.LoadBool:
      return `${slot} = ${b === 1}`;
    case Form.LoadNull:
      return `${slot} = nil`;
    case Form.LoadTrack:
      return `${slot} = ${name} track ${b}`;
    case Form.OfSlot:
      return `${slot} = ${name} ${names.slot(b)}`;
    case Form.OfSlots:
      return `${slot} = ${name} ${names.slot(b)}, ${names.slot(c)}`;
  }
}

/** Reads the `index`th of `count` instructions and writes it. */
export function readInstruction(cursor: Cursor, index: number, count: number, tables: Tables, code: Bytes): void {
  if (cursor.whole() !== index) cursor.fail(`instruction ${index}: they are counted from 0`);
  cursor.match(/ +/y);
  const test = cursor.match(/[A-Z]\w*/y);
  const start = code.length;
  if (test === null) readValue(cursor, tables, code);
  else readTest(cursor, test, { index, count, tables, code });
  cursor.match(/ +/y);
  cursor.end();
  if (code.length - start !== INSTRUCTION_BYTES) throw new Error("an instruction has another length");
}

interface Place {
  readonly index: number;
  readonly count: number;
  readonly tables: Tables;
  readonly code: Bytes;
}

function opOf(cursor: Cursor, name: string): [Op, Form] {
  const op = (Op as unknown as { readonly [name: string]: Op | undefined })[name];
  const form = op === undefined ? undefined : (forms as { readonly [op: number]: Form })[op];
  if (op === undefined || form === undefined) cursor.fail(`an operation: there is no \`${name}\``);
  return [op, form];
}

function readTest(cursor: Cursor, name: string, { index, count, tables, code }: Place): void {
  const [op, form] = opOf(cursor, name);
  if (form >= Form.LoadNumber) cursor.fail(`a slot to write, as in \`t0 = ${name} …\``);
  cursor.expect(" ");
  const a = tables.slot(cursor);
  let [b, c] = [0, 0];
  if (form !== Form.Test) cursor.expect(", ");
  if (form === Form.TestNumber) b = tables.numbers.of(cursor.number());
  else if (form === Form.TestString) b = tables.strings.of(cursor.quoted());
  else if (form === Form.TestBool) b = readBool(cursor);
  else if (form === Form.TestSet) b = tables.set(cursor);
  else if (form === Form.TestSlot) c = tables.slot(cursor);
  else if (form === Form.TestAutomaton) {
    cursor.expect("automaton ");
    b = cursor.whole();
  }
  const { mode, jump } = readOutcome(cursor, index, count);
  code.u8(op).u8(mode).u16(a).u32(b).u16(jump).u16(c);
}

function readBool(cursor: Cursor): number {
  if (cursor.eat("true")) return 1;
  cursor.expect("false");
  return 0;
}

/** `true → 2, else fail`. */
function readOutcome(cursor: Cursor, index: number, count: number): { mode: number; jump: number } {
  cursor.match(/ +/y);
  const asked = cursor.match(/true|false/y) ?? cursor.fail("`true` or `false`");
  cursor.expect(" → ");
  const hit = cursor.match(/match|fail|\d{1,5}/y) ?? cursor.fail("where to go on");
  cursor.expect(", else ");
  const miss = cursor.match(/match|fail|\d{1,5}/y) ?? cursor.fail("where to go on");
  const isLast = index + 1 === count;
  const next = isLast ? "match" : String(index + 1);
  const skips = hit === miss ? cursor.eat(", skips") : hit !== next;
  if ((skips ? miss : hit) !== next) cursor.fail(`\`${next}\` as one of both outcomes: it is what follows`);
  const away = skips ? hit : miss;
  const jump = away === "fail" ? JUMP_FAIL : away === "match" ? JUMP_MATCH : Number(away) - index - 1;
  if (jump < 0 || (jump > JUMP_MAX && jump !== JUMP_FAIL && jump !== JUMP_MATCH))
    cursor.fail("a jump that goes forward");
  const need = asked === "true" ? Mode.NeedTrue : Mode.NeedFalse;
  return { mode: need + (skips ? 1 : 0) + (isLast ? Mode.Last : 0), jump };
}

/** `t0 = Add args.a, args.b`, `t1 = 5`. */
function readValue(cursor: Cursor, tables: Tables, code: Bytes): void {
  const a = tables.slot(cursor);
  cursor.expect(" = ");
  const name = cursor.match(/[A-Z]\w*/y);
  const [op, b, c] = name === null ? readConstant(cursor, tables) : readOperation(cursor, name, tables);
  code.u8(op).u8(0).u16(a).u32(b).u16(0).u16(c);
}

type Value = readonly [op: Op, b: number, c: number];

function readConstant(cursor: Cursor, tables: Tables): Value {
  if (cursor.isAtQuote()) return [Op.LoadString, tables.strings.of(cursor.quoted()), 0];
  if (cursor.eat("nil")) return [Op.LoadNull, 0, 0];
  if (cursor.eat("true")) return [Op.LoadBool, 1, 0];
  if (cursor.eat("false")) return [Op.LoadBool, 0, 0];
  return [Op.LoadNumber, tables.numbers.of(cursor.number()), 0];
}

function readOperation(cursor: Cursor, name: string, tables: Tables): Value {
  const [op, form] = opOf(cursor, name);
  cursor.expect(" ");
  if (form === Form.LoadTrack) {
    cursor.expect("track ");
    return [op, cursor.whole(), 0];
  }
  if (form !== Form.OfSlot && form !== Form.OfSlots)
    cursor.fail(`an operation that has a value: \`${name}\` is a test`);
  const b = tables.slot(cursor);
  if (form === Form.OfSlot) return [op, b, 0];
  cursor.expect(", ");
  return [op, b, tables.slot(cursor)];
}
