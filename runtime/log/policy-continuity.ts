// Whether each decision names the policy that the records before it put in force. It reads heads of records and holds no file.
import type { JsonObject } from "../json.ts";

/** The first decision that names another. */
export interface PolicyFault {
  readonly seq: number;
  readonly id: string | null;
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  readonly message: string;
}

/** Each decision names the policy that was active then. */
export class PolicyContinuity {
  /** no record that is still there says which policy was active first: the first that names one is believed */
  #isUnknown: boolean;
  #active: { readonly version: unknown; readonly hash: unknown } | null = null;
  decisions = 0;
  fault: PolicyFault | null = null;

  constructor(isUnknown: boolean) {
    this.#isUnknown = isUnknown;
  }

  record(value: JsonObject): void {
    if (value.type === "policy" || this.#isUnknown)
      this.#active = { version: value.policy_version, hash: value.policy_hash };
    this.#isUnknown = false;
    if (value.type !== "decision") return;
    this.decisions++;
    if (this.fault !== null) return;
    const seq = Number(value.seq);
    const id = typeof value.action_id === "string" ? value.action_id : null;
    const active = this.#active ?? { version: null, hash: null };
    const differing =
      value.policy_version !== active.version
        ? "policy_version"
        : value.policy_hash !== active.hash
          ? "policy_hash"
          : null;
    if (differing === null) return;
    const expected = String(differing === "policy_version" ? active.version : active.hash);
    const message = `the decision names a policy that was not active`;
    this.fault = { seq, id, field: differing, expected, found: String(value[differing]), message };
  }
}
