// Recorded calls judged again by two policies, the one in force and a candidate, to show which would come out differently.
// Each policy counts for itself from the same beginning. A call of which something that either reads was not kept is
// counted as not replayable, never as unchanged.

import { parseTime } from "./clock.ts";
import type { Code } from "./codes.ts";
import { chargeCost } from "./costs.ts";
import { usedOf } from "./decision-record.ts";
import type { Effect, Policy, ToolInfo, Verdict } from "./evaluator/types.ts";
import { machineCodes } from "./evaluator/verdicts.ts";
import { loadImage } from "./images.ts";
import type { JsonObject } from "./json.ts";
import { type PassingRecord, visitRecords } from "./log/read.ts";
import { moving, Past } from "./past.ts";
import { ruleDigest } from "./policy.ts";
import { callOf, isKept, notJudged, type RecordedCall } from "./recorded-call.ts";
import { repeatSession } from "./session-keeper.ts";

export interface ReplayOptions {
  readonly walDir: string;
  readonly policiesDir: string;
  /** Image of the version in force. */
  readonly activeImageHash: string;
  readonly candidate: Uint8Array;
  readonly load: (image: Uint8Array) => Policy;
  /** Microseconds since 1970: calls from then on are judged again. */
  readonly sinceUs: number;
  onProgress?(seq: number): void;
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
}

/** Denied in audit mode too. */
const deniedInAudit: ReadonlySet<string> = new Set(["UNKNOWN_AGENT", "BAD_REQUEST", "BAD_TOOL_NAME"]);

/** Most causes that one recorded approval carries a call past. */
const causesMax = 64;
const progressRecords = 1024;

/** Throws LogFailure for a log that does not hold together, ImageFailure where the version in force is gone. */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const { walDir, policiesDir, load, sinceUs } = options;
  const past = new Past(policiesDir, load);
  const policies = {
    active: load(loadImage(policiesDir, options.activeImageHash).image),
    candidate: load(options.candidate),
  };
  let run: Run | null = null;
  await visitRecords(walDir, (record) => {
    if (record.seq % progressRecords === 0) options.onProgress?.(record.seq);
    const call = record.type === "decision" ? callOf(record.member, record.timeUs) : null;
    if (call !== null && call.nowMs * 1000 >= sinceUs) {
      run ??= begin(policies.active, policies.candidate, past.snapshot(), call.nowMs);
      run.take(call, record, past.active?.policy.tool(call.request.agent_id, call.request.tool_id) ?? null);
      return;
    }
    if (run === null) {
      if (moving.has(record.type)) past.take(record.value());
    } else if (record.type === "policy") {
      // Only for which version was in force: the counters are the two policies' own from here on.
      past.take(record.value());
    } else if (record.type === "phase" || record.type === "cost") run.repeat(record.value());
  });
  return (run as Run | null)?.report() ?? { total: 0, notReplayable: 0, transitions: [] };
}

/** Both policies take over the counters as a swap would, with the clocks of their phases started. */
function begin(active: Policy, candidate: Policy, counters: Uint8Array | null, nowMs: number): Run {
  if (counters !== null) active.restore(counters);
  active.activatePhases(nowMs);
  candidate.restore(active.snapshot());
  candidate.activatePhases(nowMs);
  return new Run(new Side(active), new Side(candidate));
}

class Run {
  readonly #active: Side;
  readonly #candidate: Side;
  readonly #counts = new Map<string, number>();
  #total = 0;
  #notReplayable = 0;

  constructor(active: Side, candidate: Side) {
    this.#active = active;
    this.#candidate = candidate;
  }

  take(call: RecordedCall, { member }: PassingRecord, then: ToolInfo | null): void {
    this.#total++;
    const sides = [this.#active, this.#candidate];
    const { agent_id, tool_id } = call.request;
    const [old, next] = [this.#active.policy.tool(agent_id, tool_id), this.#candidate.policy.tool(agent_id, tool_id)];
    const isReadable = (tool: ToolInfo | null): boolean => tool === null || isKept(call, tool, then);
    const isGoverned = old !== null || next !== null;
    if (notJudged.has(call.code) || !isGoverned || !isReadable(old) || !isReadable(next)) {
      this.#notReplayable++;
      // It took its tokens and counted as a call all the same; what it cost the other policy's budgets is not known.
      for (const side of sides) {
        if (!machineCodes.has(call.code as Code)) continue;
        if (call.effect === "permit") side.policy.charge(call.request, [], call.nowMs);
        else if (call.effect === "deny") side.policy.chargeDenial(call.request, call.nowMs);
      }
      return;
    }
    const approved = new Set<string>();
    const wasApproved = (): boolean => usedOf(member("steps") ?? null).length > 0;
    const before = this.#active.judge(call, (cause) => wasApproved() && approved.add(cause) !== null);
    const after = this.#candidate.judge(call, (cause) => approved.has(cause));
    if (before === after) return;
    const key = JSON.stringify([call.request.tool_id, before, after]);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
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
    return { total: this.#total, notReplayable: this.#notReplayable, transitions };
  }
}

/** One of the two policies, with the counters of its own. */
class Side {
  readonly policy: Policy;
  readonly #isAudit: boolean;
  readonly #digests: readonly string[];

  constructor(policy: Policy) {
    this.policy = policy;
    this.#isAudit = policy.runtime().mode === "audit";
    this.#digests = policy.rules().map(({ agent, text }) => ruleDigest(agent, text));
  }

  /** The effect in practice. `isApproved` says whether a person had let the call past that cause. */
  judge(call: RecordedCall, isApproved: (cause: string) => boolean): Effect {
    const approved: string[] = [];
    for (let step = 0; step < causesMax; step++) {
      const verdict = this.policy.decide(call.request, { now: call.nowMs, approved });
      const { cause } = verdict;
      if (verdict.effect !== "defer" || cause === null || approved.includes(cause)) return this.#inPractice(verdict);
      if (!isApproved(this.#lasting(cause))) return this.#inPractice(verdict);
      approved.push(cause);
    }
    return "deny";
  }

  #inPractice({ effect, code }: Verdict): Effect {
    return this.#isAudit && !deniedInAudit.has(code) ? "permit" : effect;
  }

  /** A rule by its words, so that the same rule of another policy is the same cause. */
  #lasting(cause: string): string {
    const rule = /^rule:(\d+)$/.exec(cause)?.[1];
    return rule === undefined ? cause : `rule:${this.#digests[Number(rule)] ?? rule}`;
  }
}
