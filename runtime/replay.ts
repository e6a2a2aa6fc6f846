// Recorded calls judged again by two policies, the one in force and a candidate, to show which would come out differently.
// Each policy counts for itself from the same beginning. A call of which something that either reads was not kept is
// counted as not replayable, never as unchanged.

import { parseTime } from "./clock.ts";
import type { Code } from "./codes.ts";
import { chargeCost } from "./costs.ts";
import { causesCarried } from "./decision-record.ts";
import { deniedInAudit, Enforcing, type Stopped } from "./enforcing.ts";
import type { Effect, Policy, ToolInfo, Verdict } from "./evaluator/types.ts";
import { machineCodes } from "./evaluator/verdicts.ts";
import { loadImage } from "./images.ts";
import type { Json, JsonObject } from "./json.ts";
import { type PassingRecord, visitRecords } from "./log/read.ts";
import { LookBack, lookBackUs, looksBackAnew } from "./look-back.ts";
import { moving, Past } from "./past.ts";
import { phasesLeadMs } from "./phases.ts";
import { ruleDigest } from "./policy.ts";
import { callOf, isKept, notJudged, type RecordedCall } from "./recorded-call.ts";
import { repeatSession } from "./session-keeper.ts";
import { type PhaseShadow, Shadows } from "./shadows.ts";

export interface ReplayOptions {
  readonly walDir: string;
  readonly policiesDir: string;
  /** Image of the version in force. */
  readonly activeImageHash: string;
  /** What it is judged by, where that is not its image as it is stored. */
  readonly active?: Uint8Array;
  readonly candidate: Uint8Array;
  readonly load: (image: Uint8Array) => Policy;
  /** Microseconds since 1970: calls from then on are judged again. */
  readonly sinceUs: number;
  /** Calls kept as samples of each transition; none when absent. */
  readonly samples?: number;
  onProgress?(seq: number): void;
}

/** Why a recorded call could not be judged again. */
export type Unreplayable =
  /** A value that one of the policies reads is not in the record. */
  | "not kept"
  /** The call was refused before any policy saw it. */
  | "not judged"
  /** Neither policy governs the agent. */
  | "other agent";

/** A recorded call that would come out differently, as its record has it: what was taken out of it stays out. */
export interface Sample {
  readonly actionId: string;
  /** RFC 3339 with microseconds. */
  readonly time: string;
  readonly agent: string;
  readonly tool: string;
  readonly args: Json;
  readonly from: Effect;
  readonly to: Effect;
  /** What decides under the candidate: `governance.fms:14`, or null. */
  readonly ruleRef: string | null;
  readonly reason: string;
}

export interface Transition {
  readonly tool: string;
  readonly from: Effect;
  readonly to: Effect;
  readonly count: number;
}

export interface ReplayReport {
  /** Decisions in the window. */
  readonly total: number;
  readonly notReplayable: number;
  /** Those that differ, by tool. */
  readonly transitions: readonly Transition[];
  /** By tool and cause, most first. */
  readonly unreplayable: readonly { readonly tool: string; readonly why: Unreplayable; readonly count: number }[];
  /** The latest of each transition, oldest first. */
  readonly samples: readonly Sample[];
  /** What the candidate would stop if it enforced; null where the version in force enforces already. */
  readonly enforcing: readonly Stopped[] | null;
  /** What the end of the candidate's rollout phases would change, of those that decided calls. */
  readonly shadows: readonly PhaseShadow[];
}

/** Most causes that one recorded approval carries a call past. */
const causesMax = 64;
const progressRecords = 1024;

