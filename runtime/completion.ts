// Whether an agent may say that it is done: what its completion gates require, held against what its session has done so far.
// Sessions are followed for agents that declare gates, from the version on that declares them. What was not followed does not hold.
import type { Action } from "./actions.ts";
import type { Approvals } from "./approvals.ts";
import type { Effect, Policy } from "./evaluator/types.ts";
import type { Json, JsonObject } from "./json.ts";

/** The tool that a completion has in the log where the message names none. */
export const completionTool = "faramesh/tasks/complete";

/** Sessions followed at the same time. Beyond, those that nothing happened in for a day make room, or a session is not followed. */
export const progressSessionsMax = 65_536;
/** Permitted calls of one session without an outcome that are told apart. */
export const openActionsMax = 4096;
const idleUs = 86_400_000_000;

/** What one agent's gates require. */
export interface Gates {
  readonly requirements: readonly string[];
  /** Which of the requirements are tools that this one fits. */
  readonly toolsFor: (tool: string) => readonly string[];
}

interface Session {
  readonly agentId: string;
  readonly sessionId: string;
  readonly effects: Record<Effect, number>;
  /** Requirements that a permitted tool has met. */
  readonly met: Set<string>;
  /** Permitted calls whose outcome nobody has reported. */
  readonly open: Set<string>;
  /** More than can be told apart: they count as open for good. */
  hasLostCount: boolean;
  latestUs: number;
}

export class Progress {
  readonly #sessions = new Map<string, Session>();

  /** A decision of an agent with gates, other than a completion itself. */
  note(gates: Gates, decided: Action, actionId: string, effect: Effect): void {
    const session = this.#session(decided);
    if (session === null) return;
    session.latestUs = decided.timeUs;
    session.effects[effect]++;
    if (effect !== "permit") return;
    for (const requirement of gates.toolsFor(decided.tool)) session.met.add(requirement);
    if (session.open.size < openActionsMax) session.open.add(actionId);
    else session.hasLostCount = true;
  }

  takeOutcome(actionId: string, { agentId, sessionId }: Action): void {
    this.#sessions.get(keyOf(agentId, sessionId))?.open.delete(actionId);
  }

  /** Requirements that do not hold, each with what is there instead. */
  missing(gates: Gates, around: Surroundings): readonly string[] {
    return gates.requirements.flatMap((requirement) => {
      const lack = this.#lack(requirement, around);
      return lack === null ? [] : [lack === "" ? requirement : `${requirement} (${lack})`];
    });
  }

  save(): JsonObject {
    const sessions = [...this.#sessions.values()].map((one): Json => {
      const { permit, defer, deny } = one.effects;
      const counts = [permit, defer, deny];
      return [one.agentId, one.sessionId, counts, [...one.met], [...one.open], one.hasLostCount, one.latestUs];
    });
    return { sessions };
  }

  /** Replaces all by what `save` gave. */
  restore(saved: JsonObject): void {
    this.#sessions.clear();
    type Saved = readonly [string, string, readonly number[], readonly string[], readonly string[], boolean, number];
    for (const one of (saved.sessions ?? []) as unknown as readonly Saved[]) {
      const [agentId, sessionId, counts, met, open, hasLostCount, latestUs] = one;
      const [permit = 0, defer = 0, deny = 0] = counts;
      const effects = { permit, defer, deny };
      const session = { agentId, sessionId, effects, met: new Set(met), open: new Set(open), hasLostCount, latestUs };
      this.#sessions.set(keyOf(agentId, sessionId), session);
    }
  }

  /** Null where the requirement holds; else what is there instead, or nothing to say of it. */
  #lack(requirement: string, around: Surroundings): string | null {
    const { agentId, sessionId, approvals, policy, nowUs } = around;
    const session = this.#sessions.get(keyOf(agentId, sessionId));
    if (requirement === "no_pending_approvals") {
      return approvals.hasPending(agentId, nowUs) ? "" : null;
    }
    if (requirement === "budget_under_limit") return overspent(policy, agentId, sessionId, nowUs);
    if (requirement === "no_uncommitted_writes") {
      if (session === undefined) return null;
      if (session.hasLostCount) return `more than ${openActionsMax} calls without an outcome`;
      return session.open.size === 0 ? null : `${session.open.size} without an outcome`;
    }
    const [, kind, value = ""] = /^(effect|min_records):(.*)$/.exec(requirement) ?? [];
    if (kind === "effect") return (session?.effects[value as Effect] ?? 0) > 0 ? null : "";
    if (kind === "min_records") {
      const records = session === undefined ? 0 : Object.values(session.effects).reduce((sum, count) => sum + count, 0);
      return records >= Number(value) ? null : `${records} so far`;
    }
    return session?.met.has(requirement) === true ? null : "";
  }

  #session({ agentId, sessionId, timeUs }: Action): Session | null {
    const key = keyOf(agentId, sessionId);
    const known = this.#sessions.get(key);
    if (known !== undefined && timeUs - known.latestUs < idleUs) return known;
    if (this.#sessions.size >= progressSessionsMax) this.#forgetIdle(timeUs);
    if (this.#sessions.size >= progressSessionsMax) return null;
    const session: Session = {
      agentId,
      sessionId,
      effects: { permit: 0, defer: 0, deny: 0 },
      met: new Set(),
      open: new Set(),
      hasLostCount: false,
      latestUs: timeUs,
    };
    this.#sessions.set(key, session);
    return session;
  }

  #forgetIdle(nowUs: number): void {
    for (const [key, { latestUs }] of this.#sessions) if (nowUs - latestUs >= idleUs) this.#sessions.delete(key);
  }
}

/** What gates ask besides the sessions. */
export interface Surroundings {
  readonly agentId: string;
  readonly sessionId: string;
  readonly approvals: Approvals;
  readonly policy: Policy;
  readonly nowUs: number;
}

/** A budget that holds more than its ceiling: one that is just used up is not over it. */
function overspent(policy: Policy, agentId: string, sessionId: string, nowUs: number): string | null {
  const over = policy.budgets(nowUs / 1000).find((budget) => {
    if (budget.agent !== agentId || (budget.session !== "" && budget.session !== sessionId)) return false;
    const { spent_micro, max_micro, calls, max_calls } = budget;
    return (max_micro !== null && spent_micro > max_micro) || (max_calls !== null && calls > max_calls);
  });
  return over === undefined ? null : over.id;
}

/** The length keeps ("a", "b:c") and ("a:b", "c") apart. */
function keyOf(agentId: string, sessionId: string): string {
  return `${agentId.length}:${agentId}:${sessionId}`;
}
