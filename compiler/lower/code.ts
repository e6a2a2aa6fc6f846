// Instructions as they are written, one behind the other: jumps to labels that are placed later, temporaries, the fields that are
// read. It knows nothing of conditions.
import { JUMP_FAIL, JUMP_MATCH, JUMP_MAX, Mode, type Op, type Root } from "../../vm/shared/isa.ts";
import type { Instruction, Program, SlotRef } from "./program.ts";
import { tooLong } from "./unlowerable.ts";

/** Where a test goes: a special jump, or an instruction still to come. */
export interface Label {
  at: number | null;
}

export const MATCH: Label = { at: JUMP_MATCH };
export const FAIL: Label = { at: JUMP_FAIL };

interface Draft {
  op: Op;
  mode: number;
  a: SlotRef;
  b: number | SlotRef;
  c: SlotRef | null;
  target: Label | null;
}

/** Temporaries of one rule's code; the loader follows their definedness in 64 bits. */
const TEMPORARIES_MAX = 64;

/** A rule's instructions are counted in 16 bits, and the longest jump is shorter still. */
export const INSTRUCTIONS_MAX = JUMP_MAX;

export interface LoweredCondition {
  readonly code: readonly Instruction[];
  /** Fields that the code reads. */
  readonly fields: ReadonlySet<number>;
}

export class CodeWriter {
  readonly #program: Program;
  readonly #drafts: Draft[] = [];
  readonly #fields = new Set<number>();
  /** Of the test being written; the next test uses them anew. */
  #temporaries = 0;

  constructor(program: Program) {
    this.#program = program;
  }

  finish(): LoweredCondition {
    if (this.#drafts.length > INSTRUCTIONS_MAX) throw tooLong(`more than ${INSTRUCTIONS_MAX} steps`);
    const last = this.#drafts.length - 1;
    const code = this.#drafts.map((draft, i): Instruction => {
      const target = draft.target;
      if (target === null) return { ...draft, jump: 0 };
      const at = target.at;
      if (at === null) throw new Error("a label was never placed");
      const jump = target === MATCH || target === FAIL ? at : at - i - 1;
      return {
        op: draft.op,
        mode: i === last ? draft.mode | Mode.Last : draft.mode,
        a: draft.a,
        b: draft.b,
        c: draft.c,
        jump,
      };
    });
    return { code, fields: this.#fields };
  }

  /** Writes a part behind which code goes on. */
  before(part: (yes: Label) => void): void {
    const rest: Label = { at: null };
    part(rest);
    rest.at = this.#drafts.length;
  }

  /** Puts the label before the next instruction. */
  place(label: Label): void {
    label.at = this.#drafts.length;
  }

  /** Before each test: the last one's temporaries are free. */
  beginTest(): void {
    this.#temporaries = 0;
  }

  /** A test whose answer goes to `yes` or `no`, one of which is `next`, where code falls through. */
  test(op: Op, a: SlotRef, b: number, c: SlotRef | null, truth: boolean, yes: Label, no: Label, next: Label): void {
    if (next !== yes && next !== no) throw new Error("code must fall through to one of its answers");
    const fallsWhenYes = next === yes;
    const mode = truth
      ? fallsWhenYes
        ? Mode.NeedTrue
        : Mode.SkipTrue
      : fallsWhenYes
        ? Mode.NeedFalse
        : Mode.SkipFalse;
    this.#drafts.push({ op, mode, a, b, c, target: fallsWhenYes ? no : yes });
  }

  /** Computes a value for the test that comes next. */
  value(op: Op, b: number | SlotRef, c: SlotRef | null): SlotRef {
    if (this.#temporaries >= TEMPORARIES_MAX)
      throw tooLong(`a comparison that computes more than ${TEMPORARIES_MAX} values`);
    const a = { temporary: this.#temporaries++ };
    this.#program.temporaries = Math.max(this.#program.temporaries, this.#temporaries);
    this.#drafts.push({ op, mode: 0, a, b, c, target: null });
    return a;
  }

  field(root: Root, path: readonly (string | number)[]): SlotRef {
    const field = this.#program.field(root, path);
    this.#fields.add(field);
    return { field };
  }
}
