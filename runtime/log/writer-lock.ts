// The one writer's lock on a log's folder, which is made where it is absent. A folder that others may write in is refused.
import { dirname } from "node:path";
import type { Disk, DiskLock } from "../disk.ts";
import { LogFailure, reasonOf } from "./failure.ts";

/** Throws LogFailure LOCKED, DIRECTORY_UNUSABLE. */
export async function lockDirectory(disk: Disk, dir: string): Promise<DiskLock> {
  try {
    disk.makeDirectory(dir);
    disk.syncDirectory(dirname(dir));
    const identity = disk.identity(dir);
    if (identity !== null && (identity.mode & 0o022) !== 0) {
      throw new LogFailure("DIRECTORY_UNUSABLE", `${dir} can be written by others: chmod go-w it`);
    }
    const result = await disk.lock(`${dir}/lock`);
    if ("lock" in result) return result.lock;
    const holder = result.heldBy === null ? "another process" : `process ${result.heldBy}`;
    throw new LogFailure("LOCKED", `${holder} writes this log`);
  } catch (error) {
    if (error instanceof LogFailure) throw error;
    throw new LogFailure("DIRECTORY_UNUSABLE", `${dir} cannot hold a log: ${reasonOf(error)}`, {}, error);
  }
}
