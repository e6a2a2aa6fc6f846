// Records and approvals as server-sent events: from a record on, where the reader names the last one that it has seen, then as they
// become durable. A reader that does not keep up is let go; nothing that is not on disk is ever told.
import { once } from "node:events";
import type { FeedEvent, FeedKind } from "../../feeds.ts";
import { feedsMax } from "../../feeds.ts";
import { canonicalJson, type Json, type JsonObject } from "../../json.ts";
import { readRecords } from "../../log/read.ts";
import { type Asked, answered, callerOf, type Reply, type Route, readyPolicy, refused } from "./asked.ts";
import { anything, streamQuery } from "./schemas.ts";

/** Events that wait while older ones are read from the log. */
const waitingMax = 4096;
/** What a decision's event says of its record: the members that are told live. */
const decisionMembers = [
  "seq",
  "hash",
  "time",
  "action_id",
  "call_id",
  "agent_id",
  "session_id",
  "tool",
  "args",
  "effect",
  "would",
  "code",
  "reason",
  "rule_ref",
  "approval_id",
  "policy_version",
  "policy_hash",
] as const;
/** What no other record's event says. */
const headerMembers: ReadonlySet<string> = new Set([
  "v",
  "type",
  "hash",
  "prev",
  "boot_id",
  "log_id",
  "mono_us",
  "time_regression",
  "policy_version",
  "policy_hash",
]);
const told: ReadonlySet<unknown> = new Set(["decision", "outcome", "cost"]);

/** The event of a stored record; null for one of a kind that is not told. */
export function eventOfRecord(record: JsonObject): FeedEvent | null {
  const { type = null, would = null, effect } = record;
  if (!told.has(type)) return null;
  if (type !== "decision") {
    const members = Object.entries(record).filter(([name]) => !headerMembers.has(name));
    return { type: "audit", event: type, ...Object.fromEntries(members) };
  }
  const members = decisionMembers.map((name) => [name, record[name] ?? null] as const);
  return { type: "audit", event: type, ...Object.fromEntries(members), would: would === effect ? null : would };
}

function open(asked: Asked): Reply | typeof answered {
  const { around, query } = asked;
  const { token } = callerOf(asked);
  const kind: FeedKind = query.kind === "callback" ? "callback" : "audit";
  const agentId = token.role === "agent" ? token.agent_id : (query.agent_id ?? null);
  if (token.role === "agent" && token.agent_id === null) {
    return refused(403, "ONE_AGENT", "a token for any agent opens no stream");
  }
  if (token.agent_id !== null && query.agent_id !== undefined && query.agent_id !== token.agent_id) {
    return refused(403, "OTHER_AGENT", "the token is another agent's");
  }
  const active = readyPolicy(around);
  if (active === null) return refused(503, "NOT_READY", "the daemon is not ready");
  const { governor } = around;
  const isKilled = governor.holds.of(agentId ?? "", active.declarations.killedByDefault)?.state === "killed";
  if (agentId !== null && isKilled) return refused(403, "KILLED", "this agent is killed");
  if (!governor.feeds.hasRoom) return refused(503, "TOO_MANY_STREAMS", `${feedsMax} streams are open already`);
  const last = asked.incoming.headers["last-event-id"];
  const fromSeq = typeof last === "string" && /^[0-9]{1,15}$/.test(last) ? Number(last) + 1 : null;
  if (last !== undefined && last !== "" && fromSeq === null) {
    return refused(400, "BAD_EVENT_ID", "the last-event-id is the id of an event of this stream");
  }
  new Stream(asked, kind, agentId).run(kind === "audit" ? fromSeq : null);
  return answered;
}

class Stream {
  readonly #asked: Asked;
  readonly #agentId: string | null;
  readonly #stopListening: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #end = (reason: string): void => this.end(reason);
  /** Not null while older events are being sent. */
  #waiting: FeedEvent[] | null = null;
  #lastSeq = 0;
  #closed = false;

