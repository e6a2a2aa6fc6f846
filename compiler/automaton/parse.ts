// Regular expression text → Pattern, in RE2's syntax (https://github.com/google/re2/wiki/Syntax).
// Laziness and captures are read and forgotten: they choose among matches, and only existence is asked for here.
// It must never accept what a linear-time machine cannot run.

import { takeClass } from "./character-class.ts";
import { Cursor, type Flags } from "./cursor.ts";
import { takeCodePointEscape, takeSetEscape } from "./escape.ts";
import { NESTING_LIMIT, REGEX_LENGTH_LIMIT, REPEAT_LIMIT } from "./limits.ts";
import { EVERYTHING, type Ranges } from "./ranges.ts";
import { type Assertion, choice, EMPTY, type Pattern, PatternError, sequence } from "./syntax.ts";
import { foldCase } from "./unicode.ts";

const ALL_BUT_NEWLINE: Ranges = [0, 0x09, 0x0b, 0x10ffff];

const ASSERTION_ESCAPES: ReadonlyMap<string, Assertion> = new Map([
  ["\\A", "beginText"],
  ["\\z", "endText"],
  ["\\b", "wordBoundary"],
  ["\\B", "notWordBoundary"],
]);

const LINEAR = "patterns run in linear time whatever the text, and this construct does not";
/** Openings of groups that other engines have, longest first where one begins another. */
const GROUPS_ELSEWHERE: readonly (readonly [opening: string, message: string])[] = [
  ["(?=", `look-ahead is not supported: ${LINEAR}`],
  ["(?!", `negative look-ahead is not supported: ${LINEAR}`],
  ["(?<=", `look-behind is not supported: ${LINEAR}`],
  ["(?<!", `negative look-behind is not supported: ${LINEAR}`],
  ["(?P=", `back-references are not supported: ${LINEAR}`],
  ["(?P>", "calls of another group are not supported: write the group's content again"],
  ["(?>", "atomic groups are not supported: write `(?:…)`, nothing is ever retried"],
  ["(?#", "comments are not supported in patterns: write them in the policy"],
  ["(?(", `conditional groups are not supported: ${LINEAR}`],
  ["(?|", "branch reset groups are not supported: write `(?:…)`"],
];

/** What stands to the left, for a repetition to apply to. */
type Left = "nothing" | "item" | "repeated";

/** The tree of a pattern. Throws PatternError where it is not one, or is longer or deeper than the limits. */
export function parsePattern(text: string): Pattern {
  if (text.length > REGEX_LENGTH_LIMIT) {
    throw new PatternError(`the pattern is longer than ${REGEX_LENGTH_LIMIT} characters`, REGEX_LENGTH_LIMIT);
  }
  const parser = new Parser(text);
  const pattern = parser.parseChoice();
  parser.expectEnd();
  return pattern;
}

class Parser {
  private readonly cursor: Cursor;
  private readonly groupNames = new Set<string>();
  private depth = 0;

  constructor(text: string) {
    this.cursor = new Cursor(text);
  }

  parseChoice(): Pattern {
    const parts = [this.parseSequence()];
    while (this.cursor.skip("|")) parts.push(this.parseSequence());
    return choice(parts);
  }

  expectEnd(): void {
    if (this.cursor.done) return;
    const help = "remove it, or write `\\)` for the parenthesis itself";
    throw new PatternError("`)` closes nothing", this.cursor.at, help);
  }

  private parseSequence(): Pattern {
    const parts: Pattern[] = [];
    let left: Left = "nothing";
    while (!this.cursor.done && !this.cursor.sees("|") && !this.cursor.sees(")")) {
      const start = this.cursor.at;
      const counts = this.takeRepetition();
      if (counts !== undefined) {
        if (left !== "item") throw this.misplacedRepetition(start, left);
        const [min, max] = counts;
        const repeat: Pattern = { kind: "repeat", body: parts.pop() ?? EMPTY, min, max };
        requireModestCounts(repeat, REPEAT_LIMIT, start);
        parts.push(repeat);
        left = "repeated";
      } else if (this.cursor.skip("\\Q")) {
        left = this.parseQuoted(parts) ? "item" : left;
      } else {
        const item = this.parseItem();
        left = item === undefined ? "nothing" : "item";
        if (item !== undefined) parts.push(item);
      }
    }
    return sequence(parts);
  }