/** Throws LogFailure for a log that does not hold together, ImageFailure where the version in force is gone. */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const { walDir, policiesDir, load, sinceUs } = options;
  const past = new Past(policiesDir, load);
  const active = options.active ?? loadImage(policiesDir, options.activeImageHash).image;
  const policies = { active: load(active), candidate: load(options.candidate) };
  const lookBacks = {
    active: looksBackAnew(policies.active, null) ? new LookBack(load(active)) : null,
    candidate: looksBackAnew(policies.candidate, policies.active) ? new LookBack(load(options.candidate)) : null,
  };
  let run: Run | null = null;
  await visitRecords(walDir, (record) => {
    if (record.seq % progressRecords === 0) options.onProgress?.(record.seq);
    const call = record.type === "decision" ? callOf(record.member, record.timeUs) : null;
    if (call !== null && call.nowMs * 1000 >= sinceUs) {
      run ??= begin(policies, past, lookBacks, call.nowMs, options.samples);
      run.take(call, record, past.active?.policy.tool(call.request.agent_id, call.request.tool_id) ?? null);
      return;
    }
    if (run === null) {
      if (moving.has(record.type)) past.take(record.value());
      if (record.timeUs < sinceUs - lookBackUs) return;
      for (const lookBack of [lookBacks.active, lookBacks.candidate]) lookBack?.takeTail([record.value()]);
    } else if (record.type === "policy") {
      // Only for which version was in force: the counters are the two policies' own from here on.
      past.take(record.value());
    } else if (record.type === "phase" || record.type === "cost") run.repeat(record.value());
  });
  const nothing = {
    total: 0,
    notReplayable: 0,
    transitions: [],
    unreplayable: [],
    samples: [],
    enforcing: null,
    shadows: [],
  };
  return (run as Run | null)?.report() ?? nothing;
}

interface Two<Kind> {
  readonly active: Kind;
  readonly candidate: Kind;
}

/**
 * Both policies take over the counters as a swap would, with the clocks of their phases started: that in force from the version of then,
 * the candidate from that in force. What one looks back at and the one before it did not keep up is found in the log, as applying it
 * would find it.
 */
function begin(
  { active, candidate }: Two<Policy>,
  past: Past,
  lookBacks: Two<LookBack | null>,
  nowMs: number,
  samples = 0,
): Run {
  const then = past.active?.policy ?? null;
  const isNew = then !== null && looksBackAnew(active, then);
  if (isNew) then.addHistory(lookBacks.active?.entries(nowMs * 1000) ?? [], nowMs);
  const counters = past.snapshot();
  if (counters !== null) active.restore(counters);
  const beginsMs = Math.max(0, nowMs - phasesLeadMs);
  active.activatePhases(beginsMs);
  active.addHistory(lookBacks.candidate?.entries(nowMs * 1000) ?? [], nowMs);
  candidate.restore(active.snapshot());
  candidate.activatePhases(beginsMs);
  return new Run(new Side(active), new Side(candidate), samples);
}

class Run {
  readonly #active: Side;
  readonly #candidate: Side;
  readonly #counts = new Map<string, number>();
  readonly #unreplayable = new Map<string, number>();
  readonly #samples = new Map<string, Sample[]>();
  readonly #samplesMax: number;
  readonly #enforcing: Enforcing | null;
  readonly #shadows: Shadows;
  #total = 0;
  #notReplayable = 0;

  constructor(active: Side, candidate: Side, samplesMax: number) {
    this.#active = active;
    this.#candidate = candidate;
    this.#samplesMax = samplesMax;
    this.#enforcing = active.isAudit ? new Enforcing(candidate.policy) : null;
    this.#shadows = new Shadows(candidate.policy);
  }

