// The parser's complaints as findings: a place, the words, and what the author may have meant. One mistake, one message:
// a broken token speaks for itself, and the end of the file is complained of once.
import { EOF, type IRecognitionException, type IToken } from "chevrotain";
import type { Span } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import { limits } from "../limits.ts";
import { LineIndex } from "../lines.ts";
import type { Reading } from "../parser.ts";
import { hasLineEnd } from "../scan.ts";
import {
  Agent,
  Colon,
  Default,
  Effect,
  Equals,
  LCurly,
  RCurly,
  ScanMode,
  type ScannedToken,
  type TokenProblem,
  Unreadable,
} from "../tokens.ts";
import { helpFor, isOutOfPlace, type Mistake } from "./help.ts";

/** Never said: a token among the problems has one. */
const unnamed: TokenProblem = { code: "FMS001", message: "these characters cannot be read" };

/** At most `limits.errorsReported` of each: of broken tokens, and of what the grammar did not expect. */
export function syntaxFindings({ text, complaints, problems }: Reading): Finding[] {
  const findings: Finding[] = [];
  const spoken = new Set<number>();
  let before: ScannedToken | null = null;
  for (const token of problems) {
    spoken.add(token.startOffset);
    const repeats =
      before !== null && token.tokenType === Unreadable && !hasLineEnd(text, before.end, token.startOffset);
    before = token.tokenType === Unreadable ? token : null;
    if (repeats || findings.length >= limits.errorsReported) continue;
    const { code, message, help }: TokenProblem = token.problem ?? unnamed;
    findings.push({ code, message, span: spanOf(token), help });
  }
  /** A block was not closed before the next agent: the end of the file has nothing new to say. */
  let astray = false;
  let unbalanced = false;
  for (const { error, tokens, openBrace } of complaints) {
    const production = error.context.ruleStack.at(-1) ?? "";
    const stray = production === "stray" || production === "strayTop";
    const token = stray ? previousOf(error) : error.token;
    if (token.tokenType === EOF && astray) continue;
    // Once a brace stands wrong, what follows is read in the wrong block: only what is wrong in any block is said.
    if (unbalanced && (stray || token.tokenType === EOF)) continue;
    const brace = token.tokenType === LCurly || token.tokenType === RCurly;
    // A `}` too many closed the block, and what follows stands outside of it.
    const within = error.context.ruleStack.at(-2) ?? "";
    if (stray && within === "topStatement" && isOutOfPlace(token.image)) unbalanced = true;
    if ((stray && brace) || error.message.startsWith("expected `{`")) unbalanced = true;
    const at = Number.isNaN(token.startOffset) ? (tokens.at(-1)?.startOffset ?? 0) : token.startOffset;
    if (spoken.has(at)) continue;
    spoken.add(at);
    const index = tokens.findLastIndex(({ startOffset }) => startOffset === at);
    if (stray && tokens[index]?.tokenType === Agent) astray = true;
    const unfinished = stray ? (takenFromNextLine(tokens, index) ?? unfinishedBefore(tokens, index)) : null;
    if (unfinished !== null) {
      findings.push(unfinished);
      continue;
    }
    const mistake: Mistake = { production, stray, within, tokens, index, message: error.message };
    findings.push(
      token.tokenType === EOF
        ? atTheEnd(error, tokens, openBrace)
        : { code: "FMS002", ...placed(error, token, tokens[index - 1]), ...helpFor(mistake) },
    );
  }
  return oncePerTornLine(findings, problems, text).map((finding) =>
    finding.help === undefined ? withoutHelp(finding) : finding,
  );
}

/** A quote too few turns text into words and words into text: of its line only the first finding is kept. */
function oncePerTornLine(
  findings: readonly Finding[],
  problems: readonly ScannedToken[],
  text: string,
): readonly Finding[] {
  const torn = problems.filter(({ problem }) => problem?.code === "FMS003");
  if (torn.length === 0) return findings;
  const lines = new LineIndex(text);
  const tornLines = new Set(torn.map(({ startOffset }) => lines.at(startOffset).line));
  const said = new Set<number>();
  return findings
    .toSorted((a, b) => a.span.start - b.span.start)
    .filter(({ span }) => {
      const { line } = lines.at(span.start);
      if (!tornLines.has(line)) return true;
      return !said.has(line) && said.add(line);
    });
}

