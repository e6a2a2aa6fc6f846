// An image as text for people: every rule with its instructions, every table, every plan, with names in place of numbers.
// Pure: it reads what is there and proves nothing.
import {
  AGENT_ROW_BYTES,
  BUDGET_AUDIT,
  BUDGET_ROW_BYTES,
  Budget,
  BudgetWindow,
  CostKind,
  DEBUG_ROW_BYTES,
  DISPATCH_HEADER_BYTES,
  EXACT_PROBE_LIMIT,
  EXACT_ROW_BYTES,
  LIMIT_ROW_BYTES,
  PHASE_ROW_BYTES,
  PLAN_ROW_BYTES,
  RULE_ROW_BYTES,
  SET_MEMBER_BYTES,
  SET_ROW_BYTES,
  Section,
  SHAPE_NAMED,
  SHAPE_ROW_BYTES,
  SHAPE_SESSION,
  SHAPE_TIME,
  Shape,
  STAGE_ROW_BYTES,
  TRACK_ROW_BYTES,
  Track,
} from "../vm/shared/image.ts";
import {
  FIRST_VALUE_OP,
  INSTRUCTION_BYTES,
  JUMP_FAIL,
  JUMP_MATCH,
  Kind,
  Mode,
  Op,
  Root,
  RULE_GATE,
  RULE_STRICT,
  RuleEffect,
  TimePart,
} from "../vm/shared/isa.ts";
import { ImageView } from "./image-view.ts";

/** The mask of an agent without exact names. */
const NO_EXACT = 0xffffffff;
/** Column at which an instruction's outcomes begin. */
const OUTCOME_COLUMN = 44;

const effectWords: Record<RuleEffect, string> = {
  [RuleEffect.Permit]: "permit",
  [RuleEffect.Deny]: "deny",
  [RuleEffect.Defer]: "defer",
  [RuleEffect.Mandatory]: "deny!",
};

/** The listing of an image. Throws RangeError when the bytes are no image or point outside of themselves. */
export function disassemble(image: Uint8Array): string {
  return new Listing(new ImageView(image)).text();
}

class Listing {
  readonly #view: ImageView;
  readonly #firstTemporary: number;

  constructor(view: ImageView) {
    this.#view = view;
    this.#firstTemporary = view.firstTemporary;
  }

