// Program to image bytes, by the layout of vm/shared/image.ts. Everything is written in the order of the program, so the
// same policy gives the same bytes on any machine.
import { sha256 } from "@noble/hashes/sha2.js";
import {
  BUDGET_ROW_BYTES,
  BUDGET_THIRD_FIELD,
  Budget,
  DISPATCH_HEADER_BYTES,
  FORMAT_VERSION,
  HEADER_BYTES,
  HEADER_DIGEST,
  ISA_VERSION,
  MAGIC,
  PART_INDEX,
  Section,
  SHAPE_ROW_BYTES,
  Shape,
  TABLE_ROW_BYTES,
} from "../vm/shared/image.ts";
import { Root, RULE_GATE, RULE_STRICT } from "../vm/shared/isa.ts";
import type { SourceText } from "./ast.ts";
import { Bytes } from "./bytes.ts";
import { writeAutomaton } from "./encode-automaton.ts";
import type { HostSection } from "./lower/lower.ts";
import type { Program, ProgramAgent, ProgramDispatch, ProgramRule, ProgramShape, SlotRef } from "./lower/program.ts";

const utf8 = new TextEncoder();
const ABSENT = 0xffffffff;
const MINUTE_US = 60_000_000n;

export function encodeImage(program: Program, host: HostSection, sources: readonly SourceText[]): Uint8Array {
  return new Encoder(program, host, sources).run();
}

class Encoder {
  readonly #program: Program;
  readonly #host: HostSection;
  readonly #sources: readonly SourceText[];
  readonly #sections: Bytes[] = Array.from({ length: Section.End }, () => new Bytes());
  readonly #lists = new Map<string, number>();

  constructor(program: Program, host: HostSection, sources: readonly SourceText[]) {
    this.#program = program;
    this.#host = host;
    this.#sources = sources;
  }

