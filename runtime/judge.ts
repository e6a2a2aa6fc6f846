// What a policy and the approvals together say of one call. It reads approvals and never changes or records any; the
// policy's counters move only in the permit that it returns.
import type { Logger } from "pino";
import type { Judgement } from "./answer.ts";
import type { Approval, Approvals } from "./approvals.ts";
import type { Reading } from "./clock.ts";
import type { Code } from "./codes.ts";
import { completionTool, type Progress } from "./completion.ts";
import type { Effect, Verdict } from "./evaluator/types.ts";
import type { Grant, Grants } from "./grants.ts";
import { everyAgent, type Holds } from "./holds.ts";
import type { Identity } from "./identity.ts";
import type { ActivePolicy } from "./policy.ts";
import type { Broker } from "./providers/broker.ts";
import type { Call } from "./request.ts";

/** Causes that approvals can carry one call past: a rule, the default, and each budget. */
const causesMax = 64;
/** Approvals named in a COMPLETION_BLOCKED. */
const waitingNamedMax = 10;

export interface JudgedCall {
  readonly call: Call;
  readonly identity: Identity;
  readonly reading: Reading;
  /** HMAC of the call, to which approvals are bound. */
  readonly digest: string;
  readonly actionId: string;
  /** Why the call may not go on without its price; null where it may. */
  readonly unpriced: string | null;
}

/** What a judgement looks at besides the policy. */
export interface Premises {
  readonly approvals: Approvals;
  readonly grants: Grants;
  readonly holds: Holds;
  readonly progress: Progress;
  readonly journal: Logger;
  readonly dev: boolean;
  readonly broker: Broker;
}

export class Judge {
  readonly #approvals: Approvals;
  readonly #grants: Grants;
  readonly #holds: Holds;
  readonly #progress: Progress;
  readonly #journal: Logger;
  readonly #dev: boolean;
  readonly #broker: Broker;

  constructor({ approvals, grants, holds, progress, journal, dev, broker }: Premises) {
    this.#approvals = approvals;
    this.#grants = grants;
    this.#holds = holds;
    this.#progress = progress;
    this.#journal = journal;
    this.#dev = dev;
    this.#broker = broker;
  }

  /** Why a known agent's calls are all denied now: it was killed or quiesced. Null where it was not. */
  held({ call }: Pick<JudgedCall, "call">, active: ActivePolicy): Judgement | null {
    const { agent_id: agent, tool_id: tool } = call.request;
    const hold = this.#holds.of(agent, active.declarations.killedByDefault);
    // An agent that the policy does not govern learns that instead.
    if (hold === null || active.policy.tool(agent, tool) === null) return null;
    const who = hold.agentId === everyAgent ? "all agents are" : "this agent is";
    const why = hold.reason === "" ? "" : `: ${hold.reason}`;
    if (hold.state === "killed") return plain("deny", "KILL_SWITCH", `${who} killed${why}`);
    return plain("deny", "AGENT_QUIESCED", `${who} stopped for a while${why}`);
  }

  /** Why the policy's rules will not be asked about a call; null where they will, or something later refuses it. */
  shut(turn: Pick<JudgedCall, "call" | "identity">, active: ActivePolicy): Judgement | null {
    return this.held(turn, active) ?? this.#closed(turn, active);
  }

  /** Changes the policy's counters when it says permit; approvals are only read. */
  judge(turn: JudgedCall, active: ActivePolicy): Judgement {
    const early = this.#closed(turn, active) ?? this.#completion(turn, active) ?? this.#misusedApproval(turn, active);
    if (early !== null) return early;
    const { agent_id: agent, tool_id: tool } = turn.call.request;
    const credential = active.declarations.credential(agent, tool);
    const ref = credential === null ? null : this.#broker.refOf(credential);
    const { unpriced } = turn;
    // Without its secret or its price the call cannot run, so nothing may be taken for it: it is judged without being carried out.
    const isStuck = unpriced !== null || (credential !== null && ref === null);
    const approved: string[] = [];
    const used: string[] = [];
    let grant: Grant | null = null;
    const refused = (judgement: Judgement): Judgement => {
      const carriedBy = grant === null ? used : [...used, grant.id];
      return carriedBy.length === 0 ? judgement : { ...judgement, carriedBy };
    };
    for (let step = 0; step < causesMax; step++) {
      const verdict = this.#verdict(turn, active, approved, isStuck);
      if (verdict.effect === "permit" && unpriced !== null)
        return refused(stuck(verdict, "COST_UNAVAILABLE", `what the call costs cannot be had: ${unpriced}`));
      if (verdict.effect === "permit" && credential !== null && ref === null) {
        const why = `the secret of the credential \`${credential.id}\` cannot be had: ${this.#broker.whyNot(credential)}`;
        return refused(stuck(verdict, "CREDENTIAL_UNAVAILABLE", why));
      }
      if (verdict.effect === "permit") {
        const secret = ref === null ? {} : { credentialRef: ref };
        const granted = grant === null ? {} : { grant };
        return { ...ofVerdict(verdict), approvalId: used[0] ?? null, used, ...granted, ...secret };
      }
      if (verdict.effect === "deny") return refused(ofVerdict(verdict));
      const cause = durableCause(active, verdict.cause);
      const bearing = this.#approvals.liveFor(turn.digest, turn.reading.wallUs).filter((one) => one.cause === cause);
      const resolved = firstResolved(bearing);
      if (resolved?.status === "denied") {
        const reason = resolved.reason || "an operator denied this call";
        const denied: Judgement = { ...ofVerdict(verdict), effect: "deny", code: "APPROVAL_DENIED", reason };
        return refused({ ...denied, approvalId: resolved.id });
      }
      if (verdict.cause === null || approved.includes(verdict.cause)) return refused(deferred(verdict, bearing));
      const isApproved = resolved !== null && !used.includes(resolved.id);
      if (!isApproved) grant ??= this.#grants.fitting(turn.call.request, turn.reading);
      if (!isApproved && grant === null) return refused(deferred(verdict, bearing));
      approved.push(verdict.cause);
      if (isApproved) used.push(resolved.id);
    }
    return plain("deny", "MACHINE_FAULT", "the call defers again and again");
  }

