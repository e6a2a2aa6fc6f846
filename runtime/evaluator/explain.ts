// Turns the machine's trace into words: which rules were tried, which tests failed and on what values. It reads what the
// machine did and decides nothing. Values at redacted paths are never shown.
import { Result, TRACE_EVENT_BYTES, TraceKind } from "../../vm/shared/abi.ts";
import { FIRST_VALUE_OP, JUMP_FAIL, Kind, Mode, Op, Root, Tri } from "../../vm/shared/isa.ts";
import type { FieldRow, ImageReader, RuleRow } from "./image.ts";
import { type InstructionRow, instructionAt, numberAt, trackText } from "./image-rows.ts";
import type { Machine } from "./machine.ts";
import { redactOf, ruleText } from "./rules.ts";
import type { RuleTrace, TestTrace } from "./types.ts";

/** Longest value shown, in characters. */
const VALUE_SHOWN = 120;
const decoder = new TextDecoder();

interface Event {
  readonly kind: TraceKind;
  readonly index: number;
  readonly result: number;
  readonly slotA: number;
  readonly slotC: number;
}

export function explainTrace(
  machine: Machine,
  image: ImageReader,
  plan: number,
): { rules: RuleTrace[]; meters: string[] } {
  const teller = new Teller(machine, image, redactOf(image, plan));
  const rules: RuleTrace[] = [];
  const meters: string[] = [];
  let tests: TestTrace[] = [];
  let strict = false;
  for (const event of events(machine)) {
    switch (event.kind) {
      case TraceKind.RuleBegins:
        tests = [];
        strict = image.rule(event.index).strict && image.rule(event.index).effect !== 0;
        break;
      case TraceKind.Test:
        tests.push(teller.test(event, strict));
        break;
      case TraceKind.RuleMatches:
      case TraceKind.RuleFails: {
        const row = image.rule(event.index);
        if (row.isGate) {
          meters.push(gateText(row, tests, event.kind === TraceKind.RuleMatches));
          break;
        }
        const place = image.debug(event.index);
        const rule_ref = place === null ? null : `${place.file}:${place.line}`;
        const outcome = event.kind === TraceKind.RuleMatches ? "match" : "no match";
        rules.push({ rule: event.index, text: ruleText(row, place), rule_ref, outcome, tests });
        break;
      }
      default:
        meters.push(teller.meter(event));
    }
  }
  return { rules, meters };
}

function* events(machine: Machine): Generator<Event> {
  const count = machine.resultInteger(Result.TraceEvents);
  for (let i = 0; i < count; i++) {
    const at = machine.trace + i * TRACE_EVENT_BYTES;
    yield {
      kind: machine.integers[at >> 2] ?? 0,
      index: machine.words[(at >> 2) + 1] ?? 0,
      result: machine.integers[(at >> 2) + 2] ?? 0,
      slotA: at + 16,
      slotC: at + 32,
    };
  }
}

class Teller {
  readonly #machine: Machine;
  readonly #image: ImageReader;
  readonly #redact: readonly string[];

  constructor(machine: Machine, image: ImageReader, redact: readonly string[]) {
    this.#machine = machine;
    this.#image = image;
    this.#redact = redact;
  }

  meter(event: Event): string {
    const image = this.#image;
    if (event.kind === TraceKind.PhaseBegins) return `phase ${image.phase(event.index).name} is active`;
    if (event.kind === TraceKind.StageBegins) return `the session is in phase ${image.stage(event.index).name}`;
    if (event.kind === TraceKind.StageHides) {
      return `the session is in phase ${image.stage(event.index).name}, where the tool is not visible`;
    }
    if (event.kind === TraceKind.Limit) {
      const { pattern, count, windowUs } = image.limit(event.index);
      return `limit ${pattern} ${count} per ${windowUs / 1e6} s: ${event.result === 0 ? "has a token" : "no token left"}`;
    }
    return `budget ${image.budgetId(event.index)}: ${event.result === 0 ? "has room" : "exceeded"}`;
  }

