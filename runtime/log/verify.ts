// `audit verify`: walks everything there is and says what holds, what does not and what could not be checked. It never
// writes, and a log that is being written meanwhile gives no false alarm.
import { parseTime } from "../clock.ts";
import { type Disk, nodeDisk } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { LogFailure } from "./failure.ts";
import { readHead, type StoredHead } from "./head.ts";
import { readLogId } from "./identity.ts";
import { type BadLine, headDisagreement, type WalkReport, walk } from "./inspect.ts";
import { readRecords } from "./read.ts";
import { identityFileName, listSegments, type SegmentInfo } from "./segments.ts";

export interface VerifyCheck {
  readonly name: "files" | "chain" | "tail" | "head" | "policy";
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

type Place = Pick<VerifyFault, "file" | "offset">;

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
}

export interface VerifyOptions {
  readonly disk?: Disk;
  /** called about once a megabyte */
  onProgress?(records: number, bytes: number, totalBytes: number): void;
}

/** Never throws for what it finds in the log; only a disk that cannot be read throws. */
export async function verifyLog(dir: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const disk = options.disk ?? nodeDisk;
  let head: StoredHead;
  let segments: SegmentInfo[];
  let logId: string | null;
  try {
    // In this order: what the head says was acknowledged is in the segments listed after it was read.
    head = readHead(disk, dir);
    segments = listSegments(disk, dir);
    logId = readLogId(disk, dir);
  } catch (error) {
    if (error instanceof LogFailure) return unreadable(error);
    throw error;
  }
  if (logId === null) {
    return unreadable(
      new LogFailure("DIRECTORY_UNUSABLE", `${identityFileName} is missing`, { segment: identityFileName }),
    );
  }
  const policy = new PolicyContinuity();
  let records = 0;
  const record = (head: JsonObject): void => {
    records++;
    policy.record(head);
  };
  const totalBytes = segments.reduce((total, segment) => total + segment.sizeBytes, 0);
  const steps = walk(disk, segments, logId, head.kind === "valid" ? head.state.ackedSeq : 0, { record });
  let step = steps.next();
  while (!step.done) {
    options.onProgress?.(records, step.value, totalBytes);
    await new Promise(setImmediate);
    step = steps.next();
  }
  const at = policy.fault === null ? null : await placeOf(disk, dir, policy.fault.seq);
  return report(logId, step.value, settled(head, readHead(disk, dir)), policy, at);
}

/** Where a record lies that was walked over before; null when the log changed meanwhile. */
async function placeOf(disk: Disk, dir: string, seq: number): Promise<Place | null> {
  try {
    for await (const { segment, offset } of readRecords(dir, { fromSeq: seq, disk })) return { file: segment, offset };
  } catch (error) {
    if (!(error instanceof LogFailure)) throw error;
  }
  return null;
}

/** A log opened since the head was read may have records behind the clean stop. */
function settled(head: StoredHead, later: StoredHead): StoredHead {
  if (head.kind !== "valid" || later.kind !== "valid" || head.state.generation === later.state.generation) return head;
  return { kind: "valid", state: { ...head.state, cleanStop: false } };
}

/** Each decision names the policy that was active then. */
class PolicyContinuity {
  #active: { readonly version: unknown; readonly hash: unknown } | null = null;
  decisions = 0;
  fault: Pick<VerifyFault, "seq" | "id" | "field" | "expected" | "found" | "message"> | null = null;

  record(value: JsonObject): void {
    if (value.type === "policy") this.#active = { version: value.policy_version, hash: value.policy_hash };
    if (value.type !== "decision") return;
    this.decisions++;
    if (this.fault !== null) return;
    const seq = Number(value.seq);
    const id = typeof value.action_id === "string" ? value.action_id : null;
    const active = this.#active ?? { version: null, hash: null };
    const differing =
      value.policy_version !== active.version
        ? "policy_version"
        : value.policy_hash !== active.hash
          ? "policy_hash"
          : null;
    if (differing === null) return;
    const expected = String(differing === "policy_version" ? active.version : active.hash);
    const message = `the decision names a policy that was not active`;
    this.fault = { seq, id, field: differing, expected, found: String(value[differing]), message };
  }
}

function unreadable(failure: LogFailure): VerifyReport {
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
  };
}

function report(
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
  const texts = [
    `no checkpoints: the tail of ${records} records is unanchored`,
    "no signatures: who wrote the log is not proved",
  ];
  if (broken !== null) texts.push(`nothing after record ${records} was checked`);
  return texts;
}

function secondsBetween(first: string, last: string): number {
  const firstUs = parseTime(first);
  const lastUs = parseTime(last);
  return firstUs === undefined || lastUs === undefined ? 0 : Math.round((lastUs - firstUs) / 1_000_000);
}
