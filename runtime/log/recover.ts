// Opening a log for writing: reads it, from its beginning or from behind a snapshot, cuts off a torn tail, and says where
// writing goes on and which marks are owed. The lock is held by the caller. A crash anywhere in here leaves a directory that the next start recovers.
import { parseTime } from "../clock.ts";
import type { Disk } from "../disk.ts";
import type { Json, JsonObject } from "../json.ts";
import type { ActiveState } from "./active.ts";
import { chainBefore, isPruned, lastPrune, missingBefore, requireBeginning } from "./beginning.ts";
import type { Chain } from "./chain.ts";
import type { TreeHead } from "./checkpoint.ts";
import { LogFailure, reasonOf } from "./failure.ts";
import { createHead, firstGeneration, readHead } from "./head.ts";
import { type LogIdentity, openIdentity } from "./identity.ts";
import { inspectLog } from "./inspect.ts";
import { prunedOf } from "./prune-record.ts";
import { quarantineTail, tornTailKind, unmarkedCopies } from "./quarantine.ts";
import type { LogEntryInput } from "./record.ts";
import { type Rebuilt, type Resumption, resumptions, type Unused } from "./resume.ts";
import { rewrite } from "./rewrite.ts";
import { listSegments, type SegmentInfo } from "./segments.ts";
import type { KeyKeeper } from "./signing-key.ts";
import type { KnownSnapshot } from "./snapshot-keeper.ts";
import { type Snapshot, UnfitSnapshot } from "./snapshots.ts";
import { TreeRecovery } from "./tree-recovery.ts";

/** What each record says of the policy then in force. */
export type PolicyNames = Pick<LogEntryInput, "policy_version" | "policy_hash">;

/** A prune that a signed checkpoint covers. */
export interface SignedPrune {
  /** of its record */
  readonly seq: number;
  readonly firstKept: number;
}

export interface OpenedFiles {
  readonly identity: LogIdentity;
  /** stands at the last good record */
  readonly chain: Chain;
  /** the segment to continue; null when the first is still to be made */
  readonly active: ActiveState | null;
  readonly sealedBytes: number;
  readonly headGeneration: number;
  /** the checkpoint that the head tells of; null where it tells of none */
  readonly told: TreeHead | null;
  /** bodies of mark records to append before anything else */
  readonly marks: readonly JsonObject[];
  /** of the last `policy` record, null without one */
  readonly policy: PolicyNames | null;
  /** the tree over the records, where it was asked for */
  readonly tree: TreeRecovery | null;
  /** the snapshot that was taken up; null when all records were read */
  readonly resumed: KnownSnapshot | null;
  /** the last prune, under a signed checkpoint; null before the first */
  readonly pruned: SignedPrune | null;
  /** number of the first segment */
  readonly firstSegment: number;
}

export interface OpeningOptions {
  readonly acceptUnanchored: boolean;
  /** absent: no tree is asked for */
  readonly keys: KeyKeeper | undefined;
  readonly rebuilt: Rebuilt | undefined;
}

/** Throws LogFailure for a log that may not be continued, the disk's errors for a disk that fails. */
export function openForWriting(disk: Disk, dir: string, options: OpeningOptions): OpenedFiles {
  const { rebuilt, keys } = options;
  const segments = listSegments(disk, dir);
  const storedHead = readHead(disk, dir);
  // A head that exists was written for this log: its files may not be made anew under it.
  const identity = openIdentity(disk, dir, segments.length > 0 || storedHead.kind !== "absent");
  const unused: Unused[] = [];
  if (rebuilt !== undefined && segments.length > 0) {
    let tree: TreeRecovery | null = null;
    const wanted = ({ state, log }: Snapshot): number => {
      tree = keys === undefined ? null : new TreeRecovery(disk, dir, identity.logId);
      const forTree = keys === undefined ? null : (tree as TreeRecovery | null)?.resume(log, keys);
      const forState = begun(rebuilt, state);
      return Math.min(forTree ?? Number.POSITIVE_INFINITY, forState ?? Number.POSITIVE_INFINITY);
    };
    for (const resumption of resumptions(disk, dir, identity.logId, segments, wanted, unused)) {
      try {
        return read(disk, dir, identity, options, { tree, resumption, unused });
      } catch (error) {
        if (!(error instanceof UnfitSnapshot)) throw error;
        unused.push({ file: resumption.file.name, reason: error.message });
      }
    }
  }
  const first = segments[0];
  if (first !== undefined && isPruned(segments)) throw withoutSnapshot(disk, segments, identity.logId, unused);
  rebuilt?.begin(null);
  const tree = keys === undefined ? null : new TreeRecovery(disk, dir, identity.logId);
  return read(disk, dir, identity, options, { tree, resumption: null, unused });
}

