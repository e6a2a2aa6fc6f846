// Opening a log for writing: reads it whole, cuts off a torn tail, and says where writing goes on and which marks are
// owed. The lock is held by the caller. A crash anywhere in here leaves a directory that the next start recovers.
import { parseTime } from "../clock.ts";
import type { Disk } from "../disk.ts";
import type { Json, JsonObject } from "../json.ts";
import type { ActiveState } from "./active.ts";
import type { Chain } from "./chain.ts";
import { createHead, firstGeneration, readHead } from "./head.ts";
import { type LogIdentity, openIdentity } from "./identity.ts";
import { inspectLog } from "./inspect.ts";
import { quarantineTail, tornTailKind, unmarkedCopies } from "./quarantine.ts";
import type { LogEntryInput } from "./record.ts";
import { listSegments } from "./segments.ts";
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
}

/** Throws LogFailure for a log that may not be continued, the disk's errors for a disk that fails. */
export function openForWriting(
  disk: Disk,
  dir: string,
  acceptUnanchored: boolean,
  withTree: boolean,
  onRecord: ((value: JsonObject) => void) | undefined,
): OpenedFiles {
  const segments = listSegments(disk, dir);
  const storedHead = readHead(disk, dir);
  // A head that exists was written for this log: its files may not be made anew under it.
  const identity = openIdentity(disk, dir, segments.length > 0 || storedHead.kind !== "absent");
  const marked = new Set<string>();
  const tree = withTree ? new TreeRecovery(disk, dir, identity.logId) : null;
  let policy: PolicyNames | null = null;
  const record = (head: JsonObject, value: () => JsonObject, hash: string): void => {
    tree?.record(head, value, hash);
    if (head.type === "policy") policy = policyNames(head);
    if (onRecord === undefined && head.type !== "mark") return;
    const whole = value();
    const name = markedCopy(whole);
    if (name !== null) marked.add(name);
    onRecord?.(whole);
  };
  const { walk, head, torn, isHeadRebuilt } = inspectLog(disk, dir, identity.logId, acceptUnanchored, { record });
  tree?.check();
  if (torn !== null) quarantineTail(disk, dir, torn.segment, torn.offset);
  const isNew = head.kind === "absent" && segments.length === 0;
  // Before the first segment, so that a log with segments always has one.
  if (isNew)
    createHead(disk, dir, identity.logId, { ackedSeq: 0, lastHash: walk.chain.hash, segment: 0, cleanStop: false });
  const marks: JsonObject[] = unmarkedCopies(disk, dir, marked).map((detail) => ({ detail, kind: tornTailKind }));
  if (isHeadRebuilt) marks.push({ detail: { last_seq: walk.chain.seq }, kind: "head_rebuilt" });
  const last = walk.segments.at(-1);
  const sizeBytes = torn === null ? (last?.sizeBytes ?? 0) : torn.offset;
  const firstUs = parseTime(walk.lastSegmentTime) ?? null;
  const active = last === undefined ? null : { number: last.number, sizeBytes, firstUs };
  const sealedBytes = walk.segments.slice(0, -1).reduce((total, segment) => total + segment.sizeBytes, 0);
  const headGeneration = head.kind === "valid" ? head.state.generation : isNew ? firstGeneration : 0;
  return { identity, chain: walk.chain, active, sealedBytes, headGeneration, marks, policy, tree };
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
