// Globs → Pattern. `*`, `?` and `**` are all there is: every other character, backslash and brackets too, is itself.
// It must never be more generous across separators than the table of the README says.

import { REGEX_LENGTH_LIMIT } from "./limits.ts";
import { EVERYTHING, negate, type Ranges, toRanges } from "./ranges.ts";
import { EMPTY, type Pattern, PatternError, sequence } from "./syntax.ts";

export interface GlobOptions {
  /** "/" keeps `*` and `?` inside one segment; null has no segments at all */
  readonly separator: "/" | null;
  /** letters of ASCII only: a Kelvin sign in a host name is not a `k` */
  readonly ignoreCase: boolean;
}

const SLASH: Ranges = [0x2f, 0x2f];
const ANY_BYTES: Pattern = { kind: "repeat", body: { kind: "byte", set: [0, 0xff] }, min: 0, max: undefined };
const SEGMENT_BYTES: Pattern = {
  kind: "repeat",
  body: { kind: "byte", set: [0, 0x2e, 0x30, 0xff] },
  min: 0,
  max: undefined,
};
const SEPARATOR: Pattern = { kind: "character", set: SLASH };
const SEGMENTS_BEFORE: Pattern = {
  kind: "repeat",
  body: sequence([SEGMENT_BYTES, SEPARATOR]),
  min: 0,
  max: undefined,
};

/** The tree of a glob, to be matched against a whole text. Throws PatternError where it is too long or not Unicode. */
export function parseGlob(glob: string, options: GlobOptions): Pattern {
  if (glob.length > REGEX_LENGTH_LIMIT) {
    throw new PatternError(`the pattern is longer than ${REGEX_LENGTH_LIMIT} characters`, REGEX_LENGTH_LIMIT);
  }
  const half = glob.search(/\p{Surrogate}/u);
  if (half >= 0) throw new PatternError("half of a surrogate pair stands in the pattern and can never match", half);
  if (/^\*+$/.test(glob) && glob.length <= 2) return ANY_BYTES;
  if (options.separator === null) return parseSegment(glob, ANY_BYTES, EVERYTHING, options.ignoreCase);
  const segments = glob.split("/");
  const parts: Pattern[] = [];
  segments.forEach((segment, i) => {
    const last = i === segments.length - 1;
    if (segment === "**") {
      // At the end it stands for one segment or more, elsewhere for none or more, each with its separator.
      parts.push(last ? ANY_BYTES : SEGMENTS_BEFORE);
      return;
    }
    parts.push(parseSegment(segment, SEGMENT_BYTES, negate(SLASH), options.ignoreCase));
    if (!last) parts.push(SEPARATOR);
  });
  return sequence(parts);
}

function parseSegment(segment: string, run: Pattern, one: Ranges, ignoreCase: boolean): Pattern {
  const parts: Pattern[] = [];
  for (const character of segment) {
    if (character === "*") {
      if (parts.at(-1) !== run) parts.push(run);
    } else if (character === "?") parts.push({ kind: "character", set: one });
    else parts.push({ kind: "character", set: spellings(character, ignoreCase) });
  }
  return parts.length === 0 ? EMPTY : sequence(parts);
}

function spellings(character: string, ignoreCase: boolean): Ranges {
  const point = character.codePointAt(0) as number;
  if (!ignoreCase || !/^[A-Za-z]$/.test(character)) return [point, point];
  return toRanges([point & ~0x20, point & ~0x20, point | 0x20, point | 0x20]);
}

/** How much a glob can multiply states when joined with others: wild parts that literal text still follows. */
export function wildness(glob: string): number {
  return (glob.replace(/\*+$/, "").match(/\*+|\?/g) ?? []).length;
}