/** A pruned log is no beginning of anything: what its first records did is in snapshots alone. */
function withoutSnapshot(
  disk: Disk,
  segments: readonly SegmentInfo[],
  logId: string,
  unused: readonly Unused[],
): LogFailure {
  requireBeginning(disk, segments, logId);
  const first = segments[0] as SegmentInfo;
  const why = unused.map(({ file, reason }) => `${file} ${reason}`).join("; ");
  const message = `what stood before ${first.name} was pruned, and no snapshot can be used to begin with`;
  return new LogFailure("SEGMENT_MISSING", why === "" ? message : `${message}: ${why}`, { segment: first.name });
}

function begun(rebuilt: Rebuilt, state: JsonObject): number | null {
  try {
    return rebuilt.begin(state);
  } catch (error) {
    throw new UnfitSnapshot(`cannot be taken up: ${reasonOf(error)}`);
  }
}

interface Beginning {
  readonly tree: TreeRecovery | null;
  readonly resumption: Resumption | null;
  readonly unused: readonly Unused[];
}

/** Reads what follows the beginning and judges the end. Throws UnfitSnapshot before anything is changed. */
function read(
  disk: Disk,
  dir: string,
  identity: LogIdentity,
  { acceptUnanchored, rebuilt }: OpeningOptions,
  { tree, resumption, unused }: Beginning,
): OpenedFiles {
  const snapshot = resumption?.snapshot ?? null;
  const covered = snapshot?.atSeq ?? 0;
  const { pruned: before } = snapshot?.log ?? {};
  let pruned: SignedPrune | null = before === undefined ? null : { seq: before.seq, firstKept: before.first_kept };
  const signedSize = tree?.storedSize ?? 0;
  const isSigned = (seq: number): boolean => seq <= signedSize;
  const marked = new Set<string>();
  let policy: PolicyNames | null = snapshot?.log ?? null;
  const record = (head: JsonObject, value: () => JsonObject, hash: string): void => {
    const isCovered = (head.seq as number) <= covered;
    if (head.seq === covered && hash !== snapshot?.atHash) throw new UnfitSnapshot("was not made at its record");
    tree?.record(head, value, hash, isCovered);
    if (head.type === "policy" && !isCovered) policy = policyNames(head);
    // One that was never signed has removed nothing.
    if (head.type === "prune" && isSigned(head.seq as number) && (head.seq as number) > (pruned?.seq ?? 0))
      pruned = pruneIn(value(), pruned);
    if (head.type === "mark") {
      const name = markedCopy(value());
      if (name !== null) marked.add(name);
    }
    rebuilt?.take(value, head, isCovered);
  };
  const inspection = inspectLog(disk, dir, identity.logId, acceptUnanchored, { record }, resumption?.start);
  const { walk, head, torn, isHeadRebuilt } = inspection;
  if (walk.chain.seq < covered) throw new UnfitSnapshot("covers records that are not there");
  tree?.check(walk.chain.seq);
  if (pruned !== null && pruned.seq > signedSize) pruned = null;
  pruned = signedPrune(disk, walk.segments, identity.logId, signedSize, pruned);
  if (torn !== null) quarantineTail(disk, dir, torn.segment, torn.offset);
  const isNew = head.kind === "absent" && walk.segments.length === 0;
  // Before the first segment, so that a log with segments always has one.
  if (isNew)
    createHead(disk, dir, identity.logId, {
      ackedSeq: 0,
      lastHash: walk.chain.hash,
      tree: null,
      segment: 0,
      cleanStop: false,
    });
  const readFrom = walk.segments[resumption?.start.index ?? 0]?.number ?? 1;
  const owed = unmarkedCopies(disk, dir, marked, readFrom);
  const marks: JsonObject[] = owed.map((detail) => ({ detail, kind: tornTailKind }));
  if (isHeadRebuilt) marks.push({ detail: { last_seq: walk.chain.seq }, kind: "head_rebuilt" });
  for (const { file, reason } of unused) marks.push({ detail: { file, reason }, kind: "snapshot_unfit" });
  const last = walk.segments.at(-1);
  const sizeBytes = torn === null ? (last?.sizeBytes ?? 0) : torn.offset;
  if (last !== undefined && !(head.kind === "valid" && head.state.cleanStop)) {
    const isAckedHere = walk.ackedEnd?.segment.number === last.number;
    rewrite(disk, last.path, isAckedHere ? (walk.ackedEnd?.offset ?? 0) : 0, sizeBytes);
  }
  const firstUs = parseTime(walk.lastSegmentTime) ?? null;
  const active = last === undefined ? null : { number: last.number, sizeBytes, firstUs };
  const sealedBytes = walk.segments.slice(0, -1).reduce((total, segment) => total + segment.sizeBytes, 0);
  const headGeneration = head.kind === "valid" ? head.state.generation : isNew ? firstGeneration : 0;
  const told = head.kind === "valid" ? head.state.tree : null;
  const resumed =
    resumption === null ? null : { file: resumption.file.name, atSeq: covered, firstSeq: resumption.firstSeq };
  const firstSegment = walk.segments[0]?.number ?? 1;
  const end = { chain: walk.chain, active, sealedBytes, headGeneration, told, firstSegment };
  return { identity, ...end, marks, policy, tree, resumed, pruned };
}

