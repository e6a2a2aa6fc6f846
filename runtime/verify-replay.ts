// Each recorded decision judged again by the policy and the machine that its log names, from the state that its log makes: whether
// effect, code and rule come out as recorded. A call of which something that the policy reads was not kept is counted as not
// replayable, never as passed. It reads only; it must never judge by a policy or a machine that the log does not name.
import { Actions } from "./actions.ts";
import { Approvals } from "./approvals.ts";
import { CallTable } from "./calls.ts";
import type { Code } from "./codes.ts";
import { Progress } from "./completion.ts";
import { carriedOf } from "./decision-record.ts";
import { nodeDisk } from "./disk.ts";
import { LoadFailure, type Verdict } from "./evaluator/types.ts";
import { machineCodes } from "./evaluator/verdicts.ts";
import { Grants } from "./grants.ts";
import { Holds } from "./holds.ts";
import { ImageFailure } from "./images.ts";
import type { Json, JsonObject } from "./json.ts";
import { durableCause } from "./judge.ts";
import { isPruned } from "./log/beginning.ts";
import { LogFailure } from "./log/failure.ts";
import { readLogId } from "./log/identity.ts";
import { readRecords, type StoredRecord } from "./log/read.ts";
import { listSegments } from "./log/segments.ts";
import { isNamedIn, listSnapshots, readSnapshot, UnfitSnapshot } from "./log/snapshots.ts";
import { evaluator } from "./machine.ts";
import { replayLoader } from "./machines.ts";
import { PhaseEnds } from "./phases.ts";
import { type ActivePolicy, PolicyHistory } from "./policy.ts";
import { isKept, type RecordedCall, recordedCall } from "./recorded-call.ts";
import { Recovery, RecoveryFailure } from "./recover.ts";

export interface VerifyReplayOptions {
  readonly walDir: string;
  readonly policiesDir: string;
  /** Microseconds since 1970: decisions in between are judged. */
  readonly fromUs?: number;
  readonly toUs?: number;
  onProgress?(decisions: number, record: StoredRecord): void;
}

/** The first decision that comes out otherwise. */
export interface ReplayMismatch {
  readonly file: string;
  readonly offset: number;
  readonly seq: number;
  readonly id: string | null;
  readonly field: "effect" | "code" | "rule";
  readonly expected: string;
  readonly found: string;
}

export interface VerifyReplayReport {
  readonly decisions: number;
  readonly matched: number;
  readonly mismatched: number;
  /** Something that their policy reads was redacted, or not kept. */
  readonly notReplayable: number;
  /** The policy was not asked: refused before, or by a person or an operator. */
  readonly notJudged: number;
  readonly first: ReplayMismatch | null;
  /** Why nothing behind some record could be judged; null when all was. */
  readonly stopped: string | null;
  /** The record behind which the state was taken from a snapshot; 0: from the log's beginning. */
  readonly fromSeq: number;
}

/** Causes that approvals can carry one call past. */
const causesMax = 64;

/** A person's word on a call that the policy had deferred. */
const afterDefer: ReadonlySet<string> = new Set(["APPROVAL_DENIED", "APPROVAL_QUEUE_FULL"]);

/** Throws LogFailure for a log that does not hold together. */
export async function verifyReplay(options: VerifyReplayOptions): Promise<VerifyReplayReport> {
  const { walDir, policiesDir, fromUs = 0, toUs = Number.POSITIVE_INFINITY } = options;
  const approvals = new Approvals();
  const recovery = new Recovery({
    policiesDir,
    history: new PolicyHistory(),
    approvals,
    calls: new CallTable(),
    phaseEnds: new PhaseEnds(),
    grants: new Grants(evaluator.loadRule),
    holds: new Holds(),
    actions: new Actions(),
    progress: new Progress(),
    bootId: "",
    loadSync: replayLoader(policiesDir),
    // Calls sent again are answered from their record, and are none of their own.
    nowUs: Number.POSITIVE_INFINITY,
  });
  const begun = begin(recovery, walDir, fromUs);
  const count = { decisions: 0, matched: 0, mismatched: 0, notReplayable: 0, notJudged: 0 };
  let first: ReplayMismatch | null = null;
  let stopped: string | null = null;
  for await (const record of readRecords(walDir, { fromSeq: begun + 1 })) {
    const call = recordedCall(record.value);
    const timeUs = call === null ? 0 : call.nowMs * 1000;
    if (call !== null && timeUs >= toUs) break;
    if (call !== null && timeUs >= fromUs) {
      count.decisions++;
      options.onProgress?.(count.decisions, record);
      const outcome = stopped === null ? judge(recovery.active, call, record, approvals) : "notReplayable";
      if (typeof outcome === "string") count[outcome]++;
      else {
        count.mismatched++;
        first ??= outcome;
      }
    }
    if (stopped === null) stopped = taken(recovery, record);
  }
  return { ...count, first, stopped, fromSeq: begun };
}

