// The two ways into the machine held against each other: JSON read strictly into objects and judged, and the same bytes judged
// by the machine itself. Both must agree on every byte string, in verdict and in state.
import { compile } from "../../compiler/index.ts";
import { loadPolicySync, type Policy } from "../../runtime/evaluator/index.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import type { JsonOptions, Verdict } from "../../runtime/evaluator/types.ts";
import { type Json, type JsonObject, parseJson } from "../../runtime/json.ts";
import { readCall } from "../../runtime/request.ts";
import { jsonText, spoiled } from "../generate/json.ts";
import { policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";
import { callDrafts, START_MS } from "../generate/request.ts";
import { acceptable, FILE } from "./compare.ts";
import { CALLS_PER_POLICY, engines } from "./run.ts";

/** What all refusals by shape have in common; the strict reader has words of its own for each. */
interface Refusal {
  readonly effect: "deny";
  readonly code: string;
}

/** Verdict of the bytes by way of objects: what the daemon does. */
export function decideByObject(policy: Policy, bytes: Uint8Array, options: JsonOptions): Verdict | Refusal {
  const document = parseJson(bytes);
  if (!document.ok || !isObject(document.value)) return { effect: "deny", code: "BAD_REQUEST" };
  const read = readCall(document.value, options.trustPrincipal === true);
  return read.ok ? policy.decide(read.call.request, options) : { effect: "deny", code: read.refused.code };
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

/** What must be the same of both. */
export function told(verdict: Verdict | Refusal): string {
  const { effect, code } = verdict;
  return JSON.stringify(code === "BAD_REQUEST" || code === "BAD_TOOL_NAME" ? { effect, code } : verdict);
}

/** Calls in JSON through two instances of generated policies. The codes that came up, by number. Throws where they differ. */
export async function runJson(calls: number, firstSeed: number): Promise<ReadonlyMap<string, number>> {
  const codes = new Map<string, number>();
  let judged = 0;
  for (let seed = firstSeed; judged < calls; seed++) {
    const random = new Random(seed);
    const networked = random.oneIn(3);
    const policy = await acceptable(engines, policyDraft(random, networked));
    if (policy === null) continue;
    const text = policyText(policy);
    const [byObject, byJson] = openTwice(random, text);
    for (const { request, options } of callDrafts(random, CALLS_PER_POLICY, "forward", networked)) {
      const written = new TextEncoder().encode(jsonText(random, request));
      const bytes = random.oneIn(3) ? spoiled(random, written) : written;
      const asked = { ...options, trustPrincipal: random.oneIn(2) };
      const expected = told(decideByObject(byObject, bytes, asked));
      const verdict = byJson.decideJson(bytes, asked);
      codes.set(verdict.code, (codes.get(verdict.code) ?? 0) + 1);
      if (told(verdict) !== expected) {
        const request = JSON.stringify(new TextDecoder().decode(bytes));
        throw new Error(`seed ${seed}\n${text}\n${request}\nobject: ${expected}\njson: ${told(verdict)}`);
      }
      judged++;
    }
    if (byObject.stateHash() !== byJson.stateHash()) throw new Error(`the states part at seed ${seed}\n${text}`);
  }
  return codes;
}

/** Two instances of one policy, now and then with little room for text. */
function openTwice(random: Random, text: string): [Policy, Policy] {
  const { image } = compile(text, { file: FILE });
  if (image === undefined) throw new Error("a policy that compiled does not compile again");
  const arenaBytes = random.oneIn(4) ? random.below(300) : 65_536;
  const options = { state: "volatile", meterCapacity: 256, arenaBytes, requestBytes: 65_536 } as const;
  const both: [Policy, Policy] = [loadPolicySync(image, options), loadPolicySync(image, options)];
  if (random.oneIn(2)) for (const policy of both) policy.activatePhases(START_MS);
  return both;
}
