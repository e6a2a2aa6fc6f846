// A listing taken apart into its items: a line at the margin and the indented ones under it. It understands none of them.
import { ListingFailure } from "./cursor.ts";

/** Longest listing, in characters: that of a policy of 4 MiB is shorter. */
export const listingLimit = 512 * 1024 * 1024;

/** A line without its indentation. */
export interface Line {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

export interface Item extends Line {
  readonly body: readonly Line[];
}

/** Lines that begin with `#` are remarks, how far a line is indented says nothing, empty ones part items. Throws ListingFailure. */
export function itemsOf(text: string): Item[] {
  if (text.length > listingLimit) throw new ListingFailure(1, "a listing is at most 512 Mi characters long");
  const items: (Line & { body: Line[] })[] = [];
  for (const [index, whole] of text.split("\n").entries()) {
    const line = index + 1;
    if (whole === "" || whole.startsWith("#")) continue;
    if (!whole.startsWith("  ")) {
      if (whole.startsWith(" ")) throw new ListingFailure(line, "a line begins at the margin or after two spaces");
      items.push({ text: whole, line, body: [] });
      continue;
    }
    const last = items.at(-1);
    if (last === undefined)
      throw new ListingFailure(line, "an indented line belongs to one before it, and there is none");
    last.body.push({ text: whole.trimStart(), line });
  }
  return items;
}
