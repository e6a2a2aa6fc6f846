// Two ways to judge calls under one policy text, behind one shape: the oracle over the syntax tree, and the machine.
import type { Stack } from "../../compiler/ast.ts";
import { compile, type Imports } from "../../compiler/index.ts";
import { isError, resolvePolicy } from "../../compiler/resolve.ts";
import { loadPolicy } from "../../runtime/evaluator/index.ts";
import type { EvaluationOptions, EvaluationRequest, SessionName, Verdict } from "../../runtime/evaluator/types.ts";
import { Oracle, type OracleVerdict } from "../oracle/oracle.ts";

/** Counters and text of cases are few; small memories load faster. */
const METERS = 4_096;
const ARENA_BYTES = 262_144;

export type Judgement = Verdict | OracleVerdict;

export interface Engine {
  decide(request: EvaluationRequest, options: EvaluationOptions): Judgement;
  activatePhases(now: number): unknown;
  session(op: "open" | "close" | "reset", session: SessionName, options: { readonly now: number }): unknown;
  movePhase(move: SessionName & { readonly to: string }, options: { readonly now: number }): unknown;
}

/** The tree of a policy with its packs brought in. Throws with the findings of its text when it has none. */
export function treeOf(text: string, file: string, imports?: Imports): Stack {
  const { stack, findings } = resolvePolicy({ file, text }, imports);
  const errors = findings.filter(isError);
  if (stack === null || errors.length > 0) {
    throw new Error(`${file} does not parse: ${errors.map((f) => `${f.span.start}: ${f.message}`).join("; ")}`);
  }
  return stack;
}

export async function oracleOf(text: string, file: string, imports?: Imports): Promise<Engine> {
  return new Oracle(treeOf(text, file, imports));
}

/** Throws with the compiler's diagnostics when the policy has an error. */
export async function machineOf(text: string, file: string, imports?: Imports): Promise<Engine> {
  const { image, diagnostics } = compile(text, imports === undefined ? { file } : { file, imports });
  if (image === undefined) {
    const errors = diagnostics.filter((d) => d.severity === "error");
    throw new Error(`${file} does not compile: ${errors.map((d) => `${d.line}: ${d.code} ${d.message}`).join("; ")}`);
  }
  return loadPolicy(image, { state: "volatile", meterCapacity: METERS, arenaBytes: ARENA_BYTES, requestBytes: 0 });
}
