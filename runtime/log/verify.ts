// `audit verify`: walks everything there is and says what holds, what does not and what could not be checked. It never
// writes, and a log that is being written meanwhile gives no false alarm.
import { type Disk, hasErrorCode, nodeDisk } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { chainBefore, lastPrune } from "./beginning.ts";
import type { Chain } from "./chain.ts";
import { DigestCheck, type DigestReport } from "./digest-check.ts";
import { LogFailure } from "./failure.ts";
import { readHead, type StoredHead } from "./head.ts";
import { readLogId } from "./identity.ts";
import { type WalkReport, walk } from "./inspect.ts";
import type { VerifierKey } from "./note.ts";
import { PolicyContinuity } from "./policy-continuity.ts";
import { readRecords } from "./read.ts";
import { identityFileName, listSegments, type SegmentInfo } from "./segments.ts";
import type { Anchor, TreeFault } from "./tree-fault.ts";
import {
  type Place,
  recordsReport,
  secondsBetween,
  unreadable,
  type VerifiedPeriod,
  type VerifyCheck,
  type VerifyReport,
} from "./verify-report.ts";
import { TreeCheck } from "./verify-tree.ts";

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
  const whole = recordsReport(logId, step.value, settled(head, readHead(disk, dir)), policy, at);
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
