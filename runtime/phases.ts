// The end of rollout phases, put on record. The machine itself goes by the time of each call; this only says in the log,
// once for each phase, that its time is over. It must never change what is decided.
import { formatTime } from "./clock.ts";
import type { PhaseState, Policy } from "./evaluator/types.ts";
import type { Json, JsonObject } from "./json.ts";

/** Ends that are remembered; phases are few, and only policies applied over the years add to them. */
const endsMax = 100_000;

/** A replay starts phases so long before its first call: the shortest that a phase can last. */
export const phasesLeadMs = 1;

export class PhaseEnds {
  readonly #told = new Set<string>();

  /** Takes the body of a `phase` record. */
  take(body: JsonObject): void {
    if (body.cause !== "duration") return;
    if (this.#told.size < endsMax)
      this.#told.add(keyOf(body.agent_id ?? null, body.from ?? null, body.ended_at ?? null));
  }

  save(): JsonObject {
    return { told: [...this.#told] };
  }

  /** Replaces all by what `save` gave. */
  restore(saved: JsonObject): void {
    this.#told.clear();
    for (const key of (saved.told ?? []) as readonly string[]) this.#told.add(key);
  }

  /** Phases whose time is over and that no record says so of. */
  due(policy: Policy, nowMs: number): readonly PhaseState[] {
    return policy.phases(nowMs).filter((phase) => {
      if (phase.ends_at === null || phase.ends_at > nowMs) return false;
      return !this.#told.has(keyOf(phase.agent, phase.name, endText(phase.ends_at)));
    });
  }

  /** Milliseconds since 1970 of the next end; null when no clock runs. */
  next(policy: Policy, nowMs: number): number | null {
    let next: number | null = null;
    for (const { ends_at } of policy.phases(nowMs)) {
      if (ends_at !== null && ends_at > nowMs && (next === null || ends_at < next)) next = ends_at;
    }
    return next;
  }
}

export function phaseEndBody(phase: PhaseState): JsonObject {
  const ended = phase.ends_at === null ? null : endText(phase.ends_at);
  return { agent_id: phase.agent, from: phase.name, to: phase.next, cause: "duration", ended_at: ended };
}

function endText(endsAtMs: number): string {
  return formatTime(Math.round(endsAtMs * 1000));
}

function keyOf(...parts: readonly Json[]): string {
  return JSON.stringify(parts);
}