  constructor(asked: Asked, kind: FeedKind, agentId: string | null) {
    this.#asked = asked;
    this.#agentId = agentId;
    const { around, outgoing } = asked;
    outgoing.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    outgoing.flushHeaders();
    this.#stopListening = around.governor.feeds.listen({
      kind,
      agentId,
      send: (event) => this.#onEvent(event),
      end: (reason) => this.end(reason),
    });
    this.#heartbeat = setInterval(() => this.#write(": still here\n\n"), around.limits.heartbeatMs);
    this.#heartbeat.unref();
    around.streams.add(this.#end);
    outgoing.once("close", () => this.#close());
  }

  run(fromSeq: number | null): void {
    if (fromSeq === null) return;
    this.#waiting = [];
    this.#catchUp(fromSeq).catch((error: unknown) => {
      this.#asked.around.governor.journal.error({ err: error }, "older events could not be read");
      this.end("older events could not be read");
    });
  }

  end(reason: string): void {
    if (this.#closed) return;
    this.#asked.outgoing.end(`event: ended\ndata: ${JSON.stringify({ type: "ended", reason })}\n\n`);
    this.#close();
  }

  /** What is on disk now, then what came meanwhile. */
  async #catchUp(fromSeq: number): Promise<void> {
    const { governor, house } = this.#asked.around;
    const untilSeq = governor.ledger.log.lastSeq;
    await governor.ledger.durable(untilSeq);
    if (fromSeq <= untilSeq) {
      let expectedSeq = fromSeq;
      for await (const { seq, value } of readRecords(house.walDir, { fromSeq })) {
        if (this.#closed || seq > untilSeq) break;
        // Pruned: a reader must know that it was not told all.
        if (seq > expectedSeq && expectedSeq === fromSeq) this.#tellGap(fromSeq, seq - 1);
        expectedSeq = seq + 1;
        const event = eventOfRecord(value);
        if (event === null || (this.#agentId !== null && event.agent_id !== this.#agentId)) continue;
        this.#tell(event);
        if (this.#asked.outgoing.writableNeedDrain) await this.#drained();
      }
    } else if (fromSeq > untilSeq + 1) {
      // The reader knows records that are not here: the log was cut, or is another one.
      this.#tellGap(untilSeq + 1, fromSeq - 1);
    }
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const event of waiting) this.#onEvent(event);
  }

  async #drained(): Promise<void> {
    const { outgoing } = this.#asked;
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    outgoing.once("close", abort);
    try {
      await once(outgoing, "drain", { signal: gone.signal });
    } catch {
      // Gone: the stream is closed.
    } finally {
      outgoing.removeListener("close", abort);
    }
  }

  #onEvent(event: FeedEvent): void {
    if (this.#waiting === null) this.#tell(event);
    else if (this.#waiting.length < waitingMax) this.#waiting.push(event);
    else this.end("too much happened while older events were read");
  }

  #tell(event: FeedEvent): void {
    const { seq } = event;
    if (typeof seq === "number") {
      if (seq <= this.#lastSeq) return;
      this.#lastSeq = seq;
    }
    const id = typeof seq === "number" ? `id: ${seq}\n` : "";
    this.#write(`${id}event: ${String(event.event)}\ndata: ${canonicalJson(event as Json)}\n\n`);
  }

  #tellGap(fromSeq: number, toSeq: number): void {
    const data = JSON.stringify({ type: "gap", from_seq: fromSeq, to_seq: toSeq });
    this.#write(`event: gap\ndata: ${data}\n\n`);
  }

  #write(text: string): void {
    if (this.#closed) return;
    const { outgoing, around } = this.#asked;
    outgoing.write(text);
    if (this.#waiting === null && outgoing.writableLength > around.limits.unreadBytes) {
      this.end("the reader is too slow: events were dropped");
      outgoing.destroy();
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.#stopListening();
    this.#asked.around.streams.delete(this.#end);
  }
}

export const streamRoute: Route = {
  method: "GET",
  path: "/v1/stream",
  access: ["agent", "operator"],
  summary: "Records, or what becomes of approvals, as server-sent events",
  query: streamQuery,
  answers: { 200: anything },
  type: "text/event-stream",
  handle: open,
};
