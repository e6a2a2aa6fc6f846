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

/** Of a table's rows. Fuller, what is not in it is looked for too long. */
const FULL_MAX = 5 / 6;

/**
 * Names in the order of their homes, which leaves none much farther from its own than others; made larger where one lies too far.
 * Null where more than ROWS_PER_NAME_MAX would be needed.
 */
export function exactTable(names: readonly NamedPlan[]): ExactTable | null {
  const hashed = names.map((row) => ({ ...row, hash: fnv1a(utf8.encode(row.text)) }));
  for (let size = 4; size <= Math.max(4, names.length * ROWS_PER_NAME_MAX); size *= 2) {
    if (size * FULL_MAX < names.length) continue;
    const rows = rowsOf(hashed, size);
    if (rows !== null) return { mask: size - 1, rows };
  }
  return null;
}

/** Null where a name lies beyond the reach of a look. */
function rowsOf(names: readonly (NamedPlan & { readonly hash: number })[], size: number): Uint32Array | null {
  const home = ({ hash }: { readonly hash: number }): number => hash & (size - 1);
  const rows = new Uint32Array((size + EXACT_PROBE_LIMIT) * 2);
  let free = 0;
  for (const named of [...names].sort((a, b) => home(a) - home(b))) {
    const row = Math.max(free, home(named));
    if (row >= home(named) + EXACT_PROBE_LIMIT) return null;
    rows[row * 2] = named.name + 1;
    rows[row * 2 + 1] = named.plan;
    free = row + 1;
  }
  return rows;
}

function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
