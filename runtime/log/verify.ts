// `audit verify`: walks everything there is and says what holds, what does not and what could not be checked. It never
// writes, and a log that is being written meanwhile gives no false alarm.
import { parseTime } from "../clock.ts";
import { type Disk, hasErrorCode, nodeDisk } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { chainBefore, lastPrune } from "./beginning.ts";
import type { Chain } from "./chain.ts";
import { DigestCheck, type DigestReport } from "./digest-check.ts";
import { LogFailure } from "./failure.ts";
import { readHead, type StoredHead } from "./head.ts";
import { readLogId } from "./identity.ts";
import { type BadLine, headDisagreement, type WalkReport, walk } from "./inspect.ts";
import type { VerifierKey } from "./note.ts";
import { PolicyContinuity } from "./policy-continuity.ts";
import { readRecords } from "./read.ts";
import { identityFileName, listSegments, type SegmentInfo } from "./segments.ts";
import type { Anchor, TreeFault } from "./tree-fault.ts";
import { TreeCheck } from "./verify-tree.ts";

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

export interface VerifyOptions {
  readonly disk?: Disk;
  /** keys that the user trusts, of logs and of witnesses; null or absent: none were found */
  readonly pinned?: readonly VerifierKey[] | null;
  readonly against?: readonly Anchor[];
  /** RFC 3339, UTC, µs */
  readonly from?: string;
  readonly to?: string;
  /** called about once a megabyte */
  onProgress?(records: number, bytes: number, totalBytes: number): void;
}

/** How often a log is looked at again of which records were pruned meanwhile. */
const triesMax = 3;

/** Never throws for what it finds in the log; only a disk that cannot be read throws. */
export async function verifyLog(dir: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const disk = options.disk ?? nodeDisk;
  for (let tries = 1; ; tries++) {
    const first = firstSegment(disk, dir);
    const isLast = tries === triesMax;
    try {
      const report = await verifyOnce(disk, dir, options);
      if (report.ok || isLast || first === firstSegment(disk, dir)) return report;
    } catch (error) {
      if (isLast || !hasErrorCode(error, "ENOENT") || first === firstSegment(disk, dir)) throw error;
    }
  }
}

/** Its number; 0 where there is none to tell. */
function firstSegment(disk: Disk, dir: string): number {
  try {
    return listSegments(disk, dir)[0]?.number ?? 0;
  } catch (error) {
    if (error instanceof LogFailure) return 0;
    throw error;
  }
}

async function verifyOnce(disk: Disk, dir: string, options: VerifyOptions): Promise<VerifyReport> {
  const { pinned = null, against = [] } = options;
  let head: StoredHead;
  let tree: TreeCheck | null;
  let segments: SegmentInfo[];
  let logId: string | null;
  let last: ReturnType<typeof lastPrune>;
  let chain: Chain;
  try {
    // In this order: what the head says was acknowledged is in the segments listed after it was read.
    head = readHead(disk, dir);
    logId = readLogId(disk, dir);
    tree =
      logId === null
        ? null
        : new TreeCheck(disk, dir, logId, pinned, against, head.kind === "valid" ? head.state.tree : null);
    segments = listSegments(disk, dir);
    chain = chainBefore(disk, segments, logId ?? "");
    last = chain.seq === 0 ? null : lastPrune(disk, segments);
  } catch (error) {
    if (error instanceof LogFailure) return unreadable(error);
    throw error;
  }
  if (logId === null || tree === null) {
    return unreadable(
      new LogFailure("DIRECTORY_UNUSABLE", `${identityFileName} is missing`, { segment: identityFileName }),
    );
  }
  const goneRecords = chain.seq;
  if (goneRecords > 0) await tree.begin(goneRecords, chain.hash, last?.pruned ?? null);
  const policy = new PolicyContinuity(goneRecords > 0);
  const digests = new DigestCheck(disk, dir);
  const period = new Period(options.from, options.to);
  let records = 0;
  const record = (head: JsonObject, value: () => JsonObject, hash: string): void => {
    records++;
    policy.record(head);
    tree.record(head, value, hash);
    digests.record(head, value);
    period.record(head);
  };
  const totalBytes = segments.reduce((total, segment) => total + segment.sizeBytes, 0);
  const steps = walk(
    disk,
    segments,
    logId,
    head.kind === "valid" ? head.state.ackedSeq : 0,
    { record },
    { index: 0, chain },
  );
  let step = steps.next();
  while (!step.done) {
    options.onProgress?.(records, step.value, totalBytes);
    await new Promise(setImmediate);
    step = steps.next();
  }
  const at = policy.fault === null ? null : await placeOf(disk, dir, policy.fault.seq);
  const whole = report(logId, step.value, settled(head, readHead(disk, dir)), policy, at);
  const told = withTree(whole, tree, step.value, { pinned, against, period: period.report(), goneRecords });
  return withNotes(told, head, digests.finish());
}

