// The hash table of an agent's tools by their names, as the machine looks them up: linear probing from FNV-1a, never further than
// EXACT_PROBE_LIMIT. Names that somebody chose to have the same hash have no table, and are refused before an image is made.
import { EXACT_PROBE_LIMIT } from "../vm/shared/image.ts";

/** Rows for each name, at most: names that nobody chose fit in two or four. */
const ROWS_PER_NAME_MAX = 64;

export interface NamedPlan {
  /** Index of the name among the strings. */
  readonly name: number;
  readonly plan: number;
  readonly text: string;
}

export interface ExactTable {
  readonly mask: number;
  /** Pairs of name + 1 and plan. */
  readonly rows: Uint32Array;
}

const utf8 = new TextEncoder();

/** At most half full; made larger where a name lies too far from home. Null where more than ROWS_PER_NAME_MAX would be needed. */
export function exactTable(names: readonly NamedPlan[]): ExactTable | null {
  const hashed = names.map((row) => ({ ...row, hash: fnv1a(utf8.encode(row.text)) }));
  for (let size = 4; size <= Math.max(4, names.length * ROWS_PER_NAME_MAX); size *= 2) {
    if (size < names.length * 2) continue;
    const rows = new Uint32Array((size + EXACT_PROBE_LIMIT) * 2);
    if (hashed.every((row) => enter(rows, row, row.hash & (size - 1)))) return { mask: size - 1, rows };
  }
  return null;
}

function enter(rows: Uint32Array, { name, plan }: NamedPlan, home: number): boolean {
  for (let row = home; row < home + EXACT_PROBE_LIMIT; row++) {
    if (rows[row * 2] !== 0) continue;
    rows[row * 2] = name + 1;
    rows[row * 2 + 1] = plan;
    return true;
  }
  return false;
}

function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
