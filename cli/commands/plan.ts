// `faramesh plan`: what apply would change, in the author's words, and which recorded calls would come out differently. It
// reads the policy's file, the log and the stored version, asks no daemon and writes nothing.
import { existsSync } from "node:fs";
import { Command, Option } from "clipanion";
import type { RuleRef, StackChanges } from "../../compiler/diff.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { Policy } from "../../runtime/evaluator/types.ts";
import { ImageFailure } from "../../runtime/images.ts";
import type { ReplayReport } from "../../runtime/replay.ts";
import { stackPaths } from "../../runtime/stack.ts";
import type { Access, ShownChange } from "../access.ts";
import { changesFrom, isUnchanged, printRuleChanges } from "../changes.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import type { ImpactLine } from "../impact.ts";
import { type CompiledPolicy, compilePolicy, readPolicyFile } from "../policy-file.ts";
import { openProgress } from "../progress.ts";
import { columns, countText, percentText, visible } from "../render.ts";
import type { Rollout } from "../rollouts.ts";
import { windowStart } from "../span.ts";
import type { Terminal } from "../terminal.ts";
import { type LoggedActivation, noPast, readPolicyPast, storedVersion } from "../versions.ts";
import { walDirFor } from "../wal.ts";

const windowDefault = "24h";
/** Calls of each kind that are shown. */
const samplesMax = 1_000;

interface Recorded {
  readonly walDir: string;
  readonly active: LoggedActivation;
  /** What it is judged by, where that is not its image as it is stored. */
  readonly inForce: Uint8Array | null;
  readonly lastSeq: number;
  /** Microseconds since 1970. */
  readonly sinceUs: number;
  readonly samples: number;
}

/** What says where rollout phases stand. */
interface Standing {
  readonly activations: readonly LoggedActivation[];
  readonly lastTimeUs: number;
}

/** What was found out. */
interface Plan {
  readonly changes: StackChanges;
  readonly active: LoggedActivation | null;
  readonly report: ReplayReport | null;
  readonly access: Access | null;
  readonly rollouts: readonly Rollout[];
}

export class PlanCommand extends FarameshCommand {
  static override paths = [["plan"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "show what apply would change",
    details:
      "Compares the file with the policy in force, says which calls of all that there can be are decided differently, and judges the recorded calls of a window by both. Exit codes: 0, 1 the policy does not compile, 2 with --strict-replay when a recorded call would come out differently and with --no-new-access when a call is permitted or deferred that was not; 2 as well where an assert does not hold or is not proved, which apply refuses.",
    examples: [
      ["What would change", "faramesh plan"],
      ["Judge the calls of a week, and fail when one differs", "faramesh plan --since 7d --strict-replay"],
      ["See three calls of each kind that would come out differently", "faramesh plan --sample 3"],
      ["Look again at each save", "faramesh plan --watch"],
      ["Fail when anything is opened", "faramesh plan --no-new-access"],
    ],
  });
  readonly since = Option.String("--since", windowDefault, {
    description: "the window of recorded calls (default 24h)",
  });
  readonly strictReplay = Option.Boolean("--strict-replay", false, {
    description: "exit 2 when a recorded call would come out differently",
  });
  readonly sample = Option.String("--sample", {
    description: "show so many of the recorded calls that would come out differently, of each kind",
  });
  readonly noNewAccess = Option.Boolean("--no-new-access", false, {
    description: "exit 2 when a call could get further than under the policy in force, or that is not known",
  });
  readonly watch = Option.Boolean("--watch", false, { description: "look again at each save, until Ctrl-C" });