  run(): Uint8Array {
    this.#fields();
    this.#sets();
    this.#automata();
    this.#rules();
    for (const shape of this.#program.shapes.items) this.#shape(shape);
    for (const plan of this.#program.plans.items) {
      this.#section(Section.Plans).u32(plan.shape).u32(this.#list(plan.rules)).u32(plan.rules.length);
    }
    for (const agent of this.#program.agents) this.#agent(agent);
    this.#meters();
    this.#section(Section.Host).raw(utf8.encode(canonical(this.#host)));
    this.#debug();
    this.#section(Section.Sources).raw(utf8.encode(canonical(this.#sources)));
    for (const number of this.#program.numbers.items) this.#section(Section.Numbers).f64(number);
    stringRows(this.#section(Section.Strings), this.#program.strings.items);
    return joinSections(this.#sections);
  }

  /** Rules, then gates: a gate's row never changes the number of a rule. */
  get #rows(): readonly ProgramRule[] {
    return [...this.#program.rules, ...this.#program.gates];
  }

  #section(section: Section): Bytes {
    const bytes = this.#sections[section];
    if (bytes === undefined) throw new Error(`no section ${section}`);
    return bytes;
  }

  /** Start of a list in the pool; equal lists stand there once. */
  #list(items: readonly number[]): number {
    if (items.length === 0) return 0;
    const key = items.join(",");
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const pool = this.#section(Section.Pool);
    const start = pool.length / 4;
    for (const item of items) pool.u32(item);
    this.#lists.set(key, start);
    return start;
  }

  #fields(): void {
    const section = this.#section(Section.Fields);
    for (const field of this.#program.fields.items) {
      const parts = field.path.map((part) => {
        if ("string" in part) return part.string;
        return field.root === Root.Time ? part.index : (PART_INDEX | part.index) >>> 0;
      });
      section.u8(field.root).u8(0).u16(parts.length).u32(this.#list(parts));
    }
    for (let i = 0; i < this.#program.temporaries; i++) section.u8(Root.Temporary).u8(0).u16(0).u32(0);
  }

  #sets(): void {
    let first = 0;
    for (const members of this.#program.sets.items) {
      this.#section(Section.Sets).u32(first).u32(members.length);
      for (const member of members) this.#section(Section.Members).u32(member.kind).u32(member.reference);
      first += members.length;
    }
  }

  #automata(): void {
    const index = this.#section(Section.AutomataIndex);
    const section = this.#section(Section.Automata);
    for (const automaton of this.#program.automata.items) {
      index.u32(section.length);
      writeAutomaton(section, automaton);
    }
    index.u32(section.length);
  }

  #rules(): void {
    const code = this.#section(Section.Code);
    const rules = this.#section(Section.Rules);
    const fieldCount = this.#program.fields.items.length;
    const slot = (ref: SlotRef | null): number =>
      ref === null ? 0 : "field" in ref ? ref.field : fieldCount + ref.temporary;
    let next = 0;
    for (const [index, rule] of this.#rows.entries()) {
      const isGate = index >= this.#program.rules.length;
      const start = rule.code.length === 0 ? 0 : next + 1;
      rules
        .u32(start)
        .u16(rule.code.length)
        .u8(rule.effect)
        .u8(isGate ? RULE_GATE : rule.strict ? RULE_STRICT : 0);
      rules.u32(rule.pattern).u32(rule.reason === null ? 0 : rule.reason + 1);
      for (const i of rule.code) {
        const b = typeof i.b === "number" ? i.b : slot(i.b);
        code.u8(i.op).u8(i.mode).u16(slot(i.a)).u32(b).u16(i.jump).u16(slot(i.c));
      }
      next += rule.code.length;
    }
  }

  #shape(shape: ProgramShape): void {
    const cells = new Uint32Array(SHAPE_ROW_BYTES / 4);
    const list = (start: Shape, count: Shape, items: readonly number[]): void => {
      cells[start] = this.#list(items);
      cells[count] = items.length;
    };
    cells[Shape.DefaultEffect] = shape.defaultEffect;
    cells[Shape.Flags] = shape.flags;
    list(Shape.FieldsStart, Shape.FieldsCount, shape.fields);
    list(Shape.MandatoryStart, Shape.MandatoryCount, shape.mandatory);
    list(Shape.LimitsStart, Shape.LimitsCount, shape.limits);
    list(Shape.BudgetsStart, Shape.BudgetsCount, shape.budgets);
    list(Shape.RedactStart, Shape.RedactCount, shape.redact);
    const rowOf = (gate: number): number => this.#program.rules.length + gate;
    list(Shape.ModelGatesStart, Shape.ModelGatesCount, shape.modelGates.map(rowOf));
    list(Shape.EgressGatesStart, Shape.EgressGatesCount, shape.egressGates.map(rowOf));
    list(Shape.SelectorGatesStart, Shape.SelectorGatesCount, shape.selectorGates.map(rowOf));
    cells[Shape.PhasesStart] = this.#list(shape.phases.flatMap((p) => [p.phase, this.#list(p.rules), p.rules.length]));
    cells[Shape.PhasesCount] = shape.phases.length;
    cells[Shape.StagesStart] = this.#list(shape.stages.flatMap((s) => [s.stage, this.#list(s.rules), s.rules.length]));
    cells[Shape.StagesCount] = shape.stages.length;
    cells[Shape.TracksStart] = this.#list(shape.tracks.flatMap(({ track, places }) => [track, places]));
    cells[Shape.TracksCount] = shape.tracks.length;
    cells[Shape.MaxDuration] = shape.maxDuration === null ? 0 : shape.maxDuration + 1;
    cells[Shape.IdleTimeout] = shape.idleTimeout === null ? 0 : shape.idleTimeout + 1;
    list(Shape.DenialsStart, Shape.DenialsCount, shape.denials);
    for (const cell of cells) this.#section(Section.Shapes).u32(cell);
  }

