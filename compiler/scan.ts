// One token at a place of the text, in the mode that the grammar asks for there. Modes are why this is written by hand:
// `/` divides in a condition and separates in a tool pattern, and only the production knows which. Never looks back.
import { EOF, type TokenType } from "chevrotain";
import { limits, utf8Bytes } from "./limits.ts";
import { readQuantity } from "./parse/quantity.ts";
import * as t from "./tokens.ts";
import { ScanMode, type ScannedToken, type TokenProblem } from "./tokens.ts";

interface Scanned {
  readonly type: TokenType;
  readonly end: number;
  readonly problem: TokenProblem | null;
}

const signs: ReadonlyMap<string, TokenType> = new Map([
  ["{", t.LCurly], ["}", t.RCurly], ["[", t.LSquare], ["]", t.RSquare], ["(", t.LParen], [")", t.RParen],
  [",", t.Comma], [";", t.Semicolon], [":", t.Colon], ["=", t.Equals], [".", t.Dot], ["!", t.Bang], ["-", t.Minus],
  ["<", t.OperatorSign], [">", t.OperatorSign], ["+", t.OperatorSign], ["*", t.OperatorSign], ["/", t.OperatorSign],
  ["%", t.OperatorSign],
]); // biome-ignore format: a table
const longSigns = new Set(["==", "!=", "<=", ">=", "=~", "&&", "||"]);

