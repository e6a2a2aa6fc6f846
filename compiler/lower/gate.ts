// `egress` and `model_policy` to code that matches what they refuse. What is no text must fall through to the refusal: a
// test that cannot answer never lets a call pass.

import { JUMP_FAIL, JUMP_MATCH, Mode, Op, Root } from "../../vm/shared/isa.ts";
import type { Agent, Gate, Value } from "../ast.ts";
import { meantValue } from "../names.ts";
import { INSTRUCTIONS_MAX, type LoweredCondition } from "./code.ts";
import { globTest } from "./network.ts";
import type { Instruction, Program } from "./program.ts";
import { Unlowerable } from "./unlowerable.ts";

/** Jumps when true, else goes on; behind the last step everything is refused. */
interface Step {
  readonly op: Op;
  readonly field: number;
  readonly b: number;
  readonly jump: number;
}

const REFUSE = JUMP_MATCH;
const PASS = JUMP_FAIL;

/** Throws Unlowerable when a list is longer than a row's code can be. */
export function lowerGate(program: Program, agent: Pick<Agent, "vars">, gate: Gate): LoweredCondition {
  const isEgress = gate.keyword === "egress";
  const field = isEgress ? program.field(Root.Http, ["host"]) : program.field(Root.Model, []);
  const step = (op: Op, b: number, jump: number): Step => ({ op, field, b, jump });
  const globs = (name: "allow" | "deny", jump: number): Step[] | null => {
    const list = gate.fields.find((f) => f.name === name);
    return list === undefined
      ? null
      : itemsOf(agent, list.value).map((item) => globStep(program, gate, item, step, jump));
  };
  const deny = globs("deny", REFUSE);
  const allow = globs("allow", PASS);
  // Where nothing has to be allowed, any text passes that is not denied; `egress { }` allows none.
  const anyText = [step(Op.StartsString, program.string(""), PASS)];
  const lists = [...(deny ?? []), ...(allow ?? (deny === null ? [] : anyText))];
  const first = isEgress ? [step(Op.EqNull, 0, REFUSE), step(Op.Nil, 0, PASS)] : modelSteps(program, step, lists);
  const steps = [...first, ...lists];
  if (steps.length > INSTRUCTIONS_MAX) {
    throw new Unlowerable({
      code: "FMS004",
      message: `\`${gate.keyword}\` has more than ${INSTRUCTIONS_MAX} patterns`,
      span: gate.keywordSpan,
      help: "join some of them with `*`",
    });
  }
  const code = steps.map(({ op, field: a, b, jump }, i): Instruction => {
    const mode = i === steps.length - 1 ? Mode.SkipTrue | Mode.Last : Mode.SkipTrue;
    return { op, mode, a: { field: a }, b, c: null, jump };
  });
  return { code, fields: new Set(steps.map((s) => s.field)) };
}

/** Matches when the field has no value at all; null is one. */
export function missingTest(field: number): Instruction[] {
  const at = { a: { field }, b: 0, c: null, jump: PASS };
  return [
    { op: Op.EqNull, mode: Mode.SkipTrue, ...at },
    { op: Op.Nil, mode: Mode.NeedTrue | Mode.Last, ...at },
  ];
}

/** A call that comes from no model passes, but for a call of a model, which goes on to be refused. */
function modelSteps(
  program: Program,
  step: (op: Op, b: number, jump: number) => Step,
  lists: readonly Step[],
): readonly Step[] {
  const action = program.field(Root.Action, []);
  const past = lists.length === 0 ? REFUSE : 1;
  const isModelCall = { op: Op.EqString, field: action, b: program.string("model_call"), jump: past };
  return [isModelCall, step(Op.Nil, 0, PASS)];
}

function globStep(
  program: Program,
  gate: Gate,
  item: Value,
  step: (op: Op, b: number, jump: number) => Step,
  jump: number,
): Step {
  const text = item.kind === "string" || item.kind === "word" ? item.value : item.kind === "number" ? item.text : null;
  const options = { separator: null, ignoreCase: gate.keyword === "egress" };
  const test = text === null || !text.isWellFormed() ? null : globTest(program, text, options);
  if (test !== null) return step(test.op, test.b, jump);
  throw new Unlowerable({ code: "FMS012", message: `\`${gate.keyword}\` does not take this value`, span: item.span });
}

function itemsOf(agent: Pick<Agent, "vars">, value: Value): readonly Value[] {
  const meant = meantValue(agent, value).value;
  return meant.kind === "list" ? meant.items : [meant];
}
