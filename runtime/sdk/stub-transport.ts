// Decides from a table, for tests of agents without a daemon. What the table does not name is denied.
// It must never be used where tools do real work: it enforces no policy and writes no log.
import { canonicalJson } from "../json.ts";
import type { GovernRequest, PollRequest, Transport } from "./transport.ts";

export type StubEffect = "permit" | "deny" | "defer";
/** An effect, or the answer to give; members of an answer outrank those that the stub would make. */
export type StubDecision = StubEffect | { readonly [member: string]: unknown };
export type StubRule = StubDecision | ((request: GovernRequest) => StubDecision);

export class StubTransport implements Transport {
  /** What was asked, in order. */
  readonly requests: GovernRequest[] = [];
  readonly #rules: ReadonlyMap<string, StubRule>;
  /** Approval id → the call it is for and how it stands; spent ones leave. */
  readonly #approvals = new Map<string, { readonly call: string; status: "pending" | "approved" | "denied" }>();

  /** Keys are tool names; `"*"` stands for all others. */
  constructor(rules: Readonly<Record<string, StubRule>>) {
    this.#rules = new Map(Object.entries(rules));
  }

  /** Lets the next identical call through, once. */
  approve(approvalId: string): void {
    this.#resolve(approvalId, "approved");
  }

  /** Denies the next identical call, once. */
  deny(approvalId: string): void {
    this.#resolve(approvalId, "denied");
  }

  async govern(request: GovernRequest): Promise<unknown> {
    this.requests.push(request);
    const rule = this.#rules.get(request.tool_id) ?? this.#rules.get("*") ?? "deny";
    const decision = typeof rule === "function" ? rule(request) : rule;
    const answer = { call_id: request.call_id, action_id: `action-stub-${this.requests.length}` };
    if (typeof decision !== "string") return { ...answer, ...decision };
    if (decision === "permit") return { ...answer, effect: "PERMIT", reason_code: "POLICY_PERMIT" };
    if (decision === "deny")
      return { ...answer, effect: "DENY", reason_code: "POLICY_DENY", reason: "the stub denies it" };
    return { ...answer, ...this.#defer(request) };
  }

  async pollDefer(request: PollRequest): Promise<unknown> {
    const status = this.#approvals.get(request.defer_token)?.status ?? "unknown";
    return { defer_token: request.defer_token, status };
  }

  #defer(request: GovernRequest): Record<string, unknown> {
    const call = canonicalJson([request.agent_id, request.tool_id, request.args]);
    const known = [...this.#approvals].find(([, approval]) => approval.call === call);
    if (known !== undefined && known[1].status !== "pending") {
      this.#approvals.delete(known[0]);
      if (known[1].status === "approved") return { effect: "PERMIT", reason_code: "POLICY_PERMIT" };
      return { effect: "DENY", reason_code: "APPROVAL_DENIED", reason: "an operator denied the call" };
    }
    const id = known?.[0] ?? `apr-stub-${this.requests.length}`;
    this.#approvals.set(id, { call, status: "pending" });
    return { effect: "DEFER", reason_code: "POLICY_DEFER", reason: "the stub asks a person", defer_token: id };
  }

  #resolve(approvalId: string, status: "approved" | "denied"): void {
    const approval = this.#approvals.get(approvalId);
    if (approval === undefined) throw new Error(`the stub has no approval ${approvalId}`);
    approval.status = status;
  }
}