  text(): string {
    const view = this.#view;
    const parts = [
      [`image format ${view.u16(4)}, instructions ${view.u16(6)}, ${view.bytes.length} bytes`],
      ...view.rows(Section.Rules, RULE_ROW_BYTES).map((row, i) => this.#rule(row, i)),
      this.#automata(),
      view.rows(Section.Limits, LIMIT_ROW_BYTES).map((row, i) => this.#limit(row, i)),
      view.rows(Section.Budgets, BUDGET_ROW_BYTES).map((row, i) => this.#budget(row, i)),
      view.rows(Section.Phases, PHASE_ROW_BYTES).map((row, i) => this.#phase(row, i)),
      view.rows(Section.Stages, STAGE_ROW_BYTES).map((row, i) => this.#stage(row, i)),
      view.rows(Section.Tracks, TRACK_ROW_BYTES).map((row, i) => this.#track(row, i)),
      ...view.rows(Section.Agents, AGENT_ROW_BYTES).map((row) => this.#agent(row)),
      view.rows(Section.Plans, PLAN_ROW_BYTES).map((row, i) => this.#plan(row, i)),
      view.rows(Section.Shapes, SHAPE_ROW_BYTES).flatMap((row, i) => this.#shape(row, i)),
      [`host ${view.text(Section.Host)}`],
    ];
    return `${parts
      .filter((lines) => lines.length > 0)
      .map((lines) => lines.join("\n"))
      .join("\n\n")}\n`;
  }

  #rule(row: number, index: number): string[] {
    const view = this.#view;
    const first = view.u32(row);
    const reason = view.u32(row + 12);
    const strict = (view.u8(row + 7) & RULE_STRICT) !== 0 ? ", strict" : "";
    const why = reason === 0 ? "" : `, reason ${JSON.stringify(view.string(reason - 1))}`;
    const effect = effectWords[view.u8(row + 6) as RuleEffect] ?? "?";
    const kind = (view.u8(row + 7) & RULE_GATE) !== 0 ? "gate" : "rule";
    const lines = [`${kind} ${index}: ${effect} ${view.string(view.u32(row + 8))}${strict}${why}${this.#place(index)}`];
    for (let i = 0; first > 0 && i < view.u16(row + 4); i++) {
      lines.push(this.#instruction(view.at(Section.Code) + (first - 1 + i) * INSTRUCTION_BYTES, i));
    }
    return lines;
  }

  #place(rule: number): string {
    const view = this.#view;
    if (view.length(Section.Debug) === 0) return "";
    const row = view.at(Section.Debug) + rule * DEBUG_ROW_BYTES;
    const source = view.u16(row + 6);
    const where = source === 0 ? "line " : `${view.string(source, Section.DebugStrings)}:`;
    return `  # ${where}${view.u32(row)}`;
  }

  #instruction(at: number, index: number): string {
    const op: Op = this.#view.u8(at);
    const words = `  ${String(index).padStart(3)}  ${this.#operation(op, at)}`;
    if (op >= FIRST_VALUE_OP) return words;
    const mode = this.#view.u8(at + 1);
    const jump = this.#view.u16(at + 8);
    const next = (mode & Mode.Last) !== 0 ? "match" : String(index + 1);
    const away = jump === JUMP_FAIL ? "fail" : jump === JUMP_MATCH ? "match" : String(index + 1 + jump);
    const asked = (mode & 3) < Mode.NeedFalse ? "true" : "false";
    const [hit, miss] = (mode & 1) === 0 ? [next, away] : [away, next];
    return `${words.padEnd(OUTCOME_COLUMN)}  ${asked} → ${hit}, else ${miss}`;
  }

  #operation(op: Op, at: number): string {
    const view = this.#view;
    const a = this.#slot(view.u16(at + 2));
    const b = view.u32(at + 4);
    const c = view.u16(at + 10);
    const name = Op[op] ?? `op ${op}`;
    switch (op) {
      case Op.Truth:
      case Op.Nil:
      case Op.EqNull:
        return `${name} ${a}`;
      case Op.LoadNull:
        return `${a} = nil`;
      case Op.EqNumber:
      case Op.LtNumber:
      case Op.LeNumber:
      case Op.ContainsNumber:
        return `${name} ${a}, ${view.number(b)}`;
      case Op.LoadNumber:
        return `${a} = ${view.number(b)}`;
      case Op.EqBool:
      case Op.ContainsBool:
        return `${name} ${a}, ${b === 1}`;
      case Op.LoadBool:
        return `${a} = ${b === 1}`;
      case Op.InSet:
        return `${name} ${a}, ${this.#set(b)}`;
      case Op.Matches:
      case Op.AnyMatches:
        return `${name} ${a}, automaton ${b}`;
      case Op.LoadString:
        return `${a} = ${JSON.stringify(view.string(b))}`;
      case Op.Look:
        return `${a} = ${name} track ${b}`;
      case Op.Negate:
      case Op.Length:
      case Op.Count:
      case Op.Lower:
      case Op.Upper:
        return `${a} = ${name} ${this.#slot(b)}`;
      default:
        if (op >= Op.Add && op <= Op.Remainder) return `${a} = ${name} ${this.#slot(b)}, ${this.#slot(c)}`;
        if (op >= Op.Equal && op <= Op.Ends) return `${name} ${a}, ${this.#slot(c)}`;
        return `${name} ${a}, ${JSON.stringify(view.string(b))}`;
    }
  }

  /** `args.amount`, or `t0` for a temporary. */
  #slot(index: number): string {
    if (index >= this.#firstTemporary) return `t${index - this.#firstTemporary}`;
    const { root, path } = this.#view.field(index);
    const word = (Root[root] ?? "?").toLowerCase();
    if (root === Root.Time) return `${word}.${(TimePart[Number(path[0])] ?? "?").toLowerCase()}`;
    return word + path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  }

  #set(index: number): string {
    const view = this.#view;
    const row = view.at(Section.Sets) + index * SET_ROW_BYTES;
    const first = view.at(Section.Members) + view.u32(row) * SET_MEMBER_BYTES;
    return `[${view
      .list(first, view.u32(row + 4), SET_MEMBER_BYTES)
      .map((at) => this.#member(at))
      .join(", ")}]`;
  }

  #member(at: number): string {
    const reference = this.#view.u32(at + 4);
    switch (this.#view.u32(at)) {
      case Kind.Null:
        return "nil";
      case Kind.Bool:
        return String(reference === 1);
      case Kind.Number:
        return String(this.#view.number(reference));
      default:
        return JSON.stringify(this.#view.string(reference));
    }
  }

  #automata(): string[] {
    const view = this.#view;
    return view
      .rows(Section.AutomataIndex, 4)
      .slice(0, -1)
      .map((row, i) => {
        const at = view.at(Section.Automata) + view.u32(row);
        if (view.u16(at) === 0) {
          const parts = `${view.u32(at + 12)} kinds of characters, ${view.u32(at + 16)} arrows`;
          return `automaton ${i}: ${view.u32(at + 4)} positions in ${view.u16(at + 2)} words, ${parts}`;
        }
        return `automaton ${i}: ${view.u32(at + 4)} states, ${view.u16(at)} classes of bytes, begins in ${view.u16(at + 2)}`;
      });
  }

  #limit(row: number, index: number): string {
    const view = this.#view;
    return `limit ${index}: ${view.string(view.u32(row))}, ${view.u32(row + 4)} per ${view.f64(row + 8) / 1e6} s`;
  }

  #budget(row: number, index: number): string {
    const view = this.#view;
    const exceed = view.u8(row + Budget.OnExceed);
    const action = exceed === BUDGET_AUDIT ? "audit" : (effectWords[exceed as RuleEffect] ?? "?");
    const isSession = view.u8(row + Budget.Window) === BudgetWindow.Session;
    const window = isSession ? "a session" : `${view.f64(row + Budget.WindowUs) / 1e6} s`;
    const kind: CostKind = view.u8(row + Budget.CostKind);
    const costs: Record<CostKind, () => string> = {
      [CostKind.Request]: () => "the request's",
      [CostKind.Field]: () => this.#slot(view.u32(row + Budget.CostField)),
      [CostKind.Constant]: () => dollars(view.i64(row + Budget.CostConstant)),
    };
    const amounts = [
      ["max", Budget.Max, dollars] as const,
      ["daily", Budget.Daily, dollars] as const,
      ["calls", Budget.MaxCalls, String] as const,
      ["warn at", Budget.WarnAt, dollars] as const,
    ].flatMap(([name, at, print]) => (view.i64(row + at) < 0n ? [] : [`, ${name} ${print(view.i64(row + at))}`]));
    const id = view.string(view.u32(row));
    const kindWord = view.u8(row + Budget.Ambient) === 1 ? "ambient" : "budget";
    return `${kindWord} ${index}: ${id} in ${window}${amounts.join("")}, cost ${costs[kind]?.() ?? "?"}, else ${action}`;
  }

  #phase(row: number, index: number): string {
    const view = this.#view;
    const previous = view.u32(row + 8);
    const after = previous === 0 ? "" : `, after phase ${previous - 1}`;
    const lasts = `${view.f64(row + 16) / 1e6} s, next ${view.string(view.u32(row + 24))}${after}`;
    return `phase ${index}: ${view.string(view.u32(row + 4))} of agent ${view.u32(row + 12)}, ${lasts}, key ${view.string(view.u32(row))}`;
  }

  #stage(row: number, index: number): string {
    const view = this.#view;
    const place = `${index - view.u32(row + 8) + 1} of ${view.u32(row + 12)}`;
    return `workflow phase ${index}: ${view.string(view.u32(row))}, ${place} of agent ${view.u32(row + 4)}, tag ${view.i64(row + 16)}`;
  }

  #track(row: number, index: number): string {
    const view = this.#view;
    const kind: Track = view.u8(row + 4);
    const field = view.u32(row + 8);
    const window = view.f64(row + 16);
    const parts = [`track ${index}: ${trackWords[kind] ?? "?"}, named ${JSON.stringify(view.string(view.u32(row)))}`];
    if (field > 0) parts.push(`of ${this.#slot(field - 1)}`);
    if (view.u8(row + 5) > 1) parts.push(`${view.u8(row + 5)} places`);
    if (window > 0) parts.push(`in ${window / 1e6} s`);
    return parts.join(", ");
  }

