// What a prune record says: which records went, what the tree over them is, where they are kept. Data alone; it must never be
// believed before a signed checkpoint stands over it.
import type { Json, JsonObject } from "../json.ts";
import { isHash } from "./merkle.ts";

/** Segments that one prune removes; more go with the next. Keeps the record within an entry's size. */
export const segmentsPerPruneMax = 128;

/** Rotations of keys before the first kept record that a prune record can name, at about 400 bytes each. */
export const rotationsMax = 64;

/** An archive that holds removed records. */
export interface ArchiveName {
  /** within the archives' folder */
  readonly file: string;
  /** of the file's bytes */
  readonly sha256: string;
}

/** The note by which one key named the next, and the seq of its record, which went. */
export interface PrunedRotation {
  readonly seq: number;
  readonly note: string;
}

export interface Pruned {
  /** seq of the first record that stays */
  readonly firstKept: number;
  /** hash of the record before it: the last one that went */
  readonly prev: string;
  /** root of the tree over the records that went, this prune's and those before */
  readonly root: string;
  /** numbers of the first and last segment that went */
  readonly segments: readonly [number, number];
  /** null: nobody kept them */
  readonly archive: readonly ArchiveName[] | null;
  readonly actor: string;
  readonly reason: string;
  /** of all records that went, oldest first: without them no later signature could be judged by the first key */
  readonly rotations: readonly PrunedRotation[];
}

export function pruneBody(pruned: Pruned): JsonObject {
  const { firstKept, prev, root, segments, archive, actor, reason, rotations } = pruned;
  return {
    actor,
    archive: archive === null ? null : archive.map(({ file, sha256 }) => ({ file, sha256 })),
    first_kept: firstKept,
    first_kept_prev: prev,
    reason,
    root,
    rotations: rotations.map(({ note, seq }) => ({ note, seq })),
    segments: [...segments],
    size: firstKept - 1,
  };
}

/** What a record of type prune says; null where it is not what `pruneBody` makes. */
export function prunedOf(value: JsonObject): Pruned | null {
  const { first_kept, first_kept_prev, root, size, actor, reason } = value;
  if (value.type !== "prune" || typeof first_kept !== "number" || !Number.isSafeInteger(first_kept)) return null;
  if (first_kept < 2 || size !== first_kept - 1) return null;
  if (typeof first_kept_prev !== "string" || !isHash(first_kept_prev)) return null;
  if (typeof root !== "string" || !isHash(root)) return null;
  const [first, last] = listOf(value.segments);
  if (typeof first !== "number" || typeof last !== "number") return null;
  return {
    firstKept: first_kept,
    prev: first_kept_prev,
    root,
    segments: [first, last],
    archive: Array.isArray(value.archive) ? value.archive.flatMap(archiveOf) : null,
    actor: typeof actor === "string" ? actor : "",
    reason: typeof reason === "string" ? reason : "",
    rotations: listOf(value.rotations).flatMap(rotationOf),
  };
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function rotationOf(value: Json): PrunedRotation[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const { seq, note } = value as JsonObject;
  return typeof seq === "number" && typeof note === "string" ? [{ seq, note }] : [];
}

function archiveOf(value: Json): ArchiveName[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const { file, sha256 } = value as JsonObject;
  return typeof file === "string" && typeof sha256 === "string" ? [{ file, sha256 }] : [];
}
