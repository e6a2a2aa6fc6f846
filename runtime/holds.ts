// Who is stopped: agents that an operator killed or quiesced, one by one or all together. The state is made of `agent` records
// alone, so it outlives every restart and every change of policy. It must never let go of a hold by itself.
import { formatTime } from "./clock.ts";
import type { Json, JsonObject } from "./json.ts";

/** Stands for every agent. */
export const everyAgent = "*";
/** Agents held one by one at the same time. Beyond, hold all of them. */
export const holdsMax = 4096;

export type HoldState = "killed" | "quiesced";
export const holdChanges = ["kill", "unkill", "quiesce", "resume"] as const;
export type HoldChange = (typeof holdChanges)[number];

export interface Hold {
  readonly state: HoldState;
  /** The agent, or `*`. */
  readonly agentId: string;
  readonly sinceUs: number;
  readonly actor: string;
  readonly reason: string;
}

/** As shown to people. */
export interface HoldView {
  readonly agent_id: string;
  readonly state: HoldState;
  /** Null for the kill switch that the policy has on from the start. */
  readonly since: string | null;
  readonly by: string | null;
  readonly reason: string | null;
}

export interface HoldOrder {
  readonly agentId: string;
  readonly change: HoldChange;
  readonly actor: string;
  readonly reason: string;
}

const stateOf: Readonly<Record<"kill" | "quiesce", HoldState>> = { kill: "killed", quiesce: "quiesced" };

export function holdBody({ agentId, change, actor, reason }: HoldOrder): JsonObject {
  return { agent_id: agentId, change, actor, operator_auth: "same-uid", reason };
}

export class Holds {
  readonly #held: Readonly<Record<HoldState, Map<string, Hold>>> = { killed: new Map(), quiesced: new Map() };
  /** Somebody has said what the switch for all is to be, so the policy's default counts no more. */
  #isSwitchSet = false;

  /**
   * What stops the agent: its own hold or that of all, a kill before a quiesce; null when nothing does. `killedByDefault`: the policy
   * has the switch for all on until somebody sets it.
   */
  of(agentId: string, killedByDefault: boolean): Hold | null {
    const { killed, quiesced } = this.#held;
    if (!killedByDefault && killed.size + quiesced.size === 0) return null;
    const kill = killed.get(agentId) ?? killed.get(everyAgent);
    if (kill !== undefined) return kill;
    if (killedByDefault && !this.#isSwitchSet) {
      return { state: "killed", agentId: everyAgent, sinceUs: 0, actor: "", reason: "" };
    }
    return quiesced.get(agentId) ?? quiesced.get(everyAgent) ?? null;
  }

  /** Whether the order would change anything. */
  changes({ agentId, change }: HoldOrder, killedByDefault: boolean): boolean {
    const isForAll = agentId === everyAgent;
    if (change === "kill") return !this.#held.killed.has(agentId);
    if (change === "quiesce") return !this.#held.quiesced.has(agentId);
    if (change === "resume") return this.#held.quiesced.has(agentId);
    return this.#held.killed.has(agentId) || (isForAll && killedByDefault && !this.#isSwitchSet);
  }

  hasRoom(): boolean {
    return this.#held.killed.size + this.#held.quiesced.size < holdsMax;
  }

  list(): readonly Hold[] {
    return [...this.#held.killed.values(), ...this.#held.quiesced.values()];
  }

  /** Takes the body of an `agent` record: just appended, or read back from the log. */
  take(body: JsonObject, timeUs: number): void {
    const { agent_id, change } = body;
    if (typeof agent_id !== "string") return;
    if (agent_id === everyAgent && (change === "kill" || change === "unkill")) this.#isSwitchSet = true;
    if (change === "kill" || change === "quiesce") {
      const state = stateOf[change];
      const hold = {
        state,
        agentId: agent_id,
        sinceUs: timeUs,
        actor: textOf(body.actor),
        reason: textOf(body.reason),
      };
      this.#held[state].set(agent_id, hold);
    } else if (change === "unkill") this.#held.killed.delete(agent_id);
    else if (change === "resume") this.#held.quiesced.delete(agent_id);
  }

  save(): JsonObject {
    const holds = this.list().map(({ state, agentId, sinceUs, actor, reason }) => [
      state,
      agentId,
      sinceUs,
      actor,
      reason,
    ]);
    return { switch_set: this.#isSwitchSet, holds };
  }

  /** Replaces all by what `save` gave. */
  restore(saved: JsonObject): void {
    this.#held.killed.clear();
    this.#held.quiesced.clear();
    this.#isSwitchSet = saved.switch_set === true;
    for (const one of (saved.holds ?? []) as readonly (readonly [HoldState, string, number, string, string])[]) {
      const [state, agentId, sinceUs, actor, reason] = one;
      this.#held[state].set(agentId, { state, agentId, sinceUs, actor, reason });
    }
  }
}

export function holdView({ agentId, state, sinceUs, actor, reason }: Hold): HoldView {
  return {
    agent_id: agentId,
    state,
    since: sinceUs === 0 ? null : formatTime(sinceUs),
    by: actor === "" ? null : actor,
    reason: reason === "" ? null : reason,
  };
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
