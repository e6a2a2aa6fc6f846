// Ourselves as a contender: a policy's text compiled and loaded by the bundles that ship, asked with the parsed request.
import type { EvaluationRequest, Verdict } from "../../runtime/evaluator/index.ts";
import { compilerOf, evaluatorOf } from "../bundle.ts";
import type { Contender } from "../timing.ts";

/** A Sunday in November 2026; no rule of the bench reads the time. */
const NOW_MS = 1_795_000_000_000;

export async function imageOf(bundles: string, text: string): Promise<Uint8Array> {
  const { compile } = await compilerOf(bundles);
  const { image, diagnostics } = compile(text, { file: "bench.fms" });
  const wrong = diagnostics.find(({ severity }) => severity === "error");
  if (image === undefined) throw new Error(`the policy does not compile: ${JSON.stringify(wrong ?? diagnostics)}`);
  return image;
}

export async function faramesh(
  bundles: string,
  text: string,
  requests: readonly EvaluationRequest[],
  name = "faramesh",
): Promise<Contender<EvaluationRequest, Verdict>> {
  const { loadPolicySync } = await evaluatorOf(bundles);
  const policy = loadPolicySync(await imageOf(bundles, text));
  const options = { now: NOW_MS };
  return {
    name,
    requests,
    decide: (request) => policy.decide(request, options),
    answer: ({ effect, rule }) => ({ effect, rule }),
  };
}
