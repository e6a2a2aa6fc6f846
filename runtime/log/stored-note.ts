// A signed checkpoint as it lies beside the records.
import { join } from "node:path";
import { type Disk, readWhole } from "../disk.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { type Note, noteLimitBytes, parseNote } from "./note.ts";

export interface StoredNote {
  readonly note: Note;
  readonly says: Checkpoint;
}

/** Null where there is no such file, a text for what is wrong with it. */
export function readStored(disk: Disk, dir: string, name: string): StoredNote | string | null {
  const path = join(dir, name);
  const identity = disk.identity(path);
  if (identity === null) return null;
  if (identity.kind !== "file" || identity.sizeBytes > noteLimitBytes) return "is not a file of a checkpoint's size";
  const note = parseNote(readWhole(disk, path, noteLimitBytes));
  const says = note === null ? null : parseCheckpoint(note.text);
  return note === null || says === null ? "is not a signed checkpoint" : { note, says };
}

/** Records under it; 0 where there is none that can be read. */
export function sizeOf(stored: StoredNote | string | null): number {
  return stored === null || typeof stored === "string" ? 0 : stored.says.size;
}
