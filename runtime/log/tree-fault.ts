// What the tree is held against from outside, and what is found to be wrong with it.
import type { Note } from "./note.ts";

/** What somebody outside keeps of the log: a receipt, or a checkpoint. */
export interface Anchor {
  /** as the user named it */
  readonly name: string;
  readonly size: number;
  readonly root: string;
  /** of a receipt */
  readonly record?: { readonly seq: number; readonly leaf: string };
  /** of a checkpoint */
  readonly signed?: { readonly note: Note; readonly origin: string };
}

export interface TreeFault {
  readonly check: "checkpoint" | "signature" | "tiles" | "pruned" | "against";
  readonly file: string;
  readonly seq: number;
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  readonly message: string;
}