  #agent(row: number): string[] {
    const view = this.#view;
    const id = view.string(view.u32(row));
    const mask = view.u32(row + 8);
    const lines = [`agent ${id === "" ? "(any other)" : JSON.stringify(id)}`];
    const first = view.at(Section.Exact) + view.u32(row + 4) * 8;
    const rows = mask === NO_EXACT ? [] : view.list(first, mask + 1 + EXACT_PROBE_LIMIT, EXACT_ROW_BYTES);
    const named = rows.filter((at) => view.u32(at) !== 0);
    lines.push(...named.map((at) => `  ${view.string(view.u32(at) - 1)} → plan ${view.u32(at + 4)}`).sort());
    const dispatch = view.u32(row + 12);
    lines.push(dispatch === 0 ? `  other tools → plan ${view.u32(row + 16)}` : this.#dispatch(dispatch - 1));
    return lines;
  }

  #dispatch(offset: number): string {
    const view = this.#view;
    const at = view.at(Section.Dispatch) + offset;
    const classes = view.u32(at);
    const states = view.u32(at + 4);
    const accept = at + DISPATCH_HEADER_BYTES + classes * states * 4;
    const plans = new Set(view.list(accept, states, 4).map((cell) => view.u32(cell)));
    const listed = [...plans].sort((a, b) => a - b).join(" ");
    return `  other tools → by ${states} states, ${classes} classes of bytes → plan ${listed}`;
  }

  #plan(row: number, index: number): string {
    const rules = this.#view.pool(this.#view.u32(row + 4), this.#view.u32(row + 8));
    return `plan ${index}: shape ${this.#view.u32(row)}, rules ${rules.join(" ") || "none"}`;
  }

  #shape(row: number, index: number): string[] {
    const view = this.#view;
    const cell = (member: Shape): number => view.u32(row + member * 4);
    const list = (start: Shape, count: Shape): number[] => view.pool(cell(start), cell(count));
    const lines = [
      `shape ${index}: default ${effectWords[cell(Shape.DefaultEffect) as RuleEffect] ?? "?"}${flagWords(cell(Shape.Flags))}`,
    ];
    const add = (name: string, items: readonly (string | number)[]): void => {
      if (items.length > 0) lines.push(`  ${name} ${items.join(" ")}`);
    };
    add(
      "fields",
      list(Shape.FieldsStart, Shape.FieldsCount).map((field) => this.#slot(field)),
    );
    add("model gates", list(Shape.ModelGatesStart, Shape.ModelGatesCount));
    add("deny! rules", list(Shape.MandatoryStart, Shape.MandatoryCount));
    const addPhases = (name: string, start: Shape, count: Shape): void => {
      const triples = view.pool(cell(start), cell(count) * 3);
      for (let i = 0; i < triples.length; i += 3) {
        const rules = view.pool(triples[i + 1] ?? 0, triples[i + 2] ?? 0);
        lines.push(`  ${name} ${triples[i]}, rules ${rules.join(" ") || "none"}`);
      }
    };
    addPhases("phase", Shape.PhasesStart, Shape.PhasesCount);
    addPhases("workflow phase", Shape.StagesStart, Shape.StagesCount);
    const pairs = view.pool(cell(Shape.TracksStart), cell(Shape.TracksCount) * 2);
    for (let i = 0; i < pairs.length; i += 2) {
      const places = [...(pairs[i + 1] ?? 0).toString(2)]
        .reverse()
        .flatMap((bit, place) => (bit === "1" ? [place] : []));
      lines.push(`  feeds track ${pairs[i]}${places.join() === "0" ? "" : `, places ${places.join(" ")}`}`);
    }
    for (const [name, member] of [
      ["expires after", Shape.MaxDuration],
      ["idle no longer than", Shape.IdleTimeout],
    ] as const) {
      if (cell(member) > 0) lines.push(`  ${name} ${view.number(cell(member) - 1) / 1e6} s`);
    }
    add("denials feed tracks", list(Shape.DenialsStart, Shape.DenialsCount));
    add("selector gates", list(Shape.SelectorGatesStart, Shape.SelectorGatesCount));
    add("egress gates", list(Shape.EgressGatesStart, Shape.EgressGatesCount));
    add("limits", list(Shape.LimitsStart, Shape.LimitsCount));
    add("budgets", list(Shape.BudgetsStart, Shape.BudgetsCount));
    add(
      "redact",
      list(Shape.RedactStart, Shape.RedactCount).map((path) => view.string(path)),
    );
    return lines;
  }
}

const trackWords: Record<Track, string> = {
  [Track.Count]: "calls",
  [Track.Sum]: "sum",
  [Track.Sequence]: "sequence",
  [Track.Within]: "latest call",
  [Track.CountWindow]: "calls",
  [Track.SumWindow]: "sum",
  [Track.Denials]: "denied calls",
};

function flagWords(flags: number): string {
  const words = [
    [SHAPE_NAMED, ", named"],
    [SHAPE_TIME, ", reads the time"],
    [SHAPE_SESSION, ", keeps sessions"],
  ] as const;
  return words.map(([flag, word]) => ((flags & flag) !== 0 ? word : "")).join("");
}

/** Micro-dollars as dollars, to the last digit. */
function dollars(micro: bigint): string {
  const rest = String(micro % 1_000_000n)
    .padStart(6, "0")
    .replace(/0+$/, "");
  return `$${micro / 1_000_000n}${rest === "" ? "" : `.${rest}`}`;
}