function pruneIn(value: JsonObject, before: SignedPrune | null): SignedPrune | null {
  const says = prunedOf(value);
  return says === null ? before : { seq: value.seq as number, firstKept: says.firstKept };
}

/** The prune that explains how the files begin. Throws LogFailure SEGMENT_MISSING where they begin later than a signed one says. */
function signedPrune(
  disk: Disk,
  segments: readonly SegmentInfo[],
  logId: string,
  signedSize: number,
  pruned: SignedPrune | null,
): SignedPrune | null {
  const first = segments[0];
  if (first === undefined || !isPruned(segments)) return pruned;
  const firstSeq = chainBefore(disk, segments, logId).seq + 1;
  if (pruned !== null && firstSeq <= pruned.firstKept) return pruned;
  // A snapshot that was kept while the prune waited for its signature knows nothing of it, and its record is not read again.
  const last = lastPrune(disk, segments, signedSize);
  if (last === null || firstSeq > last.pruned.firstKept) throw missingBefore(first);
  return { seq: last.seq, firstKept: last.pruned.firstKept };
}

function policyNames({ policy_version, policy_hash }: JsonObject): PolicyNames {
  const text = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);
  return { policy_version: text(policy_version), policy_hash: text(policy_hash) };
}

/** The name in quarantine/ that a mark speaks of. */
function markedCopy(value: JsonObject): string | null {
  if (value.type !== "mark" || value.kind !== tornTailKind) return null;
  const detail: Json | undefined = value.detail;
  const file: unknown = typeof detail === "object" && detail !== null ? Reflect.get(detail, "file") : undefined;
  return typeof file === "string" ? file : null;
}
