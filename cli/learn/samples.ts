// Recorded calls by the rule that would decide them now: those that were permitted, and those that a person approved. It looks at the
// policy without changing a counter.

import { usedOf } from "../../runtime/decision-record.ts";
import type { Policy } from "../../runtime/evaluator/types.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { visitRecords } from "../../runtime/log/read.ts";
import { moving, Past } from "../../runtime/past.ts";
import { callOf, isKept, notJudged, type RecordedCall } from "../../runtime/recorded-call.ts";

export interface Samples {
  /** By the number of the rule. */
  readonly permitted: ReadonlyMap<number, readonly RecordedCall[]>;
  /** Calls that the rule defers and that were let through, by the number of the rule. */
  readonly approved: ReadonlyMap<number, readonly RecordedCall[]>;
  /** Tools, by agent, of calls that nothing is learned from: rules that match one are left as they are. */
  readonly unread: ReadonlyMap<string, ReadonlySet<string>>;
  /** Permitted or approved calls of the window. */
  readonly total: number;
  /** Of which a value that a rule reads was not kept. */
  readonly notReplayable: number;
  /** That the policy now decides otherwise, or by a default. */
  readonly otherwise: number;
  /** Calls after as many as are looked at. */
  readonly beyond: number;
}

/** Calls that are held at once. */
const CALLS_MAX = 200_000;

export async function samplesOf(options: {
  readonly walDir: string;
  readonly policiesDir: string;
  readonly policy: Policy;
  readonly load: (image: Uint8Array) => Policy;
  readonly sinceUs: number;
}): Promise<Samples> {
  const { walDir, policiesDir, policy, load, sinceUs } = options;
  const past = new Past(policiesDir, load);
  const permitted = new Map<number, RecordedCall[]>();
  const approved = new Map<number, RecordedCall[]>();
  const unread = new Map<string, Set<string>>();
  const leave = ({ request }: RecordedCall): void => {
    const tools = unread.get(request.agent_id) ?? new Set();
    unread.set(request.agent_id, tools);
    tools.add(request.tool_id);
  };
  let [total, notReplayable, otherwise, beyond] = [0, 0, 0, 0];
  await visitRecords(walDir, (record) => {
    if (record.type === "policy" && moving.has(record.type)) past.take(record.value());
    const call = record.type === "decision" ? callOf(record.member, record.timeUs) : null;
    if (call === null || call.nowMs * 1000 < sinceUs || record.member("effect") !== "permit") return;
    if (notJudged.has(call.code)) return;
    if (++total > CALLS_MAX) {
      beyond++;
      leave(call);
      return;
    }
    const { agent_id, tool_id } = call.request;
    const reader = policy.tool(agent_id, tool_id);
    const then = past.active?.policy.tool(agent_id, tool_id) ?? null;
    if (reader === null || !isKept(call, reader, then)) {
      notReplayable++;
      leave(call);
      return;
    }
    const { verdict } = policy.explain(call.request, { now: call.nowMs });
    const wasApproved = usedOf(record.member("steps") ?? null).length > 0;
    const into = verdict.effect === "permit" ? permitted : wasApproved && verdict.effect === "defer" ? approved : null;
    if (into === null || verdict.rule === null) {
      otherwise++;
      leave(call);
    } else {
      const calls = into.get(verdict.rule) ?? [];
      into.set(verdict.rule, calls);
      calls.push(call);
    }
  });
  return { permitted, approved, unread, total, notReplayable, otherwise, beyond };
}

/** The arguments as far as the record has them whole. */
export function argumentsOf({ request, isOutline }: RecordedCall): JsonObject {
  return isOutline ? {} : ((request.args ?? {}) as unknown as JsonObject);
}
