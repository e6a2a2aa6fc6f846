// Sessions as the host asks of them: the workflow phase that one is in, and its move to another. Who may ask for which move
// is for the caller to say; here a name that the agent does not declare is refused, and nothing else changes.
import type { ImageReader } from "./image.ts";
import type { Machine } from "./machine.ts";
import { isIdentifier } from "./names.ts";
import type { PhaseMove, SessionName, SessionPhase, SessionRefusalCode } from "./types.ts";

/** Latest time a machine takes, in milliseconds: microseconds stay exact in a double. */
export const NOW_MAX_MS = 9_007_199_254_740;
const defaultSession = "default";

export class Sessions {
  readonly #machine: Machine;
  readonly #image: ImageReader;
  readonly #counts: boolean;

  constructor(machine: Machine, image: ImageReader, counts: boolean) {
    this.#machine = machine;
    this.#image = image;
    this.#counts = counts;
  }

  phase(name: SessionName, now: number): SessionPhase | null {
    const first = this.#firstStage(name, now);
    if (typeof first !== "number") return null;
    const current = this.#machine.calls.currentStage(first, microseconds(now));
    const { first: start, count } = this.#image.stage(first);
    const next = current + 1 < start + count ? this.#image.stage(current + 1).name : null;
    return { name: this.#image.stage(current).name, next };
  }

  move(name: SessionName, to: string, now: number): PhaseMove {
    const first = this.#firstStage(name, now);
    if (typeof first !== "number") return { ok: false, code: first };
    const { count } = this.#image.stage(first);
    const stage = Array.from({ length: count }, (_, i) => first + i).find((i) => this.#image.stage(i).name === to);
    if (stage === undefined) return { ok: false, code: "UNKNOWN_PHASE" };
    const from = this.#image.stage(this.#machine.calls.currentStage(first, microseconds(now))).name;
    const answer = this.#machine.calls.moveStage(stage, microseconds(now));
    return answer < 0 ? { ok: false, code: "STATE_FULL" } : { ok: true, moved: answer === 1, from, to };
  }

  /** The agent's first workflow phase, the names written where the machine reads them; or why there is none. */
  #firstStage(name: SessionName, now: number): number | SessionRefusalCode {
    const session = name.session_id ?? defaultSession;
    if (!isIdentifier(name.agent_id) || !isIdentifier(session) || !(now >= 0 && now <= NOW_MAX_MS))
      return "BAD_REQUEST";
    const agent = this.#image.agentOf(name.agent_id);
    if (agent === null) return "UNKNOWN_AGENT";
    const first = this.#image.firstStage(agent);
    if (first === null) return "UNKNOWN_PHASE";
    if (!this.#counts) return "STATE_UNAVAILABLE";
    const machine = this.#machine;
    machine.calls.caller(machine.writeName(0, name.agent_id), machine.writeName(1, session));
    return first;
  }
}

function microseconds(nowMs: number): number {
  return Math.floor(nowMs * 1000);
}
