// What is remembered of each session: when it began and was last active, its workflow phase, its permitted calls in order,
// and when it was denied. Kept for every agent, whether or not its policy asks; nothing is ever summed up or thrown out early.
import type { Agent, Phase, Value } from "../../compiler/ast.ts";
import { parseDuration } from "../../compiler/parse/quantity.ts";
import { globMatches } from "./glob.ts";

/** A session without a permitted call, an opening or a move for this long is forgotten. */
const SESSION_IDLE_US = 86_400_000_000n;

export interface Permitted {
  readonly tool: string;
  readonly args: unknown;
  readonly atUs: bigint;
}

interface Session {
  /** Null where only a phase was moved. */
  readonly beganUs: bigint | null;
  readonly activeUs: bigint | null;
  readonly touchedUs: bigint;
  /** Null: the first declared. */
  readonly phase: string | null;
  readonly permitted: readonly Permitted[];
}

const unbegun: Omit<Session, "touchedUs"> = { beganUs: null, activeUs: null, phase: null, permitted: [] };

export class SessionBook {
  private readonly sessions = new Map<string, Session>();
  private readonly denials = new Map<string, bigint[]>();

  permitted(agentId: string, session: string, nowUs: bigint): readonly Permitted[] {
    return this.current(agentId, session, nowUs)?.permitted ?? [];
  }

  /** Times of its denied calls. */
  denied(agentId: string, session: string): readonly bigint[] {
    return this.denials.get(keyOf(agentId, session)) ?? [];
  }

  /** The workflow phase that the session is in; null for an agent without such phases. */
  phase(agent: Agent, agentId: string, session: string, nowUs: bigint): Phase | null {
    const name = this.current(agentId, session, nowUs)?.phase ?? null;
    const phases = workflowPhases(agent);
    return phases.find((phase) => phase.name === name) ?? phases[0] ?? null;
  }

  /** True when the session has lasted too long, or rested too long, for the agent's bounds. */
  expired(agent: Agent, agentId: string, session: string, nowUs: bigint): boolean {
    const found = this.current(agentId, session, nowUs);
    if (found === null || found.beganUs === null || found.activeUs === null) return false;
    const most = boundUs(agent, "max_duration");
    const rest = boundUs(agent, "idle_timeout");
    return (most !== null && nowUs - found.beganUs >= most) || (rest !== null && nowUs - found.activeUs >= rest);
  }

  permit(agentId: string, session: string, call: Permitted): void {
    const { atUs } = call;
    const before = this.current(agentId, session, atUs) ?? { ...unbegun, touchedUs: atUs };
    this.sessions.set(keyOf(agentId, session), {
      ...before,
      beganUs: before.beganUs ?? atUs,
      activeUs: atUs,
      touchedUs: atUs,
      permitted: [...before.permitted, call],
    });
  }

  deny(agentId: string, session: string, nowUs: bigint): void {
    this.denials.set(keyOf(agentId, session), [...this.denied(agentId, session), nowUs]);
  }

  /** Begins a session that has not begun; changes nothing of another. True when it did. */
  open(agentId: string, session: string, nowUs: bigint): boolean {
    const before = this.current(agentId, session, nowUs) ?? { ...unbegun, touchedUs: nowUs };
    if (before.beganUs !== null) return false;
    this.sessions.set(keyOf(agentId, session), { ...before, beganUs: nowUs, activeUs: nowUs, touchedUs: nowUs });
    return true;
  }

  /** Forgets all of the session. */
  close(agentId: string, session: string): void {
    this.sessions.delete(keyOf(agentId, session));
    this.denials.delete(keyOf(agentId, session));
  }

  move(agentId: string, session: string, to: string, nowUs: bigint): void {
    const before = this.current(agentId, session, nowUs) ?? { ...unbegun, touchedUs: nowUs };
    this.sessions.set(keyOf(agentId, session), { ...before, phase: to, touchedUs: nowUs });
  }

  private current(agentId: string, session: string, nowUs: bigint): Session | null {
    const found = this.sessions.get(keyOf(agentId, session));
    return found === undefined || nowUs - found.touchedUs >= SESSION_IDLE_US ? null : found;
  }
}

const keyOf = (agentId: string, session: string): string => JSON.stringify([agentId, session]);

/** True where the policy asks something of the agent's sessions, so that their time is remembered. */
export function keepsSessions(agent: Agent, queries: readonly unknown[]): boolean {
  return (
    queries.length > 0 || workflowPhases(agent).length > 0 || agent.blocks.some((block) => block.keyword === "session")
  );
}

export function workflowPhases(agent: Agent): readonly Phase[] {
  return agent.phases.filter((phase) => phase.durationMs === null);
}

/** True when a rule of the phase, of whatever effect, names the tool. */
export function namesTool(phase: Phase, tool: string): boolean {
  return phase.rules.some((rule) => globMatches(rule.pattern.text, tool));
}

function boundUs(agent: Agent, name: string): bigint | null {
  const entries = agent.blocks.filter((block) => block.keyword === "session").flatMap((block) => block.entries);
  const value = entries.find((entry) => entry.name === name)?.values[0];
  const seconds = value === undefined ? null : secondsOf(value);
  return seconds === null ? null : BigInt(Math.round(seconds * 1_000_000));
}

/** A duration, bare or quoted. */
function secondsOf(value: Value): number | null {
  if (value.kind === "number") return value.value;
  return value.kind === "string" ? parseDuration(value.value) : null;
}
