// Opening a log for writing: reads it, from its beginning or from behind a snapshot, cuts off a torn tail, and says where
// writing goes on and which marks are owed. The lock is held by the caller. A crash anywhere in here leaves a directory that the next start recovers.
import { parseTime } from "../clock.ts";
import type { Disk } from "../disk.ts";
import type { Json, JsonObject } from "../json.ts";
import type { ActiveState } from "./active.ts";
import type { Chain } from "./chain.ts";
import { reasonOf } from "./failure.ts";
import { createHead, firstGeneration, readHead } from "./head.ts";
import { type LogIdentity, openIdentity } from "./identity.ts";
import { inspectLog } from "./inspect.ts";
import { quarantineTail, tornTailKind, unmarkedCopies } from "./quarantine.ts";
import type { LogEntryInput } from "./record.ts";
import { type Rebuilt, type Resumption, resumptions, type Unused } from "./resume.ts";
import { listSegments } from "./segments.ts";
import type { KeyKeeper } from "./signing-key.ts";
import { type Snapshot, UnfitSnapshot } from "./snapshots.ts";
import { TreeRecovery } from "./tree-recovery.ts";

/** What each record says of the policy then in force. */
export type PolicyNames = Pick<LogEntryInput, "policy_version" | "policy_hash">;

export interface OpenedFiles {
  readonly identity: LogIdentity;
  /** stands at the last good record */
  readonly chain: Chain;
  /** the segment to continue; null when the first is still to be made */
  readonly active: ActiveState | null;
  readonly sealedBytes: number;
  readonly headGeneration: number;
  /** bodies of mark records to append before anything else */
  readonly marks: readonly JsonObject[];
  /** of the last `policy` record, null without one */
  readonly policy: PolicyNames | null;
  /** the tree over the records, where it was asked for */
  readonly tree: TreeRecovery | null;
  /** the last record of the snapshot that was taken up; null when all records were read */
  readonly snapshotSeq: number | null;
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
  rebuilt?.begin(null);
  const tree = keys === undefined ? null : new TreeRecovery(disk, dir, identity.logId);
  return read(disk, dir, identity, options, { tree, resumption: null, unused });
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
  const marked = new Set<string>();
  let policy: PolicyNames | null = snapshot?.log ?? null;
  const record = (head: JsonObject, value: () => JsonObject, hash: string): void => {
    const isCovered = (head.seq as number) <= covered;
    if (head.seq === covered && hash !== snapshot?.atHash) throw new UnfitSnapshot("was not made at its record");
    tree?.record(head, value, hash, isCovered);
    if (head.type === "policy" && !isCovered) policy = policyNames(head);
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
  if (torn !== null) quarantineTail(disk, dir, torn.segment, torn.offset);
  const isNew = head.kind === "absent" && walk.segments.length === 0;
  // Before the first segment, so that a log with segments always has one.
  if (isNew)
    createHead(disk, dir, identity.logId, { ackedSeq: 0, lastHash: walk.chain.hash, segment: 0, cleanStop: false });
  const firstSegment = walk.segments[resumption?.start.index ?? 0]?.number ?? 1;
  const owed = unmarkedCopies(disk, dir, marked, firstSegment);
  const marks: JsonObject[] = owed.map((detail) => ({ detail, kind: tornTailKind }));
  if (isHeadRebuilt) marks.push({ detail: { last_seq: walk.chain.seq }, kind: "head_rebuilt" });
  for (const { file, reason } of unused) marks.push({ detail: { file, reason }, kind: "snapshot_unfit" });
  const last = walk.segments.at(-1);
  const sizeBytes = torn === null ? (last?.sizeBytes ?? 0) : torn.offset;
  const firstUs = parseTime(walk.lastSegmentTime) ?? null;
  const active = last === undefined ? null : { number: last.number, sizeBytes, firstUs };
  const sealedBytes = walk.segments.slice(0, -1).reduce((total, segment) => total + segment.sizeBytes, 0);
  const headGeneration = head.kind === "valid" ? head.state.generation : isNew ? firstGeneration : 0;
  const snapshotSeq = snapshot?.atSeq ?? null;
  return { identity, chain: walk.chain, active, sealedBytes, headGeneration, marks, policy, tree, snapshotSeq };
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