function withNotes(report: VerifyReport, head: StoredHead, digests: DigestReport): VerifyReport {
  const isSpoiled = head.kind === "valid" && head.isOtherSpoiled;
  const slot = "one slot of the head does not read, as a crash leaves it; the other one counts";
  return {
    ...report,
    notes: [...(isSpoiled ? [slot] : []), ...digests.notes],
    notChecked: [...report.notChecked, ...digests.notChecked],
  };
}

function prunedView(records: number, { pruned }: TreeCheck): NonNullable<VerifyReport["pruned"]> {
  const { seq = null, says = null } = pruned ?? {};
  return {
    records,
    seq,
    archived: says?.archive !== null && says !== null,
    actor: says?.actor ?? null,
    reason: says?.reason ?? null,
  };
}

class Period {
  readonly #from: string | undefined;
  readonly #to: string | undefined;
  #records = 0;
  #first: number | null = null;
  #last: number | null = null;

  constructor(from: string | undefined, to: string | undefined) {
    this.#from = from;
    this.#to = to;
  }

  record({ time, seq }: JsonObject): void {
    const at = String(time);
    if ((this.#from !== undefined && at < this.#from) || (this.#to !== undefined && at >= this.#to)) return;
    this.#records++;
    this.#first ??= Number(seq);
    this.#last = Number(seq);
  }

  report(): VerifiedPeriod | null {
    if (this.#from === undefined && this.#to === undefined) return null;
    return { records: this.#records, firstSeq: this.#first, lastSeq: this.#last };
  }
}

interface TreeAsked {
  readonly pinned: readonly VerifierKey[] | null;
  readonly against: readonly Anchor[];
  readonly period: VerifiedPeriod | null;
  /** pruned before the first record of the files */
  readonly goneRecords: number;
}

/** Adds what the tree shows to what the records do. */
function withTree(records: VerifyReport, tree: TreeCheck, walked: WalkReport, asked: TreeAsked): VerifyReport {
  const { chain, bad } = walked;
  const isBroken = bad !== null && !(bad.isUnfinished && bad.segment === walked.segments.at(-1));
  const { signed, anchored, timeBehind } = tree.finish(chain.seq, isBroken);
  const { fault } = tree;
  const checks: VerifyCheck[] = [];
  const notChecked: string[] = [];
  const add = (name: TreeFault["check"], isLooked: boolean, detail: string, lack: string | null): void => {
    if (fault?.check === name) checks.push({ name, ok: false, detail: fault.message });
    else if (!isLooked && lack !== null) notChecked.push(lack);
    else if (isLooked && isBroken) checks.push({ name, ok: null, detail: `not checked past record ${chain.seq}` });
    else if (isLooked) checks.push({ name, ok: true, detail });
  };
  const { checkpoints, unknownSigners, missingTiles } = tree;
  const hasKeys = asked.pinned !== null;
  add("checkpoint", checkpoints > 0, `${checkpoints} checkpoints`, "checkpoints: there are none");
  add(
    "signature",
    checkpoints > 0 && hasKeys,
    `up to record ${signed}`,
    "signatures: no keys are pinned (faramesh.vkey)",
  );
  add(
    "tiles",
    tree.hasTiles && checkpoints > 0,
    "as the records make them",
    checkpoints > 0 ? "tiles: there are none" : null,
  );
  const says = tree.pruned?.says ?? null;
  add("pruned", asked.goneRecords > 0, `records 1 to ${asked.goneRecords}, which the tiles still prove`, null);
  if (asked.goneRecords > 0)
    notChecked.push(
      `what stood in records 1 to ${asked.goneRecords}, which were pruned${says?.archive ? "; archives hold them" : ""}`,
    );
  add("against", asked.against.length > 0, `${asked.against.length} kept outside`, null);
  if (unknownSigners > 0) notChecked.push(`${unknownSigners} checkpoints of keys before the pinned one`);
  if (missingTiles > 0)
    notChecked.push(`${missingTiles} tiles that are missing; the daemon writes them at its next start`);
  const unanchored = chain.seq - anchored;
  const seconds = unanchored === 0 ? 0 : secondsBetween(timeBehind ?? walked.firstTime, chain.time);
  return {
    ...records,
    records: records.records - asked.goneRecords,
    pruned: asked.goneRecords === 0 ? null : prunedView(asked.goneRecords, tree),
    ok: records.ok && fault === null,
    checks: [...records.checks, ...checks],
    ...(records.fault === undefined && fault !== null ? { fault: { ...fault, offset: 0, id: null } } : {}),
    notChecked: [...notChecked, ...records.notChecked],
    unanchored: { records: unanchored, seconds },
    signedRecords: signed,
    gaps: tree.gaps,
    period: asked.period,
  };
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
  return { ...head, state: { ...head.state, cleanStop: false } };
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
    signedRecords: 0,
    gaps: [],
    notes: [],
    period: null,
    pruned: null,
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

function secondsBetween(first: string, last: string): number {
  const firstUs = parseTime(first);
  const lastUs = parseTime(last);
  return firstUs === undefined || lastUs === undefined ? 0 : Math.round((lastUs - firstUs) / 1_000_000);
}
