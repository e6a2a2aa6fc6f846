// Streams of the agents' socket: the records of one agent, or what becomes of its approvals, one JSON a line as it happens. A
// reader that does not keep up is told so and let go; nothing is kept for it.
import { type FeedKind, type Feeds, feedsMax } from "../feeds.ts";
import { canonicalJson, type Json, type JsonObject } from "../json.ts";
import type { LineConnection } from "./lines.ts";

/** Bytes that a reader may leave unread before it is let go. */
export const streamUnsentBytes = 256 * 1024;

/** The message types that open a stream. */
export const subscriptions: Readonly<Record<string, FeedKind>> = {
  audit_subscribe: "audit",
  callback_subscribe: "callback",
};

export interface Subscribed {
  readonly type: string;
  readonly subscribed: true;
  readonly agent_id: string | null;
}

/** The first line of the stream, which then goes on until either side ends it; null where too many are open. */
export function openStream(
  feeds: Feeds,
  connection: LineConnection,
  type: string,
  agentId: string | null,
): { readonly answer: Subscribed; readonly stop: () => void } | null {
  const kind = subscriptions[type];
  if (kind === undefined || !feeds.hasRoom) return null;
  connection.openStream();
  const close = (reason: string): void => {
    stop();
    connection.send(text({ type: "ended", reason }));
    connection.finish();
  };
  const stop = feeds.listen({
    kind,
    agentId,
    send: (event) => {
      if (connection.closed) stop();
      else if (connection.unsentBytes > streamUnsentBytes) close("the reader is too slow: lines were dropped");
      else connection.send(text(event));
    },
    end: close,
  });
  return { answer: { type, subscribed: true, agent_id: agentId }, stop };
}

export const streamsFull = `${feedsMax} streams are open already`;

function text(event: JsonObject): string {
  return canonicalJson(event as Json);
}