/** Moves the state on; why it cannot be moved, where a policy or machine is gone. */
function taken(recovery: Recovery, { value, seq }: StoredRecord): string | null {
  try {
    recovery.record(value);
    return null;
  } catch (error) {
    const isKnown = error instanceof ImageFailure || error instanceof LoadFailure || error instanceof RecoveryFailure;
    if (!isKnown && !(error instanceof RangeError)) throw error;
    return `record ${seq}: ${(error as Error).message}`;
  }
}

/** Begins with the newest snapshot from before `fromUs`, of a pruned log with the oldest where there is none; answers the last record that it covers. */
function begin(recovery: Recovery, walDir: string, fromUs: number): number {
  const segments = listSegments(nodeDisk, walDir);
  const wasPruned = isPruned(segments);
  const logId = fromUs === 0 && !wasPruned ? null : readLogId(nodeDisk, walDir);
  if (logId !== null) {
    const newestFirst = listSnapshots(nodeDisk, walDir);
    // Of a pruned log the oldest tells most, where none lies before what was asked for.
    const files = wasPruned ? [...newestFirst, ...newestFirst.toReversed()] : newestFirst;
    for (const [at, file] of files.entries()) {
      const isLate = at >= newestFirst.length;
      try {
        const { state, atHash } = readSnapshot(nodeDisk, walDir, logId, file);
        if ((!isLate && !(Number(state.calls_until_us) <= fromUs)) || !isNamedIn(nodeDisk, segments, file, atHash))
          continue;
        recovery.begin(state);
        return file.atSeq;
      } catch (error) {
        if (!(error instanceof UnfitSnapshot || error instanceof ImageFailure || error instanceof LoadFailure))
          throw error;
      }
    }
  }
  if (wasPruned)
    throw new LogFailure("SEGMENT_MISSING", "the log was pruned, and no snapshot can be used to judge from");
  recovery.begin(null);
  return 0;
}

type Outcome = "matched" | "notReplayable" | "notJudged" | ReplayMismatch;

function judge(
  active: ActivePolicy | null,
  call: RecordedCall,
  { value, segment, offset, seq }: StoredRecord,
  approvals: Approvals,
): Outcome {
  const { code } = call;
  const isMachines = machineCodes.has(code as Code) || code === "UNKNOWN_AGENT";
  // The daemon denied for want of something from outside what the policy permitted.
  const isHeld = code === "CREDENTIAL_UNAVAILABLE" || code === "COST_UNAVAILABLE";
  if (!isMachines && !isHeld && !afterDefer.has(code)) return "notJudged";
  if (active === null) return "notReplayable";
  const { agent_id, tool_id } = call.request;
  const tool = active.policy.tool(agent_id, tool_id);
  if (tool === null ? code !== "UNKNOWN_AGENT" : !isKept(call, tool, tool)) return "notReplayable";
  const verdict = judged(active, call, value, approvals);
  const rule = verdict.rule === null ? null : (active.ruleDigests[verdict.rule] ?? null);
  const effect = isHeld ? "permit" : afterDefer.has(code) ? "defer" : call.effect;
  const differing = (["effect", "code", "rule"] as const).find((field) => {
    if (field === "effect") return verdict.effect !== effect;
    if (field === "code") return isMachines && verdict.code !== code;
    return isMachines && rule !== (value.rule_digest ?? null);
  });
  if (differing === undefined) return "matched";
  const [expected, found] = {
    effect: [effect, verdict.effect],
    code: [code, verdict.code],
    rule: [textOf(value.rule_digest), rule ?? "none"],
  }[differing] as [string, string];
  const id = typeof value.action_id === "string" ? value.action_id : null;
  return { file: segment, offset, seq, id, field: differing, expected, found };
}

/** The verdict with the approvals that the record says let the call past a cause, each for the one that it was given for. */
function judged(active: ActivePolicy, call: RecordedCall, value: JsonObject, approvals: Approvals): Verdict {
  const carriers = carriedOf(value.steps ?? null);
  // A grant is for the call, whatever defers it.
  const isGranted = carriers.some((id) => id.startsWith("grt-"));
  const approved: string[] = [];
  for (;;) {
    const { verdict } = active.policy.explain(call.request, { now: call.nowMs, approved });
    const { cause } = verdict;
    if (verdict.effect !== "defer" || cause === null || approved.includes(cause) || approved.length >= causesMax)
      return verdict;
    const lasting = durableCause(active, cause);
    if (!isGranted && !carriers.some((id) => approvals.get(id)?.cause === lasting)) return verdict;
    approved.push(cause);
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "none";
}
