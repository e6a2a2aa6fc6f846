// Wakes at the end of each rollout phase and puts it on record. The machine goes by the time of each call; this must never change
// what is decided, and never keep the process alive.
import type { Logger } from "pino";
import type { Ledger } from "./ledger.ts";
import { type PhaseEnds, phaseEndBody } from "./phases.ts";
import type { Policies } from "./policy.ts";

const latestTimerMs = 2 ** 31 - 1;

export class PhaseWatch {
  readonly #ledger: Ledger;
  readonly #policies: Policies;
  readonly #phaseEnds: PhaseEnds;
  readonly #journal: Logger;
  #timer: NodeJS.Timeout | null = null;

  constructor(ledger: Ledger, policies: Policies, phaseEnds: PhaseEnds, journal: Logger) {
    this.#ledger = ledger;
    this.#policies = policies;
    this.#phaseEnds = phaseEnds;
    this.#journal = journal;
  }

  /** Records the phases that are over and comes back at the end of the next. */
  look(): void {
    this.stop();
    const { active } = this.#policies;
    if (active === null || !this.#ledger.isUsable) return;
    const reading = this.#ledger.clock.now();
    const nowMs = reading.wallUs / 1000;
    try {
      for (const phase of this.#phaseEnds.due(active.policy, nowMs)) {
        const body = phaseEndBody(phase);
        const stamp = { version: active.version, policyHash: active.activation.policyHash };
        this.#ledger.append("phase", stamp, body, reading);
        this.#phaseEnds.take(body);
        this.#journal.info({ phase: phase.name, agent: phase.agent, next: phase.next }, "phase ended");
      }
    } catch (error) {
      this.#journal.error({ err: error }, "the end of a phase could not be recorded");
    }
    const next = this.#phaseEnds.next(active.policy, nowMs);
    if (next === null) return;
    this.#timer = setTimeout(() => this.look(), Math.min(Math.ceil(next - nowMs) + 1, latestTimerMs));
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
