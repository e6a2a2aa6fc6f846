// What a change of policy opens and what it closes, over all calls that there can be. Each difference comes with a call that
// was put to both policies here: one that they do not answer as was reasoned is told as "may", never as certain.
import type { AccessChange, Effect, Witness } from "../compiler/analyse/index.ts";
import type { Stack } from "../compiler/index.ts";
import type { EvaluationRequest, Policy, Verdict } from "../runtime/evaluator/types.ts";
import { visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";

export interface PolicyOfPlan {
  readonly stack: Stack;
  readonly image: Uint8Array;
}

export interface ShownChange extends Omit<AccessChange, "when" | "isCut"> {
  /** "amount in [250, 500)", stretches joined by " or "; "" for every call. */
  readonly when: string;
  /** Whether the example was put to both policies and is answered so. */
  readonly isShown: boolean;
}

export interface Access {
  /** Calls that get further than before: from deny to defer or permit, from defer to permit. */
  readonly gained: readonly ShownChange[];
  readonly lost: readonly ShownChange[];
  /** Tools of which nothing is claimed. */
  readonly unknown: readonly { readonly agent: string | null; readonly tool: string; readonly why: string }[];
}

const openness: Readonly<Record<Effect, number>> = { deny: 0, defer: 1, permit: 2 };
/** Before any rollout that there can be began. */
const LONG_AGO_MS = Date.UTC(1990, 0, 1);

export async function accessBetween(before: PolicyOfPlan, after: PolicyOfPlan): Promise<Access> {
  const { compareAccess, timeWith } = await import("../compiler/analyse/index.ts");
  const { loadPolicySync } = await import("../runtime/evaluator/index.ts");
  // Counters are left out: each example meets a policy whose counters stand at nothing.
  const open = (image: Uint8Array): ((example: Witness) => Effect | null) => {
    const policy = loadPolicySync(image, { state: "volatile" });
    const nothing = policy.snapshot();
    return (example) => {
      policy.restore(nothing);
      return effectOf(policy, example, timeWith);
    };
  };
  const [was, is] = [open(before.image), open(after.image)];
  const differs = (call: Witness, from: Effect, to: Effect): boolean => was(call) === from && is(call) === to;
  const { changes, unknown } = compareAccess(before.stack, after.stack, differs);
  const shown = changes.map(({ when, isCut, ...change }): ShownChange => {
    const isShown = differs(change.example, change.from, change.to);
    const stretches = when.includes("") ? "" : [...when, ...(isCut ? ["…"] : [])].join(" or ");
    return { ...change, isCertain: change.isCertain && isShown, isShown, when: stretches };
  });
  const isGained = ({ from, to }: ShownChange): boolean => openness[to] > openness[from];
  return { gained: shown.filter(isGained), lost: shown.filter((change) => !isGained(change)), unknown };
}

/** What carrying the example out comes to; null where the state in which it is made cannot be had. */
function effectOf(
  policy: Policy,
  example: Witness,
  timeWith: (parts: Witness["time"]) => number | null,
): Effect | null {
  const verdict = verdictOf(policy, example, timeWith);
  if (verdict === null) return null;
  // In audit mode a call of an agent that is known is answered permit, whatever the rules say.
  return policy.runtime().mode === "audit" && verdict.code !== "UNKNOWN_AGENT" ? "permit" : verdict.effect;
}

/** What a policy without a past says of the example; null where the state in which it is made cannot be had. */
export function verdictOf(
  policy: Policy,
  { request, phase, rollouts, time }: Witness,
  timeWith: (parts: Witness["time"]) => number | null,
): Verdict | null {
  const now = timeWith(time);
  const running = Object.values(rollouts);
  if (now === null || (running.includes(true) && running.includes(false))) return null;
  policy.activatePhases(running.includes(false) ? LONG_AGO_MS : now);
  // The example is JSON, and a request is made of JSON.
  const call = request as unknown as EvaluationRequest;
  if (phase !== null) {
    const session = { agent_id: call.agent_id, session_id: call.session_id ?? "default" };
    policy.movePhase({ ...session, to: phase }, { now });
  }
  return policy.decide(call, { now });
}

export function printAccess(io: Terminal, { gained, lost, unknown }: Access): void {
  io.line("Access (every possible call, limits and budgets aside):");
  for (const change of gained) io.line(io.paint.green(`+ ${changeText(change)}`));
  for (const change of lost) io.line(io.paint.red(`- ${changeText(change)}`));
  if (gained.length + lost.length + unknown.length === 0) io.line("no call is decided differently");
  for (const { agent, tool, why } of unknown) {
    io.line(io.paint.yellow(`? ${visible(tool)}${ofAgent(agent)}: not known (${why})`));
  }
}

function changeText({ agent, tool, from, to, when, example, isCertain, isShown }: ShownChange): string {
  const may = isCertain ? "" : "may change ";
  const where = when === "" ? "" : ` when ${visible(when)}`;
  const { tool_id, args, agent_id: _agent, ...rest } = example.request;
  const sample = Object.keys(rest).length === 0 ? args : { args, ...rest };
  const call = [...(tool_id === tool ? [] : [tool_id]), ...(isEmpty(sample) ? [] : [JSON.stringify(sample)])].join(" ");
  const like = call === "" || !isShown ? "" : `, ${isCertain ? "like" : "as does"} ${visible(call)}`;
  return `${visible(tool)}${ofAgent(agent)} ${may}${from} → ${to}${where}${like}`;
}

function isEmpty(sample: object): boolean {
  return Object.keys(sample).length === 0;
}

function ofAgent(agent: string | null): string {
  return agent === null ? " (any other agent)" : "";
}
