// When each rollout phase began and whether it decides now. A phase named by another's `next` begins as that one ends.
import type { Agent, Phase } from "../../compiler/ast.ts";

export class PhaseClocks {
  private readonly startedUs = new Map<Phase, bigint>();

  /** Starts what waits for no other phase and has not begun. */
  activate(agent: Agent, nowUs: bigint): void {
    for (const phase of agent.phases) {
      if (predecessor(agent, phase) === null && !this.startedUs.has(phase)) this.startedUs.set(phase, nowUs);
    }
  }

  active(agent: Agent, phase: Phase, nowUs: bigint): boolean {
    const start = this.startUs(agent, phase);
    return start !== null && start <= nowUs && nowUs < start + lengthUs(phase);
  }

  private startUs(agent: Agent, phase: Phase): bigint | null {
    const before = predecessor(agent, phase);
    if (before === null) return this.startedUs.get(phase) ?? null;
    const start = this.startUs(agent, before);
    return start === null ? null : start + lengthUs(before);
  }
}

function predecessor(agent: Agent, phase: Phase): Phase | null {
  return agent.phases.find((other) => other !== phase && other.next?.name === phase.name) ?? null;
}

const lengthUs = (phase: Phase): bigint => BigInt(phase.durationMs ?? 0) * 1000n;
