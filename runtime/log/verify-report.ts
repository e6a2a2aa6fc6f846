// What a verification says: its checks in order, the first thing found wrong, and what was not looked at. It looks at nothing itself.
import { parseTime } from "../clock.ts";
import type { LogFailure } from "./failure.ts";
import type { StoredHead } from "./head.ts";
import { type BadLine, headDisagreement, type WalkReport } from "./inspect.ts";
import type { PolicyContinuity } from "./policy-continuity.ts";
import type { TreeFault } from "./tree-fault.ts";

export interface VerifyCheck {
  readonly name: "files" | "chain" | "tail" | "head" | "policy" | TreeFault["check"];
  /** null: nothing wrong up to a break, behind which it was not looked at */
  readonly ok: boolean | null;
  readonly detail: string;
}

/** The first thing found wrong. */
export interface VerifyFault {
  readonly file: string;
  readonly offset: number;
  readonly seq: number;
  /** action_id of the record where it has one */
  readonly id: string | null;
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  readonly message: string;
}

/** Where a record lies. */
export type Place = Pick<VerifyFault, "file" | "offset">;

export interface VerifyReport {
  readonly ok: boolean;
  readonly logId: string | null;
  readonly records: number;
  readonly segments: number;
  readonly lastSeq: number;
  readonly checks: readonly VerifyCheck[];
  readonly fault?: VerifyFault;
  /** what this run could not check, in the words for the user */
  readonly notChecked: readonly string[];
  /** the end of the log that nothing outside it vouches for */
  readonly unanchored: { readonly records: number; readonly seconds: number };
  /** records under the last checkpoint that a pinned key has signed */
  readonly signedRecords: number;
  /** times without the checkpoint that was due, in the words for the user */
  readonly gaps: readonly string[];
  /** what a crash leaves as well as a hand, or what nothing here can decide: no fault, in the words for the user */
  readonly notes: readonly string[];
  readonly period: VerifiedPeriod | null;
  /** null where the log has its first record */
  readonly pruned: {
    readonly records: number;
    /** of the last prune record */
    readonly seq: number | null;
    readonly archived: boolean;
    readonly actor: string | null;
    readonly reason: string | null;
  } | null;
}

/** The records of the time that was asked for; all others were checked too, since the chain goes through them. */
export interface VerifiedPeriod {
  readonly records: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
}

/** Of a log whose files could not be listed. */
export function unreadable(failure: LogFailure): VerifyReport {
  const { message, segment = "", offset = 0, seq = 0 } = failure;
  return {
    ok: false,
    logId: null,
    records: 0,
    segments: 0,
    lastSeq: 0,
    checks: [{ name: "files", ok: false, detail: message }],
    fault: {
      file: segment,
      offset,
      seq,
      id: null,
      field: "files",
      expected: "a whole log",
      found: failure.code,
      message,
    },
    notChecked: ["records: the files could not be listed"],
    unanchored: { records: 0, seconds: 0 },
    signedRecords: 0,
    gaps: [],
    notes: [],
    period: null,
    pruned: null,
  };
}

/** What the records show, before the tree is looked at. */
export function recordsReport(
  logId: string,
  walked: WalkReport,
  head: StoredHead,
  policy: PolicyContinuity,
  policyAt: Place | null,
): VerifyReport {
  const { chain, segments, bad } = walked;
  // The end of a line not yet written in full, or torn by a crash that no start has cleared up yet.
  const unfinished = bad?.isUnfinished === true && bad.segment === segments.at(-1) ? bad : null;
  const broken = unfinished === null ? bad : null;
  const disagreement = head.kind === "valid" ? headDisagreement({ ...walked, bad: broken }, head.state) : null;
  const tornAfterStop = unfinished !== null && head.kind === "valid" && head.state.cleanStop;
  const checks: VerifyCheck[] = [
    { name: "files", ok: true, detail: `${segments.length} segments` },
    { name: "chain", ok: broken === null, detail: chainDetail(broken, chain.seq) },
    { name: "tail", ok: !tornAfterStop, detail: tailDetail(unfinished, tornAfterStop) },
    headCheck(head, disagreement, segments.length),
    { name: "policy", ok: policy.fault === null, detail: policy.fault?.message ?? `${policy.decisions} decisions` },
  ];
  const fault = firstFault(broken ?? (tornAfterStop ? unfinished : null), disagreement, policy, policyAt);
  return {
    ok: checks.every((check) => check.ok),
    logId,
    records: chain.seq,
    segments: segments.length,
    lastSeq: chain.seq,
    checks: broken === null ? checks : checks.map((check) => cutShort(check, chain.seq)),
    ...(fault === null ? {} : { fault }),
    notChecked: notChecked(chain.seq, broken),
    unanchored: { records: chain.seq, seconds: secondsBetween(walked.firstTime, chain.time) },
    signedRecords: 0,
    gaps: [],
    notes: [],
    period: null,
    pruned: null,
  };
}

/** Behind a break nothing is looked at, so what found no fault before it did not hold either. */
function cutShort(check: VerifyCheck, records: number): VerifyCheck {
  if (check.ok !== true || check.name === "files") return check;
  return { ...check, ok: null, detail: `not checked past record ${records}` };
}

function chainDetail(broken: BadLine | null, seq: number): string {
  if (broken === null) return `${seq} records, each with its hash, seq, prev and time`;
  return `${seq} records, then ${broken.fault.message}`;
}

function tailDetail(unfinished: BadLine | null, tornAfterStop: boolean): string {
  if (unfinished === null) return "ends with a whole record";
  const bytes = unfinished.segment.sizeBytes - unfinished.offset;
  if (tornAfterStop) return `${bytes} bytes follow the last record although the log was stopped cleanly`;
  return `${bytes} bytes follow the last record: being written, or left by a crash`;
}

function headCheck(head: StoredHead, disagreement: LogFailure | null, segments: number): VerifyCheck {
  if (head.kind === "valid") {
    const detail = disagreement?.message ?? `acknowledged up to ${head.state.ackedSeq}`;
    return { name: "head", ok: disagreement === null, detail };
  }
  const isFresh = head.kind === "absent" && segments === 0;
  return { name: "head", ok: isFresh, detail: isFresh ? "no log yet" : `the head file is ${head.kind}` };
}

function firstFault(
  bad: BadLine | null,
  disagreement: LogFailure | null,
  policy: PolicyContinuity,
  policyAt: Place | null,
): VerifyFault | null {
  if (bad !== null) {
    const { field, expected, found, message } = bad.fault;
    return { file: bad.segment.name, offset: bad.offset, seq: bad.seq, id: null, field, expected, found, message };
  }
  if (disagreement !== null) {
    const { message, code, segment = "head", offset = 0, seq = 0 } = disagreement;
    const expected = "what the head says";
    return { file: segment, offset, seq, id: null, field: "acked_seq", expected, found: code, message };
  }
  if (policy.fault === null) return null;
  return { file: policyAt?.file ?? "", offset: policyAt?.offset ?? 0, ...policy.fault };
}

function notChecked(records: number, broken: BadLine | null): string[] {
  return broken === null ? [] : [`nothing after record ${records} was checked`];
}

/** 0 where one of them cannot be read. */
export function secondsBetween(first: string, last: string): number {
  const firstUs = parseTime(first);
  const lastUs = parseTime(last);
  return firstUs === undefined || lastUs === undefined ? 0 : Math.round((lastUs - firstUs) / 1_000_000);
}
