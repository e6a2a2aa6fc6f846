// The gate's way to the decision, within the daemon: the same message that a client would send, by the same decider. It never judges.
import type { Decider } from "../../decide.ts";
import type { FloodGate } from "../../flood.ts";
import type { Governor } from "../../governor.ts";
import type { Identity } from "../../identity.ts";
import type { JsonObject } from "../../json.ts";
import type { GovernRequest, PollRequest, Transport } from "../../sdk/transport.ts";
import { completionOf } from "../followups.ts";
import { deferStatus } from "../refusals.ts";

export class DaemonTransport implements Transport {
  readonly #decider: Decider;
  readonly #governor: Governor;
  readonly #gate: () => FloodGate;
  readonly #identity: Identity;

  constructor(decider: Decider, governor: Governor, gate: () => FloodGate, identity: Identity) {
    this.#decider = decider;
    this.#governor = governor;
    this.#gate = gate;
    this.#identity = identity;
  }

  async govern(request: GovernRequest): Promise<unknown> {
    return this.#decider.govern({ ...request } as unknown as JsonObject, this.#gate(), this.#identity);
  }

  /** Whether the agent may say that it is done. */
  async complete(agentId: string, sessionId: string, params: JsonObject): Promise<unknown> {
    const message = completionOf({ ...params, agent_id: agentId, session_id: sessionId });
    return this.#decider.govern(message, this.#gate(), this.#identity);
  }

  async pollDefer({ agent_id, defer_token }: PollRequest): Promise<unknown> {
    return deferStatus(this.#governor, defer_token, agent_id);
  }
}