  async run(io: Terminal): Promise<number> {
    if (!this.watch) return this.#look(io);
    const { lookAtEachSave, onlyText } = await import("../watching.ts");
    onlyText(this.formatOption);
    return lookAtEachSave(io, this.dir, () => this.#look(io));
  }

  async #look(io: Terminal): Promise<number> {
    const samples = this.sample === undefined ? 0 : Number(this.sample);
    if (!Number.isInteger(samples) || samples < 0 || samples > samplesMax)
      throw new Stop(`--sample is a whole number up to ${samplesMax}`, undefined, exits.usage);
    const window = windowStart(this.since);
    const policy = await compilePolicy(io, this.dir, readPolicyFile(this.dir));
    const walDir = await walDirFor(this.dir, io.env);
    const { activations, lastSeq, lastTimeUs } = existsSync(walDir) ? await readPolicyPast(walDir) : noPast;
    const active = activations.at(-1) ?? null;
    const changes = await this.#changes(active, policy);
    if (active?.change === "rollback") {
      const highest = Math.max(...activations.map(({ number }) => number));
      io.note(
        `⚠ v${active.number} is in force by a rollback (the highest version is v${highest}): this plan is against it`,
      );
    }
    const { imageAsItStands } = await import("../rollouts.ts");
    const standing = { activations, lastTimeUs };
    const rollouts = await this.#rollouts(standing, policy.image);
    const recorded = { walDir, lastSeq, sinceUs: window.us, samples };
    const judged = await imageAsItStands(policy, rollouts);
    const report =
      active === null
        ? null
        : await this.#replay(io, { ...recorded, active, inForce: await this.#inForce(active, standing) }, judged);
    const { accessTo, openings } = await import("../rehearsal.ts");
    const access = await accessTo(this.dir, active, policy);
    const { assertsJson, failing, printAsserts, tryAsserts } = await import("../asserts.ts");
    const asserts = tryAsserts(policy);
    const plan: Plan = { changes, active, report, access, rollouts };
    io.json({ ...(await jsonOf(plan, this.since)), asserts: assertsJson(asserts) });
    if (!io.isJson) await this.#tell(io, plan);
    printAsserts(io, asserts);
    const differs = this.strictReplay && (report?.transitions.length ?? 0) > 0;
    const opens = this.noNewAccess && openings(access) > 0;
    return differs || opens || failing(asserts).length > 0 ? exits.changes : exits.ok;
  }

  async #changes(active: LoggedActivation | null, policy: CompiledPolicy): Promise<StackChanges> {
    const { diffStacks } = await import("../../compiler/diff.ts");
    if (active === null) return diffStacks(null, policy.stack);
    try {
      const changes = await changesFrom(storedVersion(this.dir, active).sources, policy.stack);
      if (changes !== null) return changes;
      throw new Stop(
        `the stored source of v${active.number} cannot be read any more`,
        "apply the policy again: faramesh apply",
      );
    } catch (error) {
      if (!(error instanceof ImageFailure)) throw error;
      throw new Stop(
        `v${active.number} is in force and cannot be compared: ${error.message}`,
        "apply the policy again: faramesh apply",
      );
    }
  }

  /** As of now, or of the last record where this machine's clock is behind it. */
  async #rollouts({ activations, lastTimeUs }: Standing, image: Uint8Array): Promise<readonly Rollout[]> {
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const nowMs = Math.max(systemClock.now().wallUs, lastTimeUs) / 1000;
    const load = (bytes: Uint8Array): Policy => loadPolicySync(bytes, { state: "volatile" });
    const { rolloutsOf } = await import("../rollouts.ts");
    return rolloutsOf(this.dir, activations, image, { load, nowMs });
  }

  /** The version in force with its phases as they stand; null where it has none, or its text cannot be read any more. */
  async #inForce(active: LoggedActivation, standing: Standing): Promise<Uint8Array | null> {
    const { image, sources } = storedVersion(this.dir, active);
    const rollouts = await this.#rollouts(standing, image);
    if (rollouts.length === 0) return null;
    const { imageAsItStands } = await import("../rollouts.ts");
    const { resolveStored } = await import("../../compiler/resolve.ts");
    const { stack } = resolveStored(sources);
    return stack === null ? null : imageAsItStands({ stack, image }, rollouts);
  }

  async #replay(io: Terminal, recorded: Recorded, candidate: Uint8Array): Promise<ReplayReport> {
    const { walDir, active, inForce, lastSeq, sinceUs, samples } = recorded;
    const { replay } = await import("../../runtime/replay.ts");
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const progress = await openProgress(io, "judging recorded calls");
    try {
      return await replay({
        walDir,
        policiesDir: stackPaths(this.dir).policies,
        activeImageHash: active.imageHash,
        ...(inForce === null ? {} : { active: inForce }),
        candidate,
        load: (image) => loadPolicySync(image, { state: "volatile" }),
        sinceUs,
        samples,
        onProgress: (seq) => progress.update(seq, Math.max(seq, lastSeq), countText(seq, "record")),
      });
    } finally {
      progress.stop();
    }
  }

  async #tell(io: Terminal, { changes, active, report, access, rollouts }: Plan): Promise<void> {
    if (isUnchanged(changes)) io.line(`No changes: the policy in force (v${active?.number}) says the same.`);
    printRuleChanges(io, changes);
    const { rolloutLines } = await import("../rollouts.ts");
    for (const line of rolloutLines(rollouts, report?.shadows ?? [])) io.line(line);
    if (report === null) {
      io.line("No policy is in force yet: nothing to compare recorded calls with.");
      return;
    }
    if (access !== null && !isUnchanged(changes)) {
      const { printAccess } = await import("../access.ts");
      printAccess(io, access);
    }
    const { impactLines } = await import("../impact.ts");
    const impact = impactLines(changes, report);
    if (impact.length === 0 && report.total === 0) return;
    io.line(`Decision impact (last ${visible(this.since)}):`);
    for (const line of columns(impact.map(impactRow))) io.line(line);
    if (impact.length === 0) io.line("no recorded call would come out differently");
    const { enforcingText, samplesText, unreplayableText } = await import("../impact.ts");
    for (const line of enforcingText(report, visible(this.since))) io.line(line);
    for (const line of samplesText(report.samples)) io.line(line);
    for (const line of unreplayableText(report)) io.line(line);
  }
}