const blank = /[ \t\r\n]*/y;
const lineRest = /[^\r\n]*/y;
const wordAt = /[A-Za-z_][A-Za-z0-9_-]*/y;
const quantityAt = /(?:\$[0-9]?|[0-9])(?:[0-9A-Za-z_]|\.[0-9])*(?:(?<=[0-9][eE])[+-][0-9]+)?/y;
/** Contiguous characters, up to white space and what ends a value. A `#` or `//` inside is part of it. */
const runAt = /[^\s{}[\](),;="']+/y;
/** The same for a value, which may have list positions: `items[].card`, `stripe/refund.items[0].amount`. */
const valueRunAt = /[^\s{}[\](),;="']+(?:\[\d*\](?:[^\s{}[\](),;="']+)?)*/y;
/** Key material such as `ed25519:AbC//d+=`. */
const keyAt = /[^\s{}[\](),;"']+/y;
const runs = { [ScanMode.Pattern]: runAt, [ScanMode.Value]: valueRunAt, [ScanMode.Key]: keyAt };
/** Characters that begin no token, of whatever script: one mistake, however many there are. */
const foreignAt = /[^ -~\s]+/y;
const numberStart = /^-?(?:[0-9]|\$)/;
const wholeWord = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const namedWord = /^[A-Za-z_][A-Za-z0-9_-]*:$/;

/** Where a match that begins at `offset` ends; `offset` itself when there is none. No array is made: this is the hot path. */
function endAt(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.test(text) ? pattern.lastIndex : offset;
}

/** Scans the token that begins at or after `offset`; `previous` is the token before it, or null at the start. */
export function scanToken(text: string, offset: number, mode: ScanMode, previous: ScannedToken | null): ScannedToken {
  const start = skipBlank(text, offset);
  const startsLine = previous === null || hasLineEnd(text, offset, start);
  let scanned = start >= text.length ? { type: EOF, end: start, problem: null } : scanAt(text, start, mode);
  let nesting = previous?.nesting ?? 0;
  let braces = previous?.braces ?? 0;
  if (scanned.type === t.LParen || scanned.type === t.LSquare) nesting++;
  else if (scanned.type === t.RParen || scanned.type === t.RSquare) nesting = Math.max(0, nesting - 1);
  else if (scanned.type === t.LCurly) braces++;
  else if (scanned.type === t.RCurly) {
    braces = Math.max(0, braces - 1);
    nesting = 0;
  }
  const before = previous ?? nothingBefore;
  const operators = mode === ScanMode.Plain ? operatorsAfter(scanned.type, before.operators) : before.operators;
  const commas = commasAfter(scanned.type, before.commas);
  const tooMuch = excess({ nesting, braces, operators, commas });
  if (tooMuch !== null) scanned = { type: EOF, end: text.length, problem: tooMuch };
  return {
    image: scanned.type === EOF ? "" : text.slice(start, scanned.end),
    startOffset: start,
    endOffset: scanned.end - 1,
    end: scanned.end,
    tokenType: scanned.type,
    tokenTypeIdx: scanned.type.tokenTypeIdx ?? 0,
    mode,
    startsLine,
    nesting,
    braces,
    operators,
    commas,
    problem: scanned.problem,
  };
}

function operatorsAfter(type: TokenType, before: number): number {
  if (type === t.OperatorSign || type === t.OperatorWord || type === t.Minus || type === t.Not || type === t.Bang)
    return before + 1;
  return type === t.Effect || type === t.Mandatory || type === t.LCurly || type === t.RCurly ? 0 : before;
}

function commasAfter(type: TokenType, before: number): number {
  if (type === t.Comma) return before + 1;
  return type === t.LSquare || type === t.RSquare || type === t.LCurly || type === t.RCurly ? 0 : before;
}

const nothingBefore = { operators: 0, commas: 0 };

/** What there is too much of for the text to be read on; null when nothing is. */
function excess(open: Pick<ScannedToken, "nesting" | "braces" | "operators" | "commas">): TokenProblem | null {
  if (open.nesting > limits.nestedParentheses) {
    return {
      code: "FMS004",
      message: `more than ${limits.nestedParentheses} parentheses or brackets are open here`,
      help: "split the condition into several rules",
    };
  }
  if (open.braces > limits.nestedBraces)
    return { code: "FMS004", message: `more than ${limits.nestedBraces} braces are open here` };
  if (open.operators > limits.conditionOperatorsRead) {
    return {
      code: "FMS004",
      message: `this condition has more than ${limits.conditionOperatorsRead} operators; at most ${limits.conditionOperators} are allowed`,
      help: "split it into several rules, or compare with a list: `x in [..]`",
    };
  }
  if (open.commas > limits.listMembers)
    return { code: "FMS004", message: `this list has more than ${limits.listMembers} members`, help: "use a pattern" };
  return null;
}

/** Whether a line ends between two offsets. */
export function hasLineEnd(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const c = text.charCodeAt(i);
    if (c === 10 || c === 13) return true;
  }
  return false;
}

/** White space and comments; both begin only where a token could. */
function skipBlank(text: string, from: number): number {
  let at = from;
  for (;;) {
    at = endAt(blank, text, at);
    const c = text.charCodeAt(at);
    if (c !== 35 && !(c === 47 && text.charCodeAt(at + 1) === 47)) return at;
    at = endAt(lineRest, text, at);
  }
}

function scanAt(text: string, start: number, mode: ScanMode): Scanned {
  const c = text[start] ?? "";
  if (c === '"' || c === "'") return scanText(text, start, c);
  if (mode !== ScanMode.Plain) {
    const run = text.slice(start, endAt(runs[mode], text, start));
    if (run !== "") return mode === ScanMode.Value ? valueRun(start, run) : patternRun(text, start, run);
  }
  const end = endAt(wordAt, text, start);
  if (end > start) {
    const word = text.slice(start, end);
    if (word === "deny" && text[end] === "!" && text[end + 1] !== "=")
      return { type: t.Mandatory, end: end + 1, problem: null };
    return { type: t.keywords.get(word) ?? t.Word, end, problem: null };
  }
  const quantity = text.slice(start, endAt(quantityAt, text, start));
  if (quantity !== "") return quantityToken(start, quantity);
  if (longSigns.has(text.slice(start, start + 2))) return { type: t.OperatorSign, end: start + 2, problem: null };
  const type = signs.get(c);
  if (type !== undefined) return { type, end: start + 1, problem: null };
  return unreadable(text, start);
}

function quantityToken(start: number, image: string): Scanned {
  const read = readQuantity(image);
  const problem: TokenProblem | null =
    typeof read === "string" ? { code: "FMS012", message: read, help: unitHelp } : null;
  return { type: t.Quantity, end: start + image.length, problem };
}

const unitHelp = "numbers are written 42, 3.14, 1e3, $500, 500ms, 15m, 1h30m, 7d, 10kb; text is put in quotes";

/** A colon that ends the run belongs to what follows: `rate_limit stripe/*: 3 per hour`. */
function patternRun(text: string, start: number, run: string): Scanned {
  const end = start + run.length;
  const cut = run.length > 1 && run.endsWith(":") && /^(\s|$)/.test(text.slice(end, end + 1));
  return { type: t.Run, end: cut ? end - 1 : end, problem: null };
}

/** `8000-9000`, `127.0.0.1`, `1.4.2`, `2*`: begins like a number and is none, and has a sign that no number's unit has. */
const numberedText = /^\d[\w]*[-.:*?/][\w.:*?/-]*$/;

function valueRun(start: number, run: string): Scanned {
  const end = start + run.length;
  if (numberStart.test(run)) {
    const isText = typeof readQuantity(run) === "string" && numberedText.test(run);
    return isText ? { type: t.Run, end, problem: null } : quantityToken(start, run);
  }
  if (run === ":") return { type: t.Colon, end, problem: null };
  if (wholeWord.test(run)) return { type: t.keywords.get(run) ?? t.Word, end, problem: null };
  // A colon that ends a word separates it from its value: `window: 1h`.
  if (namedWord.test(run)) return { type: t.keywords.get(run.slice(0, -1)) ?? t.Word, end: end - 1, problem: null };
  return { type: t.Run, end, problem: null };
}

/** To the closing quote on the same line; a backslash takes the next character with it. */
function scanText(text: string, start: number, quote: string): Scanned {
  for (let i = start + 1; i < text.length; i++) {
    const c = text[i];
    if (c === "\n" || c === "\r") break;
    if (c === "\\" && text[i + 1] !== "\n" && text[i + 1] !== "\r") i++;
    else if (c === quote) {
      const bytes = i - start > limits.stringBytes / 3 ? utf8Bytes(text.slice(start + 1, i)) : 0;
      return { type: t.Text, end: i + 1, problem: bytes > limits.stringBytes ? longText(bytes) : null };
    }
  }
  const end = endAt(lineRest, text, start);
  return {
    type: t.Text,
    end,
    problem: {
      code: "FMS003",
      message: "the text that begins here is not closed on its line",
      help: `close it with ${quote}`,
    },
  };
}

function longText(bytes: number): TokenProblem {
  return { code: "FMS004", message: `this text has ${bytes} bytes; at most ${limits.stringBytes} are allowed` };
}

function unreadable(text: string, start: number): Scanned {
  const point = text.codePointAt(start) ?? 0;
  const shown = `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
  const printable = point > 0x20 && point < 0x7f;
  const problem: TokenProblem = {
    code: "FMS001",
    message: printable ? `unexpected character \`${text[start]}\`` : `unexpected character ${shown}`,
    help: helpForCharacter(point),
  };
  const end = endAt(foreignAt, text, start);
  return { type: t.Unreadable, end: end > start ? end : start + 1, problem };
}

function helpForCharacter(point: number): string {
  if (point === 0x26) return "write `and` or `&&`";
  if (point === 0x7c) return "write `or` or `||`";
  if (point === 0x201c || point === 0x201d || point === 0x2018 || point === 0x2019)
    return "use straight quotes: \" or '";
  if (point > 0x20 && point < 0x7f) return "text with such signs is put in quotes";
  return "outside of quotes a policy is written in plain ASCII";
}
