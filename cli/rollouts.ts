// The rollout phases of a policy's file as the log has them: not begun, running, waiting for another, or over. A phase's clock is
// that of the version that first carried it, which the versions alone tell; it decides nothing.
import type { Agent, Stack } from "../compiler/ast.ts";
import { formatTime } from "../runtime/clock.ts";
import { LoadFailure, type Policy } from "../runtime/evaluator/types.ts";
import { ImageFailure } from "../runtime/images.ts";
import { phasesLeadMs } from "../runtime/phases.ts";
import type { PhaseShadow } from "../runtime/shadows.ts";
import { columns, countText, durationText, toSeconds, visible } from "./render.ts";
import { type LoggedActivation, storedVersion } from "./versions.ts";

/** "new": it begins when the file is applied. */
export type RolloutState = "new" | "running" | "waiting" | "over";

export interface Rollout {
  readonly agent: string;
  readonly name: string;
  readonly state: RolloutState;
  /** What goes on when its time is over: `enforce`, or another phase. */
  readonly next: string;
  /** Of a new one its whole time, of a running one what is left; null else. */
  readonly lastsSeconds: number | null;
  /** Milliseconds since 1970, of one that is over. */
  readonly endedMs: number | null;
}

/** Throws nothing for a version whose image is gone: a clock that it began is taken for not begun. */
export function rolloutsOf(
  dir: string,
  activations: readonly LoggedActivation[],
  image: Uint8Array,
  { load, nowMs }: { readonly load: (image: Uint8Array) => Policy; readonly nowMs: number },
): Rollout[] {
  const candidate = load(image);
  if (candidate.phases(nowMs).length === 0) return [];
  const clocks = clocksOf(dir, activations, load);
  if (clocks !== null) candidate.restore(clocks);
  const known = candidate.phases(nowMs);
  candidate.activatePhases(nowMs);
  return candidate.phases(nowMs).map((phase, i): Rollout => {
    const { agent, name, next, started_at, ends_at } = phase;
    const common = { agent, name, next, endedMs: null };
    const left = ends_at === null ? null : Math.ceil((ends_at - nowMs) / 1000);
    if (started_at === null || left === null) return { ...common, state: "waiting", lastsSeconds: null };
    if (left <= 0) return { ...common, state: "over", lastsSeconds: null, endedMs: ends_at };
    return { ...common, state: known[i]?.started_at === null ? "new" : "running", lastsSeconds: left };
  });
}

/** The clocks as swaps handed them on; null where no version has any. */
function clocksOf(dir: string, activations: readonly LoggedActivation[], load: (image: Uint8Array) => Policy) {
  let clocks: Uint8Array | null = null;
  for (const activation of activations) {
    try {
      const { image, sources } = storedVersion(dir, activation);
      if (!sources.some(({ text }) => text.includes("phase"))) continue;
      const policy = load(image);
      if (clocks !== null) policy.restore(clocks);
      policy.activatePhases(activation.timeUs / 1000);
      clocks = policy.snapshot();
    } catch (error) {
      if (!(error instanceof ImageFailure || error instanceof LoadFailure)) throw error;
    }
  }
  return clocks;
}

/** The longest that there is, and the shortest: over when a replay begins, which starts the phases so much earlier. */
const [alwaysMs, neverMs] = [9 * 365 * 86_400_000, phasesLeadMs];

/**
 * The policy with its phases as they stand now, whatever the time of a call: those that run or begin run on, those that are over stay
 * so. For a replay, whose calls are of another time. The policy's own image where it has no such phases.
 */
export async function imageAsItStands(
  { stack, image }: { readonly stack: Stack; readonly image: Uint8Array },
  rollouts: readonly Rollout[],
): Promise<Uint8Array> {
  if (rollouts.length === 0) return image;
  const { lowerStack } = await import("../compiler/lower/lower.ts");
  const { encodeImage } = await import("../compiler/encode.ts");
  const steady = (agent: Agent): Agent => ({
    ...agent,
    phases: agent.phases.map((phase) => {
      if (phase.durationMs === null) return phase;
      const isOver = rollouts.some(({ name, state, ...of }) => {
        return of.agent === agent.id && name === phase.name && state === "over";
      });
      return { ...phase, durationMs: isOver ? neverMs : alwaysMs };
    }),
  });
  const { anonymous } = stack;
  const standing: Stack = {
    ...stack,
    agents: stack.agents.map(steady),
    anonymous: anonymous === null ? null : steady(anonymous),
  };
  const { program, host } = lowerStack(standing);
  return encodeImage(program, host, standing.sources);
}

/** What becomes of each phase, and of which recorded calls its end would change the decision. */
export function rolloutLines(rollouts: readonly Rollout[], shadows: readonly PhaseShadow[]): string[] {
  if (rollouts.length === 0) return [];
  return ["Rollout phases:", ...rollouts.flatMap((one) => [`  ${rolloutText(one)}`, ...shadowLines(one, shadows)])];
}

function rolloutText({ agent, name, state, next, lastsSeconds, endedMs }: Rollout): string {
  const id = `${visible(agent)}/${visible(name)}`;
  const time = durationText(lastsSeconds ?? 0);
  switch (state) {
    case "new":
      return `${id} begins with this version: ${time}, then ${visible(next)}`;
    case "running":
      return `${id} runs: ${time} left, then ${visible(next)}; applying does not start it anew`;
    case "waiting":
      return `${id} waits for the phase before it to end, then goes on with ${visible(next)}`;
    case "over":
      return `${id} is over since ${toSeconds(timeText(endedMs ?? 0))} and decides nothing any more`;
  }
}

function timeText(ms: number): string {
  return formatTime(Math.round(ms * 1000));
}

/** Lines that are shown of one phase; the JSON has all. */
const differingShownMax = 10;

function shadowLines({ agent, name, state, next }: Rollout, shadows: readonly PhaseShadow[]): string[] {
  const shadow = shadows.find((one) => one.agent === agent && one.phase === name);
  if (state === "over" || shadow === undefined) return [];
  const { decided, differing } = shadow;
  const goesOn = next === "enforce" ? "" : ` (${visible(next)} comes first)`;
  const all = differing.reduce((sum, { count }) => sum + count, 0);
  const head = `    of ${countText(decided, "recorded call")} that it decides the rest of the policy would say otherwise of`;
  if (all === 0) return [`${head} none`];
  const rows = differing.slice(0, differingShownMax).map(({ tool, from, to, ruleRef, rule, count }) => {
    const by = rule === null ? "the default" : `${ruleRef === null ? "" : `${ruleRef} `}${rule}`;
    return [`      ${visible(tool)}`, `${from} → ${to}`, countText(count, "call"), visible(by)];
  });
  const left = differing.length - rows.length;
  return [
    `${head} ${all}${goesOn}:`,
    ...columns(rows),
    ...(left > 0 ? [`      and ${countText(left, "more line")}`] : []),
  ];
}

export function rolloutsJson(rollouts: readonly Rollout[], shadows: readonly PhaseShadow[]): object[] {
  return rollouts.map(({ agent, name, state, next, lastsSeconds, endedMs }) => {
    const shadow = shadows.find((one) => one.agent === agent && one.phase === name);
    return {
      agent,
      name,
      state,
      next,
      lasts_seconds: lastsSeconds,
      ended_at: endedMs === null ? null : timeText(endedMs),
      decided: shadow?.decided ?? 0,
      differing: (shadow?.differing ?? []).map(({ tool, from, to, ruleRef, rule, count }) => {
        return { tool, from, to, rule_ref: ruleRef, rule, count };
      }),
    };
  });
}
