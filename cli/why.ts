// The comparison that a denial came down to, for one line of `audit tail`: `amount 8000 ≥ 5000`. Where the author gave a
// reason, a value was not kept or the version is gone, the record's own reason stands.
import type { Policy, TestTrace } from "../runtime/evaluator/types.ts";
import { ImageFailure, loadImage } from "../runtime/images.ts";
import type { Json, JsonObject } from "../runtime/json.ts";
import { isKept, recordedCall } from "../runtime/recorded-call.ts";
import { stackPaths } from "../runtime/stack.ts";
import { testText } from "./tests.ts";

/** Reasons that are ours and say less than the comparison does. */
const ownReason = /^(no rule permits this call|denied by the rule at )/;

export class Why {
  readonly #policiesDir: string;
  /** Image by policy hash, from the log's policy records. */
  readonly #images = new Map<Json, string>();
  readonly #policies = new Map<string, Policy | null>();

  constructor(dir: string) {
    this.#policiesDir = stackPaths(dir).policies;
  }

  /** Takes each record in the log's order, so that the policies are known by which the later ones were judged. */
  take(record: JsonObject): void {
    if (record.type !== "policy" || typeof record.image_hash !== "string") return;
    this.#images.set(record.policy_hash ?? null, record.image_hash);
  }

  /** True when the record's comparison is wanted and the policy that judged it was not taken yet. */
  lacks(record: JsonObject): boolean {
    return comesFromComparison(record) && !this.#images.has(record.policy_hash ?? null);
  }

  /** Null where the record's reason says it best. */
  async of(record: JsonObject): Promise<string | null> {
    if (!comesFromComparison(record)) return null;
    const call = recordedCall(record);
    const policy = await this.#policy(record.policy_hash ?? null);
    const tool = call === null ? null : (policy?.tool(call.request.agent_id, call.request.tool_id) ?? null);
    if (call === null || policy === null || tool === null || !isKept(call, tool, tool)) return null;
    const { rules, verdict } = policy.explain(call.request, { now: call.nowMs });
    if (verdict.effect !== "deny") return null;
    const tests = verdict.rule === null ? failedPermit(rules) : rules.find(({ rule }) => rule === verdict.rule)?.tests;
    return tests === undefined || tests.length === 0 ? null : tests.map((test) => testText(test, true)).join(", ");
  }

  async #policy(policyHash: Json): Promise<Policy | null> {
    const imageHash = this.#images.get(policyHash);
    if (imageHash === undefined) return null;
    const known = this.#policies.get(imageHash);
    if (known !== undefined) return known;
    const { loadPolicySync } = await import("../runtime/evaluator/index.ts");
    const policy = this.#load(imageHash, (image) => loadPolicySync(image, { state: "volatile" }));
    this.#policies.set(imageHash, policy);
    return policy;
  }

  #load(imageHash: string, load: (image: Uint8Array) => Policy): Policy | null {
    try {
      return load(loadImage(this.#policiesDir, imageHash).image);
    } catch (error) {
      if (error instanceof ImageFailure) return null;
      throw error;
    }
  }
}

function comesFromComparison({ type, code, reason }: JsonObject): boolean {
  return type === "decision" && code === "POLICY_DENY" && ownReason.test(String(reason));
}

/** The tests that kept the last permit tried from matching. */
function failedPermit(
  rules: readonly { readonly text: string; readonly tests: readonly TestTrace[] }[],
): TestTrace[] | undefined {
  const permit = rules.findLast(({ text }) => text.startsWith("permit "));
  return permit?.tests.filter(({ result }) => result !== "true");
}