/** What is missing at the end of a line is missing there, not where the next line begins. */
function placed(
  { message }: IRecognitionException,
  token: IToken,
  before: ScannedToken | undefined,
): Pick<Finding, "message" | "span"> {
  const isNext = "startsLine" in token && token.startsLine === true && !message.startsWith("expected `}`");
  if (!isNext || before === undefined || !/^expected .*, found /.test(message)) return { message, span: spanOf(token) };
  return {
    message: `${message.replace(", found", ` after \`${before.image}\`, found`)} on the next line`,
    span: spanOf(before),
  };
}

/** `default` or `max` or `deny` without what belongs to it, on whose next line something could be taken for it. */
function takenFromNextLine(tokens: readonly ScannedToken[], index: number): Finding | null {
  const taken = tokens[index - 1];
  if (taken?.startsLine !== true) return null;
  const sign = tokens[index - 2]?.tokenType;
  const before = tokens[sign === Equals || sign === Colon ? index - 3 : index - 2];
  if (before === undefined || !/^[A-Za-z_]/.test(before.image)) return null;
  const what = lackingBehind(before, taken);
  if (what === null) return null;
  return {
    code: "FMS002",
    message: `\`${before.image}\` has no ${what} on its line, and \`${taken.image}\` on the next is taken for it`,
    span: spanOf(before),
    help: `write the ${what} beside \`${before.image}\`, or remove it`,
  };
}

function lackingBehind(before: ScannedToken, taken: ScannedToken): string | null {
  if (before.tokenType === Default) return "effect";
  if (taken.mode === ScanMode.Pattern) return before.tokenType === Effect ? "tool" : null;
  return taken.mode === ScanMode.Value && before.mode === ScanMode.Plain ? "value" : null;
}

/** `permit a if` and a new rule on the next line: its effect was read as a name, and what follows it is astray. */
function unfinishedBefore(tokens: readonly ScannedToken[], index: number): Finding | null {
  const word = tokens[index - 1];
  const before = tokens[index - 2];
  if (word === undefined || before === undefined || word.tokenType !== Effect || !word.startsLine) return null;
  if (word.mode !== ScanMode.Plain || tokens[index]?.mode !== ScanMode.Plain) return null;
  const message = `expected a value or a name after \`${before.image}\`, found \`${word.image}\` on the next line`;
  return { code: "FMS002", message, span: spanOf(before), help: "finish the condition before the next rule" };
}

/** A mismatch carries the token before it, beneath the typings. */
function previousOf(error: IRecognitionException): IToken {
  return "previousToken" in error ? (error.previousToken as IToken) : error.token;
}

function withoutHelp({ code, message, span, related }: Finding): Finding {
  return related === undefined ? { code, message, span } : { code, message, span, related };
}

function spanOf(token: IToken): Span {
  const start = token.startOffset;
  return { source: 0, start, end: Math.max(start, (token.endOffset ?? start) + 1) };
}

/** The end of the file where something is open: the message stands at the brace that lacks its partner. */
function atTheEnd(error: IRecognitionException, tokens: readonly ScannedToken[], brace: ScannedToken | null): Finding {
  const end = tokens.at(-1);
  const last = tokens.at(-2) ?? end;
  if (last === undefined || end === undefined)
    return { code: "FMS002", message: error.message, span: { source: 0, start: 0, end: 0 } };
  const span = { source: 0, start: last.end, end: last.end };
  if (brace === null || !error.message.startsWith("expected `}`"))
    return { code: "FMS002", message: error.message, span };
  return {
    code: "FMS003",
    message: "the file ends before `}`",
    span,
    help: "close the block with `}`",
    related: [{ message: "opened here", span: spanOf(brace) }],
  };
}