  take(call: RecordedCall, record: PassingRecord, then: ToolInfo | null): void {
    this.#total++;
    const sides = [this.#active, this.#candidate];
    const { agent_id, tool_id } = call.request;
    const [old, next] = [this.#active.policy.tool(agent_id, tool_id), this.#candidate.policy.tool(agent_id, tool_id)];
    const isReadable = (tool: ToolInfo | null): boolean => tool === null || isKept(call, tool, then);
    const why = unreplayable(call, old !== null || next !== null, isReadable(old) && isReadable(next));
    if (why !== null) {
      this.#notReplayable++;
      add(this.#unreplayable, JSON.stringify([tool_id, why]));
      // It took its tokens and counted as a call all the same; what it cost the other policy's budgets is not known.
      for (const side of sides) {
        if (!machineCodes.has(call.code as Code)) continue;
        if (call.effect === "permit") side.policy.charge(call.request, [], call.nowMs);
        else if (call.effect === "deny") side.policy.chargeDenial(call.request, call.nowMs);
      }
      return;
    }
    const approved = new Set<string>();
    // Read where something is deferred alone.
    let causesMost: number | null = null;
    const before = this.#active.judge(call, (cause) => {
      causesMost ??= causesCarried(call.effect, record.member("steps") ?? null);
      return approved.size < causesMost && approved.add(cause) !== null;
    });
    const after = this.#candidate.judge(call, (cause) => approved.has(cause));
    this.#shadows.take(agent_id, tool_id, after.verdict);
    this.#enforcing?.take(tool_id, after.verdict, String(record.member("action_id")));
    if (before.effect === after.effect) return;
    const key = JSON.stringify([call.request.tool_id, before.effect, after.effect]);
    add(this.#counts, key);
    if (this.#samplesMax === 0) return;
    const samples = this.#samples.get(key) ?? [];
    this.#samples.set(key, samples);
    if (samples.length === this.#samplesMax) samples.shift();
    samples.push(sampleOf(record.value(), before.effect, after));
  }

  /** A session moved, opened or closed; what a call cost in truth. */
  repeat(record: JsonObject): void {
    const timeUs = typeof record.time === "string" ? parseTime(record.time) : undefined;
    if (timeUs === undefined) return;
    for (const { policy } of [this.#active, this.#candidate]) {
      if (record.type === "cost") chargeCost(policy, record);
      else repeatSession(policy, record, timeUs);
    }
  }

  report(): ReplayReport {
    const transitions = [...this.#counts].map(([key, count]) => {
      const [tool, from, to] = JSON.parse(key) as [string, Effect, Effect];
      return { tool, from, to, count };
    });
    transitions.sort((a, b) => b.count - a.count || (a.tool < b.tool ? -1 : 1));
    const unreplayed = [...this.#unreplayable].map(([key, count]) => {
      const [tool, why] = JSON.parse(key) as [string, Unreplayable];
      return { tool, why, count };
    });
    unreplayed.sort((a, b) => b.count - a.count || (a.tool < b.tool ? -1 : 1));
    const samples = [...this.#samples.values()].flat().sort((a, b) => (a.time < b.time ? -1 : 1));
    return {
      total: this.#total,
      notReplayable: this.#notReplayable,
      transitions,
      unreplayable: unreplayed,
      samples,
      enforcing: this.#enforcing?.report() ?? null,
      shadows: this.#shadows.report(),
    };
  }
}

function unreplayable(call: RecordedCall, isGoverned: boolean, isWhole: boolean): Unreplayable | null {
  if (notJudged.has(call.code)) return "not judged";
  return !isGoverned ? "other agent" : isWhole ? null : "not kept";
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sampleOf(record: JsonObject, from: Effect, { effect, verdict }: Judged): Sample {
  const text = (member: Json | undefined): string => (typeof member === "string" ? member : "");
  return {
    actionId: text(record.action_id),
    time: text(record.time),
    agent: text(record.agent_id),
    tool: text(record.tool),
    args: record.args ?? null,
    from,
    to: effect,
    ruleRef: verdict.rule_ref,
    reason: verdict.reason,
  };
}

/** What a policy says of a call, and the effect of that in practice. */
interface Judged {
  readonly effect: Effect;
  readonly verdict: Verdict;
}

/** One of the two policies, with the counters of its own. */
class Side {
  readonly policy: Policy;
  readonly isAudit: boolean;
  readonly #digests: readonly string[];

  constructor(policy: Policy) {
    this.policy = policy;
    this.isAudit = policy.runtime().mode === "audit";
    this.#digests = policy.rules().map(({ agent, text }) => ruleDigest(agent, text));
  }

  /** The effect in practice. `isApproved` says whether a person had let the call past that cause. */
  judge(call: RecordedCall, isApproved: (cause: string) => boolean): Judged {
    const approved: string[] = [];
    for (;;) {
      const verdict = this.policy.decide(call.request, { now: call.nowMs, approved });
      const { cause } = verdict;
      if (verdict.effect !== "defer" || cause === null || approved.includes(cause)) return this.#inPractice(verdict);
      // Beyond that many it stays deferred.
      if (approved.length === causesMax || !isApproved(this.#lasting(cause))) return this.#inPractice(verdict);
      approved.push(cause);
    }
  }

  #inPractice(verdict: Verdict): Judged {
    const { effect, code } = verdict;
    return { effect: this.isAudit && !deniedInAudit.has(code) ? "permit" : effect, verdict };
  }

  /** A rule by its words, so that the same rule of another policy is the same cause. */
  #lasting(cause: string): string {
    const rule = /^rule:(\d+)$/.exec(cause)?.[1];
    return rule === undefined ? cause : `rule:${this.#digests[Number(rule)] ?? rule}`;
  }
}
