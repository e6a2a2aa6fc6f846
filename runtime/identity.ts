// Who a call came from and by which door, as far as that door can tell. It must never be taken from the call itself, but for the
// program that a caller says it is, which decides nothing.
import type { Door } from "./doors/kinds.ts";
import type { Json } from "./json.ts";

export interface Identity {
  /** The only agent that may be named; null: whichever the call names. */
  readonly agentId: string | null;
  /** What the record keeps: "claimed", or the token's id. Never the token. */
  readonly recorded: string;
  readonly door: Door;
  /** W3C trace context of the request, unread: its span belongs to that trace. */
  readonly traceparent?: string;
}

/** A door that verifies nobody: the agents' socket. */
export const claimed: Identity = { agentId: null, recorded: "claimed", door: "socket" };

const claimedBy: ReadonlyMap<Json | undefined, Identity> = new Map(
  (["sdk", "hook", "mcp"] as const).map((client) => [client, { ...claimed, door: `socket/${client}` }]),
);

/** The caller of the agents' socket, by the `client` of its message. */
export function claimedOf(client: Json | undefined): Identity {
  return claimedBy.get(client) ?? claimed;
}
