// The policy versions that a log tells of, and the stored sources of the active one. Read from files alone; no daemon.

import { type Activation, activationOf } from "../runtime/activation.ts";
import { parseTime } from "../runtime/clock.ts";
import { nodeDisk } from "../runtime/disk.ts";
import type { SourceText } from "../runtime/doors/protocol.ts";
import { ImageFailure, loadImage } from "../runtime/images.ts";
import { chainBefore, isPruned } from "../runtime/log/beginning.ts";
import { readLogId } from "../runtime/log/identity.ts";
import { readRecords, type StoredRecord } from "../runtime/log/read.ts";
import { listSegments } from "../runtime/log/segments.ts";
import { stackPaths } from "../runtime/stack.ts";
import { driftFrom } from "./drift.ts";

export interface LoggedActivation extends Activation {
  readonly seq: number;
  /** RFC 3339, as recorded. */
  readonly time: string;
}

/** Every apply and rollback in the log's order; empty where there is no log. Throws LogFailure. */
export async function readActivations(walDir: string, onRecord?: (seq: number) => void): Promise<LoggedActivation[]> {
  const list: LoggedActivation[] = [];
  const take = ({ value, seq }: StoredRecord): void => {
    if (value.type !== "policy" || typeof value.time !== "string") return;
    const activation = activationOf(value, parseTime(value.time) ?? 0);
    if (activation !== null) list.push({ ...activation, seq, time: value.time });
  };
  for (const record of await archivedPolicies(walDir)) take(record);
  for await (const record of readRecords(walDir)) {
    onRecord?.(record.seq);
    take(record);
  }
  return list;
}

/** Those of records that were pruned, as far as archives hold them; without the database that reads archives none. */
async function archivedPolicies(walDir: string): Promise<readonly StoredRecord[]> {
  const segments = listSegments(nodeDisk, walDir);
  if (!isPruned(segments)) return [];
  const { archivedRecords } = await import("../runtime/query/archived-record.ts");
  const { DuckDbMissing } = await import("../runtime/query/duck.ts");
  const beforeSeq = chainBefore(nodeDisk, segments, readLogId(nodeDisk, walDir) ?? "").seq + 1;
  try {
    return (await archivedRecords(nodeDisk, walDir, { type: "policy", beforeSeq })) ?? [];
  } catch (error) {
    if (error instanceof DuckDbMissing) return [];
    throw error;
  }
}

/** What was applied as this version. Throws ImageFailure where the stored image is missing or spoiled. */
export function storedVersion(
  dir: string,
  activation: Activation,
): { image: Uint8Array; sources: readonly SourceText[] } {
  return loadImage(stackPaths(dir).policies, activation.imageHash);
}

/** Whether the policy's files differ from the version with that image; null where what is stored is gone. */
export function driftBehind(dir: string, imageHash: string): boolean | null {
  try {
    return driftFrom(dir, loadImage(stackPaths(dir).policies, imageHash).sources);
  } catch (error) {
    if (error instanceof ImageFailure) return null;
    throw error;
  }
}