function impactRow({ tool, from, to, count, share }: ImpactLine): [string, string] {
  const percent = share === null ? "" : ` (${percentText(share)})`;
  return [visible(tool), `${from} → ${to} ${countText(count, "call")}${percent}`];
}

async function jsonOf({ changes, active, report, access, rollouts }: Plan, window: string): Promise<object> {
  const { rolloutsJson } = await import("../rollouts.ts");
  const { rules, items } = changes;
  const rule = ({ agent, phase, pack, text }: RuleRef): object => ({ agent, phase, pack, text });
  const transitions: Record<string, { tool: string; count: number }[]> = {};
  for (const { tool, from, to, count } of report?.transitions ?? []) {
    const list = transitions[`${from}_to_${to}`] ?? [];
    list.push({ tool, count });
    transitions[`${from}_to_${to}`] = list;
  }
  return {
    version: "v1",
    active:
      active === null
        ? null
        : { version: `v${active.number}`, policy_hash: active.policyHash, rolled_back: active.change === "rollback" },
    diff: {
      rules: {
        added: rules.added.map(rule),
        removed: rules.removed.map(rule),
        changed: rules.changed.map(({ before, after }) => ({ before: rule(before), after: rule(after) })),
      },
      ...items,
    },
    replay: report === null ? null : { ...replayJson(report), window, transitions },
    rollouts: rolloutsJson(rollouts, report?.shadows ?? []),
    access: access === null ? null : accessJson(access),
  };
}

function replayJson({ total, notReplayable, unreplayable, samples, enforcing }: ReplayReport): object {
  const stopped = enforcing?.map(({ tool, effect, code, ruleRef, rule, count, lastActionId }) => {
    return { tool, effect, code, rule_ref: ruleRef, rule, count, last_action_id: lastActionId };
  });
  return {
    total,
    not_replayable: notReplayable,
    not_replayable_why: unreplayable,
    enforcing: stopped ?? null,
    samples: samples.map(({ actionId, time, agent, tool, args, from, to, ruleRef, reason }) => {
      return { action_id: actionId, time, agent_id: agent, tool, args, from, to, rule_ref: ruleRef, reason };
    }),
  };
}

function accessJson({ gained, lost, unknown }: Access): object {
  const change = ({ agent, tool, from, to, when, isCertain, isShown, example }: ShownChange): object => {
    const { agent_id: _agent, ...call } = example.request;
    return { agent, tool, from, to, when, certain: isCertain, shown: isShown, example: call };
  };
  return { gained: gained.map(change), lost: lost.map(change), unknown };
}
