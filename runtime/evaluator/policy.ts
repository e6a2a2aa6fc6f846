// A loaded policy as everybody has it who keeps its state: what decides, and the counters, phases and sessions that decisions leave.
import { Result } from "../../vm/shared/abi.ts";
import { DecidingPolicy } from "./deciding-policy.ts";
import { type Machine, NOW_MAX_MS } from "./machine.ts";
import { Sessions } from "./sessions.ts";
import type { ObjectPolicy, PhaseMove, SessionAnswer, SessionName, SessionOp, SessionPhase } from "./types.ts";

export class LoadedPolicy extends DecidingPolicy implements ObjectPolicy {
  readonly #sessions: Sessions;

  constructor(machine: Machine, counts: boolean) {
    super(machine, counts);
    this.#sessions = new Sessions(machine, this.image, counts);
  }

  activatePhases(now: number): readonly string[] {
    if (!(now >= 0 && now <= NOW_MAX_MS)) throw new RangeError("a phase begins at no such time");
    const started: string[] = [];
    for (let i = 0; i < this.image.phaseCount; i++) {
      const answer = this.machine.calls.startPhase?.(i, Math.floor(now * 1000)) ?? -1;
      if (answer < 0) throw new RangeError("the machine has no room for a phase's clock");
      if (answer === 1) started.push(this.image.phase(i).name);
    }
    return started;
  }

  sessionPhase(session: SessionName, { now }: { readonly now: number }): SessionPhase | null {
    return this.#sessions.phase(session, now);
  }

  movePhase(move: SessionName & { readonly to: string }, { now }: { readonly now: number }): PhaseMove {
    return this.#sessions.move(move, move.to, now);
  }

  session(op: SessionOp, session: SessionName, { now }: { readonly now: number }): SessionAnswer {
    return this.#sessions.operate(op, session, now);
  }

  snapshot(): Uint8Array {
    return this.machine.snapshot();
  }

  restore(bytes: Uint8Array): void {
    this.machine.restore(bytes);
  }

  stateHash(): string {
    this.machine.calls.snapshot?.();
    return this.machine.resultHash(Result.StateHash);
  }
}
