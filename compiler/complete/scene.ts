// What stands around a place of a policy that may be half written: the blocks that are open, the statement that is being
// written, and the names that the text declares or mentions. It reads tokens, not the grammar, so that nothing is too broken.
import { EOF } from "chevrotain";
import { blockKinds } from "../blocks.ts";
import { limits } from "../limits.ts";
import { scanToken } from "../scan.ts";
import * as t from "../tokens.ts";
import { ScanMode, type ScannedToken } from "../tokens.ts";

/** A block that is open at the place: its keyword, `top` outside of all, `unknown` where the brace follows none. */
export interface Scene {
  /** From the outermost to the innermost; the first is always `top`. */
  readonly blocks: readonly string[];
  /** Tokens of the statement up to the place, without the word that is being typed. */
  readonly statement: readonly ScannedToken[];
  /** Where the word that is being typed begins; the place itself where none is. */
  readonly start: number;
  /** The place is inside of a comment or of a text in quotes. */
  readonly isVerbatim: boolean;
  /** The word that is being typed is the first on its line. */
  readonly startsLine: boolean;
  readonly names: Names;
}

/** Names in order of appearance, once each. Variables and selectors are those of the block at the top that holds the place. */
export interface Names {
  readonly variables: readonly string[];
  readonly selectors: readonly string[];
  readonly phases: readonly string[];
  readonly agents: readonly string[];
  readonly packs: readonly string[];
  readonly tools: readonly string[];
  readonly args: readonly string[];
}

const nameless = new Set([
  "rules",
  "runtime",
  "trust",
  "egress",
  "model_policy",
  "session",
  "spawn",
  "completion_gate",
  "enforcement",
  "alert",
  "ambient",
  "delegate",
]);
const named = new Set(["agent", "phase", "pack", "budget", "use", ...Object.keys(blockKinds)]);

/** Tokens of a policy, tools and names in one piece each, as the grammar would ask for them. */
export function tokensOf(text: string): ScannedToken[] {
  const tokens: ScannedToken[] = [];
  let last: ScannedToken | null = null;
  while (tokens.length < limits.yamlTokens) {
    const token: ScannedToken = scanToken(text, last?.end ?? 0, modeAfter(last), last);
    if (token.tokenType === EOF) return tokens;
    tokens.push(token);
    last = token;
  }
  return tokens;
}

const beforePattern = new Set([t.Effect, t.Mandatory, t.RateLimit, t.Redact]);

function modeAfter(last: ScannedToken | null): ScanMode {
  return last !== null && last.mode === ScanMode.Plain && beforePattern.has(last.tokenType)
    ? ScanMode.Pattern
    : ScanMode.Plain;
}

/** `offset` counts UTF-16 code units; beyond the text it is its end. */
export function sceneAt(text: string, offset: number): Scene {
  const at = Math.max(0, Math.min(offset, text.length));
  const tokens = tokensOf(text);
  const before = tokens.filter(({ startOffset }) => startOffset < at);
  const last = before.at(-1);
  const isTyping =
    last !== undefined &&
    last.end >= at &&
    /[\w/*?.-]$/.test(text.slice(last.startOffset, at)) &&
    !/^["'0-9$.*/]/.test(last.image);
  const done = isTyping ? before.slice(0, -1) : before;
  const start = isTyping ? last.startOffset : at;
  const blocks: string[] = ["top"];
  const opened: number[] = [];
  for (const [i, token] of done.entries()) {
    if (token.tokenType === t.LCurly) {
      blocks.push(keywordBefore(done, i));
      opened.push(i);
    } else if (token.tokenType === t.RCurly && blocks.length > 1) {
      blocks.pop();
      opened.pop();
    }
  }
  return {
    blocks,
    statement: statementOf(done, opened.at(-1) ?? -1),
    start,
    isVerbatim: isVerbatim(text, at, last),
    startsLine: /(^|[\n\r{};])[ \t]*$/.test(text.slice(0, start)),
    names: namesIn(text, tokens, at),
  };
}

