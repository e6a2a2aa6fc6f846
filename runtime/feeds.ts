// What happens, told as it happens to those who asked: records of one agent, and what became of its approvals. Only what is
// durable is told, and nothing that is not stored redacted. A listener that reads too slowly is let go, never waited for.
import type { ApprovalEvent } from "./doors/protocol.ts";
import type { JsonObject } from "./json.ts";
import type { Ledger } from "./ledger.ts";

export const feedKinds = ["audit", "callback"] as const;
export type FeedKind = (typeof feedKinds)[number];

/** Streams at the same time, over all connections. */
export const feedsMax = 256;

export type FeedEvent = JsonObject;

export interface Listener {
  readonly kind: FeedKind;
  /** Null: every agent's, for an operator. */
  readonly agentId: string | null;
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
    if (this.isWatched("audit", agentId)) this.#tell("audit", agentId, { type: "audit", event, ...members });
  }

  /** A change to an approval of the agent. */
  publishApproval({ event, approval }: ApprovalEvent): void {
    const { id, agent_id: agentId, tool, status, reason, expires_at } = approval;
    if (!this.isWatched("callback", agentId)) return;
    const members = { defer_token: id, approval_id: id, agent_id: agentId, tool, status, reason, expires_at };
    this.#tell("callback", agentId, { type: "callback", event, ...members });
  }

  /** Once all that is written so far is on disk. */
  #tell(kind: FeedKind, agentId: string, event: FeedEvent): void {
    this.#ledger.durable(this.#ledger.log.lastSeq).then(
      () => {
        for (const one of this.#listeners) if (isFor(one, kind, agentId)) one.send(event);
      },
      // The log has failed: what is not on disk has not happened.
      () => {},
    );
  }
}

function isFor(listener: Listener, kind: FeedKind, agentId: string): boolean {
  return listener.kind === kind && (listener.agentId === null || listener.agentId === agentId);
}