  /** In audit mode a call runs whatever was judged, and so with its secret. */
  inAudit(judged: Judgement, { call }: JudgedCall, active: ActivePolicy): Judgement {
    const credential = active.declarations.credential(call.request.agent_id, call.request.tool_id);
    const ref = credential === null ? null : this.#broker.refOf(credential);
    return ref === null ? judged : { ...judged, credentialRef: ref };
  }

  #verdict(turn: JudgedCall, active: ActivePolicy, approved: readonly string[], isStuck: boolean): Verdict {
    try {
      const options = { now: turn.reading.wallUs / 1000, approved };
      if (isStuck) return active.policy.explain(turn.call.request, options).verdict;
      return active.policy.decide(turn.call.request, options);
    } catch (error) {
      this.#journal.error({ err: error, action_id: turn.actionId }, "the machine stopped");
      const reason = "the machine stopped";
      return { effect: "deny", code: "MACHINE_FAULT", reason, rule: null, rule_ref: null, cause: null };
    }
  }

  /** What the policy's blocks refuse before its rules are asked. An agent that it does not govern learns that instead. */
  #closed({ call, identity }: Pick<JudgedCall, "call" | "identity">, active: ActivePolicy): Judgement | null {
    const { agent_id: agent, tool_id: tool } = call.request;
    const closed = active.declarations.closed(call, identity, this.#dev);
    if (closed === null || active.policy.tool(agent, tool) === null) return null;
    return plain("deny", closed.code, closed.reason);
  }

  /** A completion is held to the agent's gates. Where it names no tool of its own there is nothing else to ask. */
  #completion({ call, reading }: JudgedCall, active: ActivePolicy): Judgement | null {
    if (call.actionType !== "completion_event") return null;
    const { agent_id: agentId, tool_id: tool, session_id: sessionId = "default" } = call.request;
    if (active.policy.tool(agentId, tool) === null)
      return plain("deny", "UNKNOWN_AGENT", "the policy declares no such agent");
    const gates = active.declarations.gates.get(agentId);
    const { policy } = active;
    const around = { agentId, sessionId, approvals: this.#approvals, policy, nowUs: reading.wallUs };
    const missing = gates === undefined ? [] : this.#progress.missing(gates, around);
    if (missing.length > 0) {
      const judged = plain("deny", "COMPLETION_BLOCKED", `these do not hold yet: ${missing.join(", ")}`);
      return { ...judged, waiting: this.#approvals.pendingOf(agentId, waitingNamedMax) };
    }
    return tool === completionTool ? plain("permit", "COMPLETED", "the completion gates hold") : null;
  }

  /** Null when the request names no approval, or one that its call may use. */
  #misusedApproval(turn: JudgedCall, active: ActivePolicy): Judgement | null {
    const { approvalId, request } = turn.call;
    if (approvalId === null) return null;
    // An agent that the policy does not govern learns that first, and nothing of approvals.
    if (active.policy.tool(request.agent_id, request.tool_id) === null) return null;
    const approval = this.#approvals.get(approvalId);
    if (approval === null || approval.agentId !== request.agent_id || approval.digest !== turn.digest) {
      return plain("deny", "APPROVAL_MISMATCH", "this approval was not given for this call");
    }
    if (approval.status === "used")
      return plain("deny", "APPROVAL_CONSUMED", "this approval was used already", approvalId);
    if (approval.status === "denied" && approval.denialTold) {
      return plain("deny", "APPROVAL_DENIED", approval.reason || "an operator denied this call", approvalId);
    }
    if (approval.status === "expired" || approval.expiresUs <= turn.reading.wallUs) {
      return plain("deny", "APPROVAL_EXPIRED", "the time of this approval is over", approvalId);
    }
    return null;
  }
}

/** Nothing was taken for the call, so its record must not say that something was. */
function stuck({ charges: _charges, warnings: _warnings, ...verdict }: Verdict, code: Code, reason: string): Judgement {
  return { ...ofVerdict(verdict), effect: "deny", code, reason };
}

/** Of several approvals for one call the one resolved first counts. */
function firstResolved(bearing: readonly Approval[]): Approval | null {
  let first: Approval | null = null;
  for (const one of bearing) {
    if (one.status === "pending" || one.resolvedUs === null) continue;
    if (first === null || one.resolvedUs < (first.resolvedUs ?? 0)) first = one;
  }
  return first;
}

function deferred(verdict: Verdict, bearing: readonly Approval[]): Judgement {
  const pending = bearing.find((one) => one.status === "pending");
  return { ...ofVerdict(verdict), approvalId: pending?.id ?? null };
}

/** What a defer hangs on, in words that outlive a swap: a rule by its digest, not by its place. */
export function durableCause(active: ActivePolicy, cause: string | null): string {
  if (cause === null) return "default";
  if (!cause.startsWith("rule:")) return cause;
  return `rule:${active.ruleDigests[Number(cause.slice("rule:".length))] ?? ""}`;
}

/** A judgement that no policy was asked for. */
export function plain(effect: Effect, code: Code, reason: string, approvalId: string | null = null): Judgement {
  return { effect, code, reason, verdict: null, approvalId, used: [] };
}

function ofVerdict(verdict: Verdict): Judgement {
  const { effect, code, reason } = verdict;
  return { effect, code, reason, verdict, approvalId: null, used: [] };
}
