// Who a call came from, as far as its door can tell. It must never be taken from the call itself.

export interface Identity {
  /** The only agent that may be named; null: whichever the call names. */
  readonly agentId: string | null;
  /** What the record keeps: "claimed", or the token's id. Never the token. */
  readonly recorded: string;
  /** W3C trace context of the request, unread: its span belongs to that trace. */
  readonly traceparent?: string;
}

/** A door that verifies nobody: the agents' socket. */
export const claimed: Identity = { agentId: null, recorded: "claimed" };