function isVerbatim(text: string, at: number, last: ScannedToken | undefined): boolean {
  if (last?.tokenType === t.Text && (at < last.end || last.problem !== null)) return true;
  const gap = text.slice(last?.end ?? 0, at);
  return /(#|\/\/)[^\n\r]*$/.test(gap);
}

function keywordBefore(tokens: readonly ScannedToken[], brace: number): string {
  const [one, two] = [tokens[brace - 1]?.image ?? "", tokens[brace - 2]?.image ?? ""];
  if (named.has(two) && !nameless.has(two)) return two;
  if (two === "delegate" || named.has(one) || nameless.has(one)) return two === "delegate" ? two : one;
  // A name of several tokens, `a/b`, stands between the keyword and the brace.
  for (let i = brace - 1; i >= Math.max(0, brace - 8); i--) {
    const token = tokens[i];
    if (token === undefined || token.tokenType === t.LCurly || token.tokenType === t.RCurly) break;
    if (named.has(token.image)) return token.image;
  }
  return "unknown";
}

/** Since the brace, the terminator or the block before the place. */
function statementOf(tokens: readonly ScannedToken[], brace: number): ScannedToken[] {
  let first = brace + 1;
  for (let i = tokens.length - 1; i > brace; i--) {
    const type = tokens[i]?.tokenType;
    if (type === t.Semicolon || type === t.RCurly || type === t.LCurly) {
      first = i + 1;
      break;
    }
  }
  return tokens.slice(first);
}

const unquoted = (image: string): string => image.replace(/^["']|["']$/g, "").replace(/:$/, "");

function namesIn(text: string, tokens: readonly ScannedToken[], at: number): Names {
  const found = { variables: new Set<string>(), selectors: new Set<string>(), phases: new Set<string>(), agents: new Set<string>(), packs: new Set<string>(), tools: new Set<string>(), args: new Set<string>() }; // biome-ignore format: a row
  let depth = 0;
  let [begin, end] = [0, text.length];
  const owned: { readonly kind: "variables" | "selectors" | "phases"; readonly name: string; readonly at: number }[] =
    [];
  for (const [i, token] of tokens.entries()) {
    const next = tokens[i + 1];
    if (token.tokenType === t.LCurly) depth++;
    else if (token.tokenType === t.RCurly) {
      depth = Math.max(0, depth - 1);
      if (depth === 0 && token.end <= at) begin = token.end;
      else if (depth === 0) end = Math.min(end, token.end);
    } else if (next !== undefined && !isTypedAt(next, at)) note(token, next, found, owned);
    if (isTypedAt(token, at)) continue;
    if (token.tokenType === t.Word && isOperandPlace(tokens, i)) found.args.add(token.image);
  }
  for (const { kind, name, at: place } of owned) if (place >= begin && place < end) found[kind].add(name);
  const list = (names: ReadonlySet<string>): string[] => [...names];
  return {
    variables: list(found.variables),
    selectors: list(found.selectors),
    phases: list(found.phases),
    agents: list(found.agents),
    packs: list(found.packs),
    tools: list(found.tools),
    args: list(found.args).filter((name) => !found.variables.has(name) && !found.selectors.has(name)),
  };
}

/** What is being typed is no name yet. */
function isTypedAt(token: ScannedToken, at: number): boolean {
  return token.startOffset <= at && token.end >= at;
}

type Found = Record<"agents" | "packs" | "tools", Set<string>>;
type Owned = { readonly kind: "variables" | "selectors" | "phases"; readonly name: string; readonly at: number };

function note(token: ScannedToken, next: ScannedToken, found: Found, owned: Owned[]): void {
  const name = unquoted(next.image);
  if (next.mode === ScanMode.Pattern || (beforePattern.has(token.tokenType) && next.tokenType === t.Text)) {
    if (/^[\w.:@*?/-]+$/.test(name)) found.tools.add(name);
    return;
  }
  if (next.tokenType !== t.Text && !/^[A-Za-z_]/.test(next.image)) return;
  if (token.tokenType === t.Agent) found.agents.add(name);
  else if (token.tokenType === t.Pack || token.tokenType === t.As) found.packs.add(name);
  else if (token.tokenType === t.Var || token.tokenType === t.Param)
    owned.push({ kind: "variables", name, at: token.startOffset });
  else if (token.image === "selector") owned.push({ kind: "selectors", name, at: token.startOffset });
  else if (token.tokenType === t.Phase) owned.push({ kind: "phases", name, at: token.startOffset });
}

/** A name that a comparison follows is most likely an argument. */
function isOperandPlace(tokens: readonly ScannedToken[], index: number): boolean {
  const next = tokens[index + 1]?.tokenType;
  const isCompared = next === t.OperatorSign || next === t.OperatorWord || next === t.In;
  return isCompared && tokens[index - 1]?.tokenType !== t.Dot && tokens[index]?.mode === ScanMode.Plain;
}