  /** `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`, lazy or not, as counts; braces that are none of these are plain text. */
  private takeRepetition(): [min: number, max: number | undefined] | undefined {
    const start = this.cursor.at;
    const match = this.cursor.take(/(?:([*+?])|\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\})\??/y);
    if (match === null) return undefined;
    if (match[1] !== undefined) return [match[1] === "+" ? 1 : 0, match[1] === "?" ? 1 : undefined];
    const min = Number(match[2]);
    const max = match[3] === undefined ? min : match[4] === undefined ? undefined : Number(match[4]);
    if (max !== undefined && max < min) {
      throw new PatternError(`\`${match[0]}\` asks for at least ${match[2]} and at most ${match[4]}`, start);
    }
    if (Math.max(min, max ?? 0) > REPEAT_LIMIT) {
      throw new PatternError(`\`${match[0]}\` repeats more than ${REPEAT_LIMIT} times`, start);
    }
    return [min, max];
  }

  private misplacedRepetition(start: number, left: Left): PatternError {
    const spelled = this.cursor.text.slice(start, this.cursor.at);
    if (left === "nothing") {
      const help = `write \`\\${spelled.charAt(0)}\` for the character itself`;
      return new PatternError(`\`${spelled}\` has nothing before it to repeat`, start, help);
    }
    if (spelled.startsWith("+")) {
      return new PatternError(
        "possessive repetition is not supported: nothing is ever retried, leave out the `+`",
        start,
      );
    }
    const help = "group the inner one: `(?:a*){2}`";
    return new PatternError(`\`${spelled}\` repeats a repetition`, start, help);
  }

  private parseQuoted(parts: Pattern[]): boolean {
    const end = this.cursor.text.indexOf("\\E", this.cursor.at);
    const stop = end < 0 ? this.cursor.text.length : end;
    const some = stop > this.cursor.at;
    while (this.cursor.at < stop) parts.push(this.literal(this.cursor.takeCodePoint()));
    this.cursor.skip("\\E");
    return some;
  }

  /** One thing that can be repeated; undefined where only flags were set. */
  private parseItem(): Pattern | undefined {
    const { cursor } = this;
    const { multiLine, dotAll } = cursor.flags;
    if (cursor.sees("(")) return this.parseGroup();
    if (cursor.sees("[")) return { kind: "character", set: takeClass(cursor) };
    if (cursor.skip(".")) return { kind: "character", set: dotAll ? EVERYTHING : ALL_BUT_NEWLINE };
    if (cursor.skip("^")) return { kind: "assertion", assertion: multiLine ? "beginLine" : "beginText" };
    if (cursor.skip("$")) return { kind: "assertion", assertion: multiLine ? "endLine" : "endText" };
    if (!cursor.sees("\\")) return this.literal(cursor.takeCodePoint());
    const assertion = ASSERTION_ESCAPES.get(cursor.text.slice(cursor.at, cursor.at + 2));
    if (assertion !== undefined) {
      cursor.at += 2;
      return { kind: "assertion", assertion };
    }
    const set = takeSetEscape(cursor);
    return set !== undefined ? { kind: "character", set } : this.literal(takeCodePointEscape(cursor));
  }

  private literal(point: number): Pattern {
    return { kind: "character", set: this.cursor.flags.ignoreCase ? foldCase([point, point]) : [point, point] };
  }

  private parseGroup(): Pattern | undefined {
    const { cursor } = this;
    const start = cursor.at;
    const outer = cursor.flags;
    if (this.takeOpening(start) === "flags") return undefined;
    this.depth++;
    if (this.depth > NESTING_LIMIT) {
      throw new PatternError(`groups are nested more than ${NESTING_LIMIT} deep`, start);
    }
    const body = this.parseChoice();
    if (!cursor.skip(")")) {
      throw new PatternError("`(` is never closed", start, "add `)`, or write `\\(` for the parenthesis itself");
    }
    this.depth--;
    cursor.flags = outer;
    return body;
  }

  /** Steps over `(`, `(?:`, `(?P<name>`, `(?i:`, `(?i)`; the last is complete and only changes the flags. */
  private takeOpening(start: number): "group" | "flags" {
    const { cursor } = this;
    if (cursor.text.charAt(start + 1) !== "?") {
      cursor.at++;
      return "group";
    }
    for (const [opening, message] of GROUPS_ELSEWHERE) {
      if (cursor.sees(opening)) throw new PatternError(message, start);
    }
    if (cursor.sees("(?<") || cursor.sees("(?P<")) {
      this.takeName(start);
      return "group";
    }
    const match = cursor.take(/\(\?([imsU]*)(?:-([imsU]+))?([:)])/y);
    if (match === null) {
      const spelled = cursor.text.slice(start).match(/^\(\?[A-Za-z-]*[^A-Za-z-]?/)?.[0] ?? "(?";
      throw new PatternError(`unknown group \`${spelled}\``, start, "the flags are `i`, `m`, `s` and `U`");
    }
    cursor.flags = withFlags(withFlags(cursor.flags, match[1] ?? "", true), match[2] ?? "", false);
    return match[3] === ":" ? "group" : "flags";
  }

  private takeName(start: number): void {
    const match = this.cursor.take(/\(\?P?<([A-Za-z0-9_]+)>/y);
    const name = match?.[1];
    if (name === undefined) {
      throw new PatternError("a group's name is letters, digits and `_` between `<` and `>`", start);
    }
    if (this.groupNames.has(name)) throw new PatternError(`two groups are named \`${name}\``, start);
    this.groupNames.add(name);
  }
}

/** `U` swaps greedy and lazy, which existence cannot tell apart. */
function withFlags(flags: Flags, letters: string, value: boolean): Flags {
  return {
    ignoreCase: letters.includes("i") ? value : flags.ignoreCase,
    multiLine: letters.includes("m") ? value : flags.multiLine,
    dotAll: letters.includes("s") ? value : flags.dotAll,
  };
}

/** Refuses `(a{100}){100}`: written out, nested counts multiply. `budget` is what the counts around have left over. */
function requireModestCounts(pattern: Pattern, budget: number, offset: number): void {
  if (pattern.kind === "repeat") {
    const count = Math.max(pattern.max ?? pattern.min, 1);
    if (count > budget) {
      const help = "make the counts smaller, or replace one of them by `*` or `+`";
      throw new PatternError(`nested counts multiply to more than ${REPEAT_LIMIT} repetitions`, offset, help);
    }
    requireModestCounts(pattern.body, budget / count, offset);
  } else if (pattern.kind === "sequence" || pattern.kind === "choice") {
    for (const part of pattern.parts) requireModestCounts(part, budget, offset);
  }
}
