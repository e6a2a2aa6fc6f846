// What happens, told as it happens to those who asked: records of one agent, and what became of its approvals. Only what is
// durable is told, and nothing that is not stored redacted. A listener that reads too slowly is let go, never waited for.
import type { Code } from "./codes.ts";
import type { ApprovalEvent } from "./doors/protocol.ts";
import type { Effect } from "./evaluator/types.ts";
import type { JsonObject } from "./json.ts";
import type { Ledger } from "./ledger.ts";

export const feedKinds = ["audit", "callback"] as const;
export type FeedKind = (typeof feedKinds)[number];

/** Streams at the same time, over all connections. */
export const feedsMax = 256;

export type FeedEvent = JsonObject;

/** What of a decision is known before its event is built. */
export interface DecisionHint {
  /** As judged: in audit mode what enforcing would have said. */
  readonly effect: Effect;
  readonly code: Code;
  readonly hasWarnings: boolean;
}

export interface Listener {
  readonly kind: FeedKind;
  /** Null: every agent's, for an operator. */
  readonly agentId: string | null;
  /** Asked once for each record, before its event is built, with null for what is no decision; absent: it hears all. */
  readonly admits?: (agentId: string, decision: DecisionHint | null) => boolean;
  send(event: FeedEvent): void;
  /** Says why, and ends the stream. */
  end(reason: string): void;
}

export class Feeds {
  readonly #ledger: Ledger;
  readonly #listeners = new Set<Listener>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  get hasRoom(): boolean {
    return this.#listeners.size < feedsMax;
  }

  /** Returns what ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asked before an event is built, since most of the time nobody listens. */
  isWatched(kind: FeedKind, agentId: string): boolean {
    if (this.#listeners.size === 0) return false;
    for (const one of this.#listeners) if (isFor(one, kind, agentId)) return true;
    return false;
  }

  /** Ends the streams of one agent, or of all. */
  end(agentId: string | null, reason: string): void {
    for (const one of this.#listeners) {
      // An operator's goes on.
      if (one.agentId === null || (agentId !== null && one.agentId !== agentId)) continue;
      this.#listeners.delete(one);
      one.end(reason);
    }
  }

  /** A record of the agent: `event` names its type, and its members are as they are stored. */
  publish(event: string, agentId: string, members: JsonObject): void {
    const hearers = this.#hearersOf("audit", agentId, null);
    if (hearers.length > 0) this.#tell(hearers, { type: "audit", event, ...members });
  }

  /** A decision on a call of the agent, whose members are made where somebody hears it. */
  publishDecision(agentId: string, decision: DecisionHint, members: () => JsonObject): void {
    const hearers = this.#hearersOf("audit", agentId, decision);
    if (hearers.length > 0) this.#tell(hearers, { type: "audit", event: "decision", ...members() });
  }

  /** A change to an approval of the agent. */
  publishApproval({ event, approval }: ApprovalEvent): void {
    const { id, agent_id: agentId, tool, status, reason, expires_at } = approval;
    const hearers = this.#hearersOf("callback", agentId, null);
    if (hearers.length === 0) return;
    const members = { defer_token: id, approval_id: id, agent_id: agentId, tool, status, reason, expires_at };
    this.#tell(hearers, { type: "callback", event, ...members });
  }

  #hearersOf(kind: FeedKind, agentId: string, decision: DecisionHint | null): readonly Listener[] {
    if (this.#listeners.size === 0) return nobody;
    const hearers: Listener[] = [];
    for (const one of this.#listeners)
      if (isFor(one, kind, agentId) && (one.admits === undefined || one.admits(agentId, decision))) hearers.push(one);
    return hearers;
  }

  /** Once all that is written so far is on disk. */
  #tell(hearers: readonly Listener[], event: FeedEvent): void {
    this.#ledger.durable(this.#ledger.log.lastSeq).then(
      () => {
        for (const one of hearers) if (this.#listeners.has(one)) one.send(event);
      },
      // The log has failed: what is not on disk has not happened.
      () => {},
    );
  }
}

const nobody: readonly Listener[] = [];

function isFor(listener: Listener, kind: FeedKind, agentId: string): boolean {
  return listener.kind === kind && (listener.agentId === null || listener.agentId === agentId);
}