  #agent(agent: ProgramAgent): void {
    const exact = this.#section(Section.Exact);
    const first = exact.length / 8;
    const mask = agent.exact?.mask ?? ABSENT;
    for (const cell of agent.exact?.rows ?? []) exact.u32(cell);
    const dispatch = agent.dispatch === null ? 0 : this.#dispatch(agent.dispatch) + 1;
    this.#section(Section.Agents)
      .u32(agent.id)
      .u32(mask === ABSENT ? 0 : first)
      .u32(mask)
      .u32(dispatch)
      .u32(agent.defaultPlan)
      .u32(0);
  }

  #dispatch(dispatch: ProgramDispatch): number {
    const section = this.#section(Section.Dispatch);
    const start = section.length;
    section.u32(dispatch.classCount).u32(dispatch.stateCount).u32(dispatch.start).u32(0).raw(dispatch.classOf);
    if (section.length - start !== DISPATCH_HEADER_BYTES)
      throw new Error("a dispatch automaton needs 256 classes of bytes");
    for (const state of dispatch.next) section.u32(state);
    for (const plan of dispatch.planOfState) section.u32(plan);
    section.align();
    return start;
  }

  #meters(): void {
    for (const limit of this.#program.limits)
      this.#section(Section.Limits).u32(limit.pattern).u32(limit.count).f64(limit.windowUs);
    for (const budget of this.#program.budgets) {
      const row = new DataView(new ArrayBuffer(BUDGET_ROW_BYTES));
      const amount = (at: Budget, value: number): void => row.setBigInt64(at, BigInt(value), true);
      row.setUint32(Budget.Id, budget.id, true);
      row.setUint8(Budget.Window, budget.window);
      row.setUint8(Budget.OnExceed, budget.onExceed);
      row.setUint8(Budget.CostKind, budget.costKind);
      row.setUint8(Budget.Ambient, budget.ambient ? 1 : 0);
      row.setUint32(Budget.CostField, budget.costField, true);
      amount(Budget.Max, budget.maxMicro);
      amount(Budget.Daily, budget.dailyMicro);
      amount(Budget.MaxCalls, budget.maxCalls);
      amount(Budget.WarnAt, budget.warnAtMicro);
      amount(Budget.CostConstant, budget.costConstantMicro);
      const [second, third] = budget.otherFields;
      if (second !== undefined) row.setUint32(Budget.SecondField, second + 1, true);
      if (third !== undefined) row.setUint32(BUDGET_THIRD_FIELD, third + 1, true);
      row.setFloat64(Budget.WindowUs, budget.windowUs, true);
      this.#section(Section.Budgets).raw(new Uint8Array(row.buffer));
    }
    for (const phase of this.#program.phases) {
      const previous = phase.previous === null ? 0 : phase.previous + 1;
      this.#section(Section.Phases)
        .u32(phase.key)
        .u32(phase.name)
        .u32(previous)
        .u32(phase.agent)
        .f64(phase.durationUs)
        .u32(phase.next)
        .u32(0);
    }
    for (const { name, kind, places, field, windowUs } of this.#program.tracks.items) {
      const section = this.#section(Section.Tracks).u32(name).u8(kind).u8(places).u16(0);
      section
        .u32(field === null ? 0 : field + 1)
        .u32(0)
        .f64(windowUs);
    }
    for (const { fromMs, offsetMinutes } of this.#program.offsets)
      this.#section(Section.Offsets)
        .i64(BigInt(fromMs) * 1_000n)
        .i64(BigInt(offsetMinutes) * MINUTE_US);
    for (const { name, agent, first, count, tag } of this.#program.stages)
      this.#section(Section.Stages).u32(name).u32(agent).u32(first).u32(count).i64(tag);
  }

  /** Place and words of each rule, file names first. Columns beyond 16 bits are cut: they serve people, not decisions. */
  #debug(): void {
    const texts: string[] = this.#sources.map(({ file }) => file);
    const section = this.#section(Section.Debug);
    for (const { place } of this.#rows) {
      section.u32(place.line).u16(Math.min(place.column, 0xffff)).u16(place.source).u32(texts.length);
      texts.push(place.text);
    }
    stringRows(this.#section(Section.DebugStrings), texts);
  }
}

/** Rows of a section of strings. */
export function stringRows(section: Bytes, items: readonly string[]): void {
  const encoded = items.map((item) => utf8.encode(item));
  section.u32(items.length).u32(0);
  let offset = 0;
  for (const bytes of encoded) {
    section.u32(offset).u32(bytes.length);
    offset += bytes.length;
  }
  for (const bytes of encoded) section.raw(bytes);
}

/** Header, table, and the sections behind them. */
export function joinSections(sections: readonly Bytes[]): Uint8Array {
  const tableEnd = HEADER_BYTES + Section.End * TABLE_ROW_BYTES;
  const offsets: number[] = [];
  let total = tableEnd;
  for (const section of sections) {
    offsets.push(total);
    total += (section.length + 7) & ~7;
  }
  const image = new Uint8Array(total);
  const view = new DataView(image.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, FORMAT_VERSION, true);
  view.setUint16(6, ISA_VERSION, true);
  view.setUint32(8, total, true);
  view.setUint32(12, Section.End, true);
  for (const [i, section] of sections.entries()) {
    const offset = offsets[i] ?? 0;
    view.setUint32(HEADER_BYTES + i * TABLE_ROW_BYTES, offset, true);
    view.setUint32(HEADER_BYTES + i * TABLE_ROW_BYTES + 4, section.length, true);
    image.set(section.bytes(), offset);
  }
  image.set(sha256(image.subarray(HEADER_BYTES)), HEADER_DIGEST);
  return image;
}

/** The hash of the machine's dispatch: FNV-1a, 32 bits. */

/** JSON with members in order of their names. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  );
}
