// Sessions as the host asks of them: the workflow phase that one is in, and its move to another. Who may ask for which move
// is for the caller to say; here a name that the agent does not declare is refused, and nothing else changes.
import { Result } from "../../vm/shared/abi.ts";
import type { ImageReader } from "./image.ts";
import { type Machine, NOW_MAX_MS } from "./machine.ts";
import { isIdentifier } from "./names.ts";
import type { PhaseMove, SessionAnswer, SessionName, SessionOp, SessionPhase, SessionRefusalCode } from "./types.ts";

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
    const current = this.#currentStage(first, now);
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
    const from = this.#image.stage(this.#currentStage(first, now)).name;
    const answer = this.#machine.calls.moveStage?.(stage, microseconds(now)) ?? -1;
    return answer < 0 ? { ok: false, code: "STATE_FULL" } : { ok: true, moved: answer === 1, from, to };
  }

  operate(op: SessionOp, name: SessionName, now: number): SessionAnswer {
    const refused = this.#callerOrRefusal(name, now);
    if (refused !== null) return { ok: false, code: refused };
    const { calls } = this.#machine;
    let changed = 0;
    if (op === "open") changed = calls.openSession?.(microseconds(now)) ?? -1;
    else if (op !== "inspect") changed = calls.closeSession?.() ?? 0;
    if (changed < 0) return { ok: false, code: "STATE_FULL" };
    // Bounds are the same in all of an agent's plans: any tool tells.
    const plan = calls.lookup(this.#machine.writeName(0, name.agent_id), this.#machine.writeName(2, "any"));
    const expired = calls.inspectSession?.(plan, microseconds(now)) === 1;
    const [began, active] = [Result.SessionBegun, Result.SessionActive].map((cell) => this.#machine.resultNumber(cell));
    const time = (us: number | undefined): number | null => (us === undefined || us < 0 ? null : us / 1000);
    const phase = this.phase(name, now)?.name ?? null;
    return { ok: true, changed: changed === 1, began_at: time(began), active_at: time(active), expired, phase };
  }

  /** The agent's first workflow phase, the names written where the machine reads them; or why there is none. */
  #firstStage(name: SessionName, now: number): number | SessionRefusalCode {
    const refused = this.#callerOrRefusal(name, now);
    if (refused !== null) return refused;
    const agent = this.#image.agentOf(name.agent_id);
    return (agent === null ? null : this.#image.firstStage(agent)) ?? "UNKNOWN_PHASE";
  }

  /** A module without the question is of a policy without phases, for which nobody comes here. */
  #currentStage(first: number, now: number): number {
    return this.#machine.calls.currentStage?.(first, microseconds(now)) ?? first;
  }

  /** Writes the names where the machine reads them, or says why it cannot. */
  #callerOrRefusal(name: SessionName, now: number): SessionRefusalCode | null {
    const session = name.session_id ?? defaultSession;
    if (!isIdentifier(name.agent_id) || !isIdentifier(session) || !(now >= 0 && now <= NOW_MAX_MS))
      return "BAD_REQUEST";
    if (this.#image.agentOf(name.agent_id) === null) return "UNKNOWN_AGENT";
    if (!this.#counts) return "STATE_UNAVAILABLE";
    const machine = this.#machine;
    machine.calls.caller?.(machine.writeName(0, name.agent_id), machine.writeName(1, session));
    return null;
  }
}

function microseconds(nowMs: number): number {
  return Math.floor(nowMs * 1000);
}