  /** `strict`: the whole condition was asked the other way round. */
  test(event: Event, strict: boolean): TestTrace {
    const instruction = instructionAt(this.#image, event.index);
    const asksFalse = (instruction.mode & 3) >= Mode.NeedFalse;
    // Of a strict rule the condition is asked the other way round, and never fails by falling through; a test of the
    // tool's name before it is asked straight.
    const asksTool = (instruction.mode & 3) === Mode.NeedTrue && instruction.jump === JUMP_FAIL;
    const inverted = asksFalse !== (strict && !asksTool);
    const { operator, opposite } = operators[instruction.op] ?? { operator: "?", opposite: "?" };
    // What equals a hidden value is as telling as the value.
    const pair = instruction.op >= Op.Equal && this.#isRedacted(event.index, instruction.c);
    const hidden = pair || this.#isRedacted(event.index, instruction.a);
    const result =
      event.result === Tri.Unknown ? "unknown" : (event.result === Tri.True) !== inverted ? "true" : "false";
    return {
      operand: this.#operand(event.index, instruction.a),
      operator: inverted ? opposite : operator,
      expected: this.#expected(event, instruction),
      found: hidden ? "redacted" : this.#value(event.slotA),
      result,
    };
  }

  #expected(event: Event, instruction: InstructionRow): string {
    const image = this.#image;
    switch (instruction.op) {
      case Op.Truth:
        return "true";
      case Op.Nil:
      case Op.EqNull:
        return "nil";
      case Op.EqNumber:
      case Op.LtNumber:
      case Op.LeNumber:
      case Op.ContainsNumber:
        return String(numberAt(image, instruction.b));
      case Op.EqBool:
      case Op.ContainsBool:
        return instruction.b === 1 ? "true" : "false";
      case Op.InSet:
        return `[${this.#image
          .set(instruction.b)
          .map((m) => this.#member(m))
          .join(", ")}]`;
      case Op.Matches:
      case Op.AnyMatches:
        return "its pattern";
      default:
        if (instruction.op < Op.Equal) return JSON.stringify(image.string(instruction.b));
        return [instruction.a, instruction.c].some((slot) => this.#isRedacted(event.index, slot))
          ? "redacted"
          : this.#value(event.slotC);
    }
  }

  #member(member: { readonly kind: number; readonly reference: number }): string {
    switch (member.kind) {
      case Kind.Null:
        return "nil";
      case Kind.Bool:
        return member.reference === 1 ? "true" : "false";
      case Kind.Number:
        return String(numberAt(this.#image, member.reference));
      default:
        return JSON.stringify(this.#image.string(member.reference));
    }
  }

  /** A field's name, or the expression that a temporary was computed from, found backwards from the test. */
  #operand(instruction: number, slot: number): string {
    const field = this.#image.field(slot);
    if (field.root !== Root.Temporary) return fieldText(field);
    const made = this.#maker(instruction, slot);
    if (made === null) return "a value";
    const { at, row } = made;
    switch (row.op) {
      case Op.LoadNumber:
        return String(numberAt(this.#image, row.b));
      case Op.LoadString:
        return JSON.stringify(this.#image.string(row.b));
      case Op.LoadBool:
        return row.b === 1 ? "true" : "false";
      case Op.LoadNull:
        return "nil";
      case Op.Look:
        return lookText(trackText(this.#image, row.b));
      case Op.Negate:
        return `-${this.#inner(at, row.b)}`;
      case Op.Length:
      case Op.Count:
        return `len(${this.#operand(at, row.b)})`;
      case Op.Lower:
        return `lower(${this.#operand(at, row.b)})`;
      case Op.Upper:
        return `upper(${this.#operand(at, row.b)})`;
      default:
        return `${this.#inner(at, row.b)} ${signs[row.op] ?? "?"} ${this.#inner(at, row.c)}`;
    }
  }

  /** An operand within arithmetic: in parentheses when it is arithmetic itself. */
  #inner(instruction: number, slot: number): string {
    const text = this.#operand(instruction, slot);
    const isField = this.#image.field(slot).root !== Root.Temporary;
    const made = isField ? null : this.#maker(instruction, slot);
    return made !== null && signs[made.row.op] !== undefined ? `(${text})` : text;
  }

  #maker(instruction: number, slot: number): { at: number; row: InstructionRow } | null {
    for (let at = instruction - 1; at >= 0; at--) {
      const row = instructionAt(this.#image, at);
      if (row.op < FIRST_VALUE_OP) return null;
      if (row.a === slot) return { at, row };
    }
    return null;
  }

  #isRedacted(instruction: number, slot: number): boolean {
    const field = this.#image.field(slot);
    if (field.root === Root.Temporary) {
      const made = this.#maker(instruction, slot);
      if (made === null) return true;
      if (made.row.op <= Op.LoadNull || made.row.op === Op.Look) return false;
      const second = made.row.op <= Op.Remainder && this.#isRedacted(made.at, made.row.c);
      return second || this.#isRedacted(made.at, made.row.b);
    }
    if (field.root !== Root.Args && field.root !== Root.Http) return false;
    const path = field.path.map((part) => (typeof part === "number" ? "[]" : part));
    return this.#redact.some((text) => overlaps(path, redactionPath(text)));
  }

  #value(slot: number): string {
    const { words, numbers, bytes } = this.#machine;
    const at = slot >> 2;
    switch (words[at]) {
      case Kind.Missing:
        return "missing";
      case Kind.Null:
        return "nil";
      case Kind.Bool:
        return words[at + 2] === 1 ? "true" : "false";
      case Kind.Number:
        return String(numbers[(slot >> 3) + 1]);
      case Kind.String: {
        const start = words[at + 2] ?? 0;
        const text = decoder.decode(bytes.subarray(start, start + (words[at + 1] ?? 0)));
        return text.length > VALUE_SHOWN ? `${JSON.stringify(text.slice(0, VALUE_SHOWN))}…` : JSON.stringify(text);
      }
      case Kind.List:
        return `a list of ${words[at + 1]}`;
      case Kind.Object:
        return "an object";
      default:
        return "no value";
    }
  }
}

/** `egress: host "evil.example" is not allowed`. */
function gateText({ pattern: keyword, reason }: RuleRow, tests: readonly TestTrace[], refused: boolean): string {
  if (keyword === "selector") return `selector ${reason}: ${refused ? "it has no value" : "it has a value"}`;
  const operand = keyword === "egress" ? "host" : "model";
  const found = tests.findLast((test) => test.operand === operand)?.found ?? "missing";
  const what = found === "missing" ? `no ${operand}` : `${operand} ${found}`;
  return `${keyword}: ${what} is ${refused ? "not allowed" : "allowed"}`;
}

/** "items[].card" as parts; list positions are all alike. */
function redactionPath(text: string): string[] {
  return text.split(".").flatMap((part) => {
    const name = part.replace(/(\[\d*\])+$/, "");
    const lists = (part.length - name.length) / 2;
    return [name, ...Array.from({ length: Math.ceil(lists) }, () => "[]")];
  });
}

/** One path begins the other: a test on a whole object would show the redacted part of it too. */
function overlaps(a: readonly string[], b: readonly string[]): boolean {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const rootWords: Partial<Record<Root, string>> = {
  [Root.Tool]: "tool",
  [Root.Agent]: "agent",
  [Root.Action]: "action",
  [Root.Model]: "model",
  [Root.Principal]: "principal",
  [Root.Session]: "session.id",
  [Root.Delegation]: "delegation",
  [Root.Purpose]: "purpose",
  [Root.Selectors]: "selectors",
};

const timeWords = ["now", "minute", "hour", "day", "month", "weekday"];

function fieldText(field: FieldRow): string {
  if (field.root === Root.Time) return `time.${timeWords[Number(field.path[0])] ?? "?"}`;
  const path = field.path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join("");
  const word = rootWords[field.root];
  return word === undefined ? path : path === "" ? word : `${word}.${path}`;
}

/** `count 3600000000 stripe/*` as the author would say it. */
function lookText(text: string): string {
  const [kind = "", ...words] = text.split(" ");
  const windowUs =
    words.length > 0 && kind !== "sequence" && /^\d+$/.test(words[0] ?? "") ? Number(words.shift()) : null;
  const window = windowUs === null ? [] : [`${windowUs / 1e6}s`];
  if (kind === "denials") return `deny_count_within(${window.join("")})`;
  if (kind === "within") return `history_contains_within(${[...words, ...window].join(", ")})`;
  if (kind === "sequence") return `history_sequence(${words.join(", ")})`;
  return `session.${kind}(${[words.join("."), ...window].join(", ")})`;
}

const signs: Partial<Record<number, string>> = {
  [Op.Add]: "+",
  [Op.Subtract]: "-",
  [Op.Multiply]: "*",
  [Op.Divide]: "/",
  [Op.Remainder]: "%",
};

const eq = { operator: "==", opposite: "!=" };
const lt = { operator: "<", opposite: ">=" };
const le = { operator: "<=", opposite: ">" };
const within = { operator: "in", opposite: "not in" };
const holds = { operator: "contains", opposite: "does not contain" };
const starts = { operator: "starts_with", opposite: "does not start with" };
const ends = { operator: "ends_with", opposite: "does not end with" };

const operators: Partial<Record<number, { operator: string; opposite: string }>> = {
  [Op.Truth]: { operator: "is", opposite: "is not" },
  [Op.Nil]: eq,
  [Op.EqNumber]: eq,
  [Op.LtNumber]: lt,
  [Op.LeNumber]: le,
  [Op.EqString]: eq,
  [Op.LtString]: lt,
  [Op.LeString]: le,
  [Op.EqBool]: eq,
  [Op.EqNull]: eq,
  [Op.InSet]: within,
  [Op.ContainsString]: holds,
  [Op.ContainsNumber]: holds,
  [Op.ContainsBool]: holds,
  [Op.StartsString]: starts,
  [Op.EndsString]: ends,
  [Op.Matches]: { operator: "matches", opposite: "does not match" },
  [Op.EqFolded]: eq,
  [Op.HasText]: holds,
  [Op.ListHasString]: holds,
  [Op.AnyMatches]: { operator: "has a member that matches", opposite: "has no member that matches" },
  [Op.Equal]: eq,
  [Op.Less]: lt,
  [Op.LessEqual]: le,
  [Op.InList]: within,
  [Op.Contains]: holds,
  [Op.Starts]: starts,
  [Op.Ends]: ends,
};
