// The permits that may still be reported on: whose they were, what was taken for them, and whether their outcome is known. Made of
// `decision`, `outcome` and `cost` records alone. It must never let one agent speak of another's action.
import { chargesOf, usedOf } from "./decision-record.ts";
import type { Json, JsonObject } from "./json.ts";

/** The latest permits that are kept: beyond, a report on an older one is refused. */
export const actionsMax = 65_536;

/** A budget's id and the micro-dollars that it holds for the action. */
export type Charge = readonly [budget: string, costMicro: number];

export interface Action {
  readonly agentId: string;
  readonly sessionId: string;
  readonly tool: string;
  readonly timeUs: number;
  /** Approvals and the grant that the permit used. */
  used: readonly string[];
  charges: readonly Charge[];
  /** HMAC of the first report; null while there is none. */
  reportDigest: string | null;
  /** What was taken for it was given back. */
  isReturned: boolean;
  /** Corrections of its cost so far. */
  costChanges: number;
}

export class Actions {
  /** In order of time. */
  readonly #byId = new Map<string, Action>();

  get size(): number {
    return this.#byId.size;
  }

  /** Null for an action that is unknown, too old, or of another agent; any agent's for `agentId` null. */
  find(actionId: string, agentId: string | null): Action | null {
    const action = this.#byId.get(actionId);
    return action === undefined || (agentId !== null && action.agentId !== agentId) ? null : action;
  }

  note(actionId: string, action: Action): void {
    this.#byId.set(actionId, action);
    if (this.#byId.size <= actionsMax) return;
    for (const oldest of this.#byId.keys()) {
      this.#byId.delete(oldest);
      return;
    }
  }

  /** Takes a record of the types that it is made of, read back from the log. */
  take(record: JsonObject, timeUs: number): void {
    const { action_id } = record;
    if (typeof action_id !== "string") return;
    if (record.type === "decision") {
      if (record.effect !== "permit") return;
      const steps = record.steps ?? null;
      const [agentId, sessionId, tool] = [record.agent_id, record.session_id, record.tool].map(textOf);
      this.note(action_id, {
        ...newAction(agentId, sessionId, tool, timeUs),
        used: usedOf(steps),
        charges: chargesOf(steps),
      });
    } else if (record.type === "outcome") this.takeOutcome(record);
    else if (record.type === "cost") this.takeCost(record);
  }

  /** The body of an `outcome` record. One that the daemon wrote, because nobody took the answer, is no report. */
  takeOutcome(body: JsonObject): void {
    const action = this.#byId.get(textOf(body.action_id));
    if (action !== undefined && typeof body.report_digest === "string") action.reportDigest ??= body.report_digest;
  }

  /** The body of a `cost` record. */
  takeCost(body: JsonObject): void {
    const action = this.#byId.get(textOf(body.action_id));
    if (action === undefined) return;
    const deltas = new Map((body.budgets ?? []) as readonly Charge[]);
    action.costChanges++;
    action.charges = action.charges.map(([id, cost]) => [id, cost + (deltas.get(id) ?? 0)]);
    if (body.change === "returned") action.isReturned = true;
  }

  /** The newest `most`, oldest first. */
  save(most: number = actionsMax): JsonObject {
    const all = [...this.#byId];
    const actions = all.slice(Math.max(0, all.length - most)).map(([id, one]): Json => {
      const charges: Json = one.charges.map(([budget, cost]) => [budget, cost]);
      const used = [...one.used];
      return [
        id,
        one.agentId,
        one.sessionId,
        one.tool,
        one.timeUs,
        used,
        charges,
        one.reportDigest,
        one.isReturned,
        one.costChanges,
      ];
    });
    return { actions };
  }

  /** Replaces all by what `save` gave. */
  restore(saved: JsonObject): void {
    this.#byId.clear();
    type Saved = readonly [
      string,
      string,
      string,
      string,
      number,
      readonly string[],
      readonly Charge[],
      string | null,
      boolean,
      number,
    ];
    for (const one of (saved.actions ?? []) as unknown as readonly Saved[]) {
      const [id, agentId, sessionId, tool, timeUs, used, charges, reportDigest, isReturned, costChanges] = one;
      this.#byId.set(id, { agentId, sessionId, tool, timeUs, used, charges, reportDigest, isReturned, costChanges });
    }
  }
}

export function newAction(agentId = "", sessionId = "", tool = "", timeUs = 0): Action {
  return {
    agentId,
    sessionId,
    tool,
    timeUs,
    used: [],
    charges: [],
    reportDigest: null,
    isReturned: false,
    costChanges: 0,
  };
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
