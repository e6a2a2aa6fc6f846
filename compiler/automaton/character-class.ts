// `[…]`: a set of characters written out. It must never look outside its brackets.

import type { Cursor } from "./cursor.ts";
import { takeCodePointEscape, takeSetEscape } from "./escape.ts";
import { negate, type Ranges, toRanges } from "./ranges.ts";
import { PatternError } from "./syntax.ts";
import { foldCase } from "./unicode.ts";

const POSIX_SETS: ReadonlyMap<string, Ranges> = new Map([
  ["alnum", [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a]],
  ["alpha", [0x41, 0x5a, 0x61, 0x7a]],
  ["ascii", [0x00, 0x7f]],
  ["blank", [0x09, 0x09, 0x20, 0x20]],
  ["cntrl", [0x00, 0x1f, 0x7f, 0x7f]],
  ["digit", [0x30, 0x39]],
  ["graph", [0x21, 0x7e]],
  ["lower", [0x61, 0x7a]],
  ["print", [0x20, 0x7e]],
  ["punct", [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e]],
  ["space", [0x09, 0x0d, 0x20, 0x20]],
  ["upper", [0x41, 0x5a]],
  ["word", [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]],
  ["xdigit", [0x30, 0x39, 0x41, 0x46, 0x61, 0x66]],
]);

/** The class whose `[` is at the cursor. Negation comes after folding, so that `(?i)[^k]` refuses the kelvin sign. */
export function takeClass(cursor: Cursor): Ranges {
  const start = cursor.at;
  cursor.at++;
  const negated = cursor.skip("^");
  const pairs: number[] = [];
  let first = true;
  while (first || !cursor.sees("]")) {
    if (cursor.done) {
      throw new PatternError("`[` is never closed", start, "add `]`, or write `\\[` for the bracket itself");
    }
    first = false;
    const set = takePosix(cursor) ?? takeSetEscape(cursor);
    if (set !== undefined) for (const bound of set) pairs.push(bound);
    else for (const bound of takeRange(cursor)) pairs.push(bound);
  }
  cursor.at++;
  const set = toRanges(pairs);
  return negated ? negate(set) : set;
}

function takePosix(cursor: Cursor): Ranges | undefined {
  const start = cursor.at;
  if (!cursor.sees("[:") || cursor.text.indexOf(":]", start + 2) < 0) return undefined;
  const match = cursor.take(/\[:(\^?)([^\]:]*):\]/y);
  const posix = POSIX_SETS.get(match?.[2] ?? "");
  if (match === null || posix === undefined) {
    const spelled = cursor.text.slice(start, cursor.text.indexOf(":]", start + 2) + 2);
    const help = `the names are ${[...POSIX_SETS.keys()].join(", ")}`;
    throw new PatternError(`unknown class \`${spelled}\``, start, help);
  }
  const set = cursor.flags.ignoreCase ? foldCase(posix) : posix;
  return match[1] === "^" ? negate(set) : set;
}

function takeRange(cursor: Cursor): Ranges {
  const start = cursor.at;
  const lo = takeMember(cursor);
  let hi = lo;
  if (cursor.sees("-") && cursor.text.charAt(cursor.at + 1) !== "]" && cursor.at + 1 < cursor.text.length) {
    cursor.at++;
    hi = takeMember(cursor);
    if (hi < lo) {
      const spelled = cursor.text.slice(start, cursor.at);
      throw new PatternError(`the range \`${spelled}\` runs backwards`, start, "write the smaller character first");
    }
  }
  return cursor.flags.ignoreCase ? foldCase([lo, hi]) : [lo, hi];
}

function takeMember(cursor: Cursor): number {
  return cursor.sees("\\") ? takeCodePointEscape(cursor) : cursor.takeCodePoint();
}
