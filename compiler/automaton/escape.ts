// What a backslash says, inside a class or outside: one code point, or a set of them.
// It must never take an escape that RE2 refuses: a typo in a rule should be seen, not matched.

import type { Cursor } from "./cursor.ts";
import { MAX_CODE_POINT, negate, type Ranges } from "./ranges.ts";
import { PatternError } from "./syntax.ts";
import { foldCase, propertyRanges } from "./unicode.ts";

const DIGIT: Ranges = [0x30, 0x39];
const SPACE: Ranges = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20];
const WORD: Ranges = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const PERL_SETS: ReadonlyMap<string, Ranges> = new Map([
  ["d", DIGIT],
  ["s", SPACE],
  ["w", WORD],
]);

const CONTROLS: ReadonlyMap<string, number> = new Map([
  ["a", 0x07],
  ["f", 0x0c],
  ["n", 0x0a],
  ["r", 0x0d],
  ["t", 0x09],
  ["v", 0x0b],
]);

/** Escapes of other engines, with words for why they are not here. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["C", "`\\C` is not supported: patterns match whole characters, not bytes"],
  ["Z", "`\\Z` is not supported: write `\\z` or `$` for the end of the text"],
  ["G", "`\\G` is not supported: a pattern is searched once, from the beginning of the text"],
  ["K", "`\\K` is not supported: a pattern only says whether the text matches"],
  ["R", "`\\R` is not supported: write `(?:\\r\\n|\\n|\\r)`"],
  ["X", "`\\X` is not supported: write `.` for one code point"],
  ["h", "`\\h` is not supported: write `[ \\t]`"],
  ["k", "back-references are not supported: patterns run in linear time, and matching an earlier group again does not"],
]);

/** `\d`, `\W`, `\pN`, `\P{Greek}` and their like at the cursor; undefined, nothing taken, where something else stands. */
export function takeSetEscape(cursor: Cursor): Ranges | undefined {
  const letter = cursor.text.charAt(cursor.at + 1);
  if (!cursor.sees("\\")) return undefined;
  if (letter === "p" || letter === "P") return takeProperty(cursor);
  const perl = PERL_SETS.get(letter.toLowerCase());
  if (perl === undefined) return undefined;
  cursor.at += 2;
  const set = cursor.flags.ignoreCase ? foldCase(perl) : perl;
  return letter === letter.toLowerCase() ? set : negate(set);
}

function takeProperty(cursor: Cursor): Ranges {
  const start = cursor.at;
  const match = cursor.take(/\\([pP])(?:\{(\^?)([^}]*)\}|([A-Za-z]))/y);
  if (match === null) {
    throw new PatternError("`\\p` needs a name, as in `\\pL` or `\\p{Greek}`", start);
  }
  const name = match[3] ?? match[4] ?? "";
  const found = propertyRanges(name);
  if (found === undefined) {
    const help = "names are general categories such as `Lu` and scripts such as `Greek`, with that spelling";
    throw new PatternError(`unknown Unicode class \`${match[0]}\``, start, help);
  }
  const set = cursor.flags.ignoreCase ? foldCase(found) : found;
  return (match[1] === "P") !== (match[2] === "^") ? negate(set) : set;
}

/** The one code point that the escape at the cursor stands for. */
export function takeCodePointEscape(cursor: Cursor): number {
  const start = cursor.at;
  cursor.at++;
  if (cursor.done) throw new PatternError("the pattern ends with a lone backslash", start, "write `\\\\` for one");
  const letter = cursor.text.charAt(cursor.at);
  const octal = cursor.take(/0[0-7]{0,2}|[1-7][0-7]{1,2}/y);
  if (octal !== null) return Number.parseInt(octal[0], 8);
  if (letter >= "1" && letter <= "9") {
    const why = "patterns run in linear time, and matching an earlier group again does not";
    throw new PatternError(`back-references such as \`\\${letter}\` are not supported: ${why}`, start);
  }
  if (letter === "x") return takeHex(cursor, start);
  const control = CONTROLS.get(letter);
  const point = cursor.takeCodePoint();
  if (control !== undefined) return control;
  // Punctuation may always be escaped; letters and what lies beyond ASCII are kept free for meanings to come.
  if (point < 0x80 && !/[0-9A-Za-z]/.test(letter)) return point;
  const spelled = cursor.text.slice(start, cursor.at);
  throw new PatternError(ELSEWHERE.get(letter) ?? `unknown escape \`${spelled}\``, start);
}

function takeHex(cursor: Cursor, start: number): number {
  const match = cursor.take(/x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})/y);
  if (match === null) {
    throw new PatternError(
      "`\\x` needs two hexadecimal digits, or `{` digits `}`, as in `\\x7F` or `\\x{10FFFF}`",
      start,
    );
  }
  const point = Number.parseInt(match[1] ?? match[2] ?? "", 16);
  if (point > MAX_CODE_POINT) throw new PatternError(`\`${match[0]}\` is beyond the last character, 10FFFF`, start);
  return point;
}
