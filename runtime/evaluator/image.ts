// Reads the tables of an image that the host needs: names, rules, plans' fields and lists. Used on images that the machine
// has proved; it builds nothing ahead, so that opening a large policy costs nothing here.
import {
  Budget,
  type CostKind,
  HEADER_BYTES,
  PART_INDEX,
  Section,
  SHAPE_ROW_BYTES,
  SHAPE_SESSION,
  Shape,
  STAGE_ROW_BYTES,
  TABLE_ROW_BYTES,
  TRACK_ROW_BYTES,
} from "../../vm/shared/image.ts";
import { INSTRUCTION_BYTES, Kind, Op, Root, RULE_GATE, RULE_STRICT } from "../../vm/shared/isa.ts";

const decoder = new TextDecoder();

export interface FieldRow {
  readonly root: Root;
  readonly path: readonly (string | number)[];
}

export interface RuleRow {
  /** First instruction, or null when the rule is unconditional. */
  readonly code: number | null;
  readonly instructions: number;
  readonly effect: number;
  readonly strict: boolean;
  /** A gate, whose pattern is its keyword. */
  readonly isGate: boolean;
  readonly pattern: string;
  readonly reason: string | null;
}

export class ImageReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Place of a section, in bytes. */
  at(section: Section): number {
    return this.view.getUint32(HEADER_BYTES + section * TABLE_ROW_BYTES, true);
  }

  /** Bytes of a section. */
  length(section: Section): number {
    return this.view.getUint32(HEADER_BYTES + section * TABLE_ROW_BYTES + 4, true);
  }

  u32(at: number): number {
    return this.view.getUint32(at, true);
  }

  #text(section: Section, index: number): string {
    const rows = this.at(section) + 8;
    const count = this.u32(rows - 8);
    const start = rows + count * 8 + this.u32(rows + index * 8);
    return decoder.decode(this.bytes.subarray(start, start + this.u32(rows + index * 8 + 4)));
  }

  string(index: number): string {
    return this.#text(Section.Strings, index);
  }

  pool(start: number, count: number): number[] {
    const at = this.at(Section.Pool) + start * 4;
    return Array.from({ length: count }, (_, i) => this.u32(at + i * 4));
  }

  get fieldCount(): number {
    return this.length(Section.Fields) / 8;
  }

  field(index: number): FieldRow {
    const row = this.at(Section.Fields) + index * 8;
    const parts = this.pool(this.u32(row + 4), this.view.getUint16(row + 2, true));
    const root = this.view.getUint8(row);
    if (root === Root.Time) return { root, path: parts };
    return { root, path: parts.map((part) => (part >= PART_INDEX ? part - PART_INDEX : this.string(part))) };
  }

  set(index: number): { kind: number; reference: number }[] {
    const row = this.at(Section.Sets) + index * 8;
    const members = this.at(Section.Members) + this.u32(row) * 8;
    return Array.from({ length: this.u32(row + 4) }, (_, i) => ({
      kind: this.u32(members + i * 8),
      reference: this.u32(members + i * 8 + 4),
    }));
  }

  /** Rules alone: gates stand behind them. */
  get ruleCount(): number {
    const rows = this.at(Section.Rules);
    let count = this.length(Section.Rules) / 16;
    while (count > 0 && (this.view.getUint8(rows + (count - 1) * 16 + 7) & RULE_GATE) !== 0) count--;
    return count;
  }

  /** Rows of Rules: rules, then gates. */
  get rowCount(): number {
    return this.length(Section.Rules) / 16;
  }

  rule(index: number): RuleRow {
    const row = this.at(Section.Rules) + index * 16;
    const code = this.u32(row);
    const reason = this.u32(row + 12);
    return {
      code: code === 0 ? null : code - 1,
      instructions: this.view.getUint16(row + 4, true),
      effect: this.view.getUint8(row + 6),
      strict: (this.view.getUint8(row + 7) & RULE_STRICT) !== 0,
      isGate: (this.view.getUint8(row + 7) & RULE_GATE) !== 0,
      pattern: this.string(this.u32(row + 8)),
      reason: reason === 0 ? null : this.string(reason - 1),
    };
  }

  /** Every row of Rules whose code can run for a plan: its shape's gates and deny! rules, its phases', its own. */
  rulesOf(plan: number): number[] {
    const row = this.at(Section.Plans) + plan * 12;
    const triples = (start: Shape, count: Shape): number[] => {
      const cells = this.pool(this.shape(plan, start), this.shape(plan, count) * 3);
      return cells.flatMap((first, i) => (i % 3 === 1 ? this.pool(first, cells[i + 1] ?? 0) : []));
    };
    return [
      ...this.shapeList(plan, Shape.ModelGatesStart, Shape.ModelGatesCount),
      ...this.shapeList(plan, Shape.MandatoryStart, Shape.MandatoryCount),
      ...triples(Shape.PhasesStart, Shape.PhasesCount),
      ...triples(Shape.StagesStart, Shape.StagesCount),
      ...this.pool(this.u32(row + 4), this.u32(row + 8)),
      ...this.shapeList(plan, Shape.SelectorGatesStart, Shape.SelectorGatesCount),
      ...this.shapeList(plan, Shape.EgressGatesStart, Shape.EgressGatesCount),
    ];
  }

  /** Strings that a rule's code compares the field of slot `a` with as a whole, as pairs of field and string. */
  comparedStrings(rule: number): [number, number][] {
    const row = this.at(Section.Rules) + rule * 16;
    const first = this.at(Section.Code) + (this.u32(row) - 1) * INSTRUCTION_BYTES;
    const pairs: [number, number][] = [];
    for (let i = 0; i < this.view.getUint16(row + 4, true); i++) {
      const at = first + i * INSTRUCTION_BYTES;
      const op = this.view.getUint8(at);
      const field = this.view.getUint16(at + 2, true);
      if (op === Op.EqString) pairs.push([field, this.u32(at + 4)]);
      if (op !== Op.InSet) continue;
      for (const { kind, reference } of this.set(this.u32(at + 4)))
        if (kind === Kind.String) pairs.push([field, reference]);
    }
    return pairs;
  }

  /** Bytes of a string. */
  stringBytes(index: number): Uint8Array {
    const rows = this.at(Section.Strings) + 8;
    const start = rows + this.u32(rows - 8) * 8 + this.u32(rows + index * 8);
    return this.bytes.subarray(start, start + this.u32(rows + index * 8 + 4));
  }

  /** A member of the shape of a plan. */
  shape(plan: number, member: Shape): number {
    const shape = this.u32(this.at(Section.Plans) + plan * 12);
    return this.u32(this.at(Section.Shapes) + shape * SHAPE_ROW_BYTES + member * 4);
  }

  shapeList(plan: number, start: Shape, count: Shape): number[] {
    return this.pool(this.shape(plan, start), this.shape(plan, count));
  }

  /** A list of pairs of a plan's shape. */
  shapePairs(plan: number, start: Shape, count: Shape): [number, number][] {
    const cells = this.pool(this.shape(plan, start), this.shape(plan, count) * 2);
    return Array.from({ length: cells.length / 2 }, (_, i) => [cells[i * 2] ?? 0, cells[i * 2 + 1] ?? 0]);
  }

  get agentCount(): number {
    return this.length(Section.Agents) / 24;
  }

  agentId(index: number): string {
    return this.string(this.u32(this.at(Section.Agents) + index * 24));
  }

  limit(index: number): { pattern: string; count: number; windowUs: number } {
    const row = this.at(Section.Limits) + index * 16;
    return {
      pattern: this.string(this.u32(row)),
      count: this.u32(row + 4),
      windowUs: this.view.getFloat64(row + 8, true),
    };
  }

  get limitCount(): number {
    return this.length(Section.Limits) / 16;
  }

  get budgetCount(): number {
    return this.length(Section.Budgets) / 64;
  }

  budgetId(index: number): string {
    return this.string(this.u32(this.at(Section.Budgets) + index * 64));
  }

  costKind(budget: number): CostKind {
    return this.view.getUint8(this.at(Section.Budgets) + budget * 64 + Budget.CostKind);
  }

  get phaseCount(): number {
    return this.length(Section.Phases) / 32;
  }

  phase(index: number): { name: string; agent: string; durationUs: number; next: string } {
    const row = this.at(Section.Phases) + index * 32;
    return {
      name: this.string(this.u32(row + 4)),
      agent: this.agentId(this.u32(row + 12)),
      durationUs: this.view.getFloat64(row + 16, true),
      next: this.string(this.u32(row + 24)),
    };
  }

  /** Index of the agent that governs an id: the declared one, else the anonymous one, else null. */
  agentOf(id: string): number | null {
    let anonymous: number | null = null;
    for (let i = 0; i < this.agentCount; i++) {
      const own = this.agentId(i);
      if (own === id && id !== "") return i;
      if (own === "") anonymous = i;
    }
    return anonymous;
  }

  /** Whether the sessions of some agent have state. */
  get keepsSessions(): boolean {
    const end = this.at(Section.Shapes) + this.length(Section.Shapes);
    for (let row = this.at(Section.Shapes); row < end; row += SHAPE_ROW_BYTES) {
      if ((this.u32(row + Shape.Flags * 4) & SHAPE_SESSION) !== 0) return true;
    }
    return false;
  }

  get stageCount(): number {
    return this.length(Section.Stages) / STAGE_ROW_BYTES;
  }

  stage(index: number): { name: string; agent: number; first: number; count: number } {
    const row = this.at(Section.Stages) + index * STAGE_ROW_BYTES;
    const [name, agent, first, count] = [0, 4, 8, 12].map((at) => this.u32(row + at)) as [
      number,
      number,
      number,
      number,
    ];
    return { name: this.string(name), agent, first, count };
  }

  isSum(index: number): boolean {
    return this.u32(this.at(Section.Tracks) + index * TRACK_ROW_BYTES + 8) > 0;
  }

  /** The first workflow phase of an agent, or null. */
  firstStage(agent: number): number | null {
    for (let i = 0; i < this.stageCount; i += this.stage(i).count) if (this.stage(i).agent === agent) return i;
    return null;
  }

  /** Place and words of a rule; null in images without a source map. */
  debug(rule: number): { line: number; column: number; file: string; text: string } | null {
    if (this.length(Section.Debug) === 0) return null;
    const row = this.at(Section.Debug) + rule * 12;
    return {
      line: this.u32(row),
      column: this.view.getUint16(row + 4, true),
      file: this.#text(Section.DebugStrings, this.view.getUint16(row + 6, true)),
      text: this.#text(Section.DebugStrings, this.u32(row + 8)),
    };
  }
}
