// What to do about a syntax error: the nearest word that could stand there, or the usual mistake that looks like this.
import { blockKinds, fieldWords } from "../blocks.ts";
import { agentWords, clauses, operators, phaseWords, rules, statementWords, topWords } from "../statements.ts";
import { suggest } from "../suggest.ts";
import type { ScannedToken } from "../tokens.ts";
import * as t from "../tokens.ts";

export interface Mistake {
  /** The production that failed and the one it stands in. */
  readonly production: string;
  readonly within: string;
  /** The token is no statement at all. */
  readonly stray: boolean;
  readonly tokens: readonly ScannedToken[];
  readonly index: number;
  /** What the grammar says of it. */
  readonly message: string;
}

const fieldNames: ReadonlySet<string> = new Set(
  (Object.keys(blockKinds) as (keyof typeof blockKinds)[]).flatMap((keyword) => [...fieldWords(keyword)]),
);

/** Words of other languages, and what to write instead. */
const foreign: ReadonlyMap<string, string> = new Map([
  ["unless", "write `if not (…)`"],
  ["else", "a rule has no else; write a second rule below"],
  ["elif", "a rule has no else; write a second rule below"],
  ["where", "a condition begins with `if`"],
  ["then", "leave it out: the effect stands before the tool"],
  ["let", "a variable is declared with `var name = value`"],
  ["const", "a variable is declared with `var name = value`"],
  ["is", "equality is written `==`, presence `x != nil`"],
  ["equals", "equality is written `==`"],
  ["like", 'write `matches "^…"`, `contains` or `starts_with`'],
  ["between", "write `x >= 1 and x <= 5`"],
  ["has", "write `contains`"],
  ["includes", "write `contains`"],
  ["xor", "write `(a and not b) or (b and not a)`"],
  ["USD", "money is written `$500`"],
  ["EUR", "money is written `$500`"],
  ["policy", 'what an agent may do stands in `agent "<id>" { … }`'],
]);

export function helpFor(mistake: Mistake): { help?: string } {
  const help = mistake.stray ? strayHelp(mistake) : expectedHelp(mistake);
  return help === null ? {} : { help };
}

function strayHelp({ tokens, index, within }: Mistake): string | null {
  const token = tokens[index];
  if (token === undefined) return null;
  const word = token.image;
  const usual = foreign.get(word);
  if (usual !== undefined) return usual;
  const inRule = followsRule(tokens, index);
  const own = manifestWords(tokens, index) ?? statementWords[within] ?? [];
  const continued = inRule && !token.startsLine;
  // A word of the language that stands in the wrong place is not another one misspelt.
  const elsewhere = elsewhereHelp(word, within, tokens[index - 1]);
  if (elsewhere !== null) return elsewhere;
  const listed = continued ? commaHelp(tokens, index) : null;
  if (listed !== null) return listed;
  const near = suggest(
    word,
    continued ? [...clauses, ...operators, ...own] : inRule ? [...own, ...clauses, ...operators] : own,
  );
  if (near !== null) return `did you mean \`${near}\`?`;
  return (
    signHelp(token, inRule, tokens[index - 1]) ??
    (continued ? conditionHelp(tokens, index) : null) ??
    misspeltBefore(tokens, index, within) ??
    (token.startsLine && own.includes("permit") && /^[A-Za-z_]/.test(word)
      ? "a rule begins with permit, deny or defer, a block with its keyword"
      : null)
  );
}

/** `manifest grant a to b max 1 approvla`: what may follow on the line of a manifest. */
function manifestWords(tokens: readonly ScannedToken[], index: number): readonly string[] | null {
  if (tokens[index]?.startsLine === true) return null;
  for (let i = index - 1; i >= 0; i--) {
    if (tokens[i]?.tokenType === t.Manifest) return ["approval"];
    if (tokens[i]?.startsLine === true) return null;
  }
  return null;
}

/** A rule stands before the token: nothing but its own tokens lies between its effect and the token. */
function followsRule(tokens: readonly ScannedToken[], index: number): boolean {
  for (let i = index - 1; i >= 0; i--) {
    const type = tokens[i]?.tokenType;
    if (type === t.LCurly || type === t.RCurly || type === t.Semicolon) return false;
    if ((type === t.Effect || type === t.Mandatory) && tokens[i + 1]?.mode === t.ScanMode.Pattern) return true;
  }
  return false;
}

/** A word of an agent at the top level, most likely because a `}` too many closed the agent. */
export function isOutOfPlace(word: string): boolean {
  return agentWords.includes(word) && !topWords.includes(word);
}

function signHelp(token: ScannedToken, inRule: boolean, before: ScannedToken | undefined): string | null {
  if (before?.mode === t.ScanMode.Pattern && /^[*/?]$/.test(token.image))
    return "the characters of a tool pattern stand together, without spaces";
  if (token.tokenType === t.Equals && inRule) return "equality is written `==`";
  if (token.tokenType === t.RCurly) return "nothing is open here; is a `{` missing above?";
  if (token.tokenType === t.LCurly) return "a block begins with its keyword: `rules {`";
  if (token.tokenType === t.Text && inRule) return 'a reason is written `reason "…"`, a comparison needs an operator';
  if (token.tokenType === t.Bang) return "a mandatory deny is written `deny!`, without a space";
  return null;
}

function elsewhereHelp(word: string, within: string, before: ScannedToken | undefined): string | null {
  if (within === "agentStatement" || within === "rulesStatement" || within === "phaseStatement") {
    if (word === "agent") return "agents stand at the top level; is a `}` missing above?";
    if (topWords.includes(word) && !agentWords.includes(word))
      return `\`${word}\` stands at the top level, outside of agents`;
  }
  if (within === "agentStatement" && word === "param") return "a parameter belongs in a pack; write `var name = value`";
  if (within === "packStatement") {
    if (word === "agent") return "agents stand at the top level; is a `}` missing above?";
    if (agentWords.includes(word) || topWords.includes(word)) return `\`${word}\` cannot stand in a pack`;
  }
  if (within === "topStatement" && isOutOfPlace(word) && before?.tokenType === t.RCurly)
    return `\`${word}\` belongs in an agent; is there a \`}\` too many above?`;
  if (within === "topStatement" && (agentWords.includes(word) || word === "args"))
    return `\`${word}\` belongs in an agent: agent "<id>" { … }`;
  if (within === "rulesStatement" && agentWords.includes(word) && !rules.includes(word))
    return `\`${word}\` stands beside \`rules\`, not in it; is a \`}\` missing above?`;
  if (within === "phaseStatement" && agentWords.includes(word) && !phaseWords.includes(word))
    return `\`${word}\` cannot stand in a phase; is a \`}\` missing above?`;
  return null;
}

/** Productions of fields, whose names are words of some block's table. */
const fieldProductions = new Set(["looseField", "budgetField", "runtimeField", "trustField", "alertField"]);

/** `scope a ttll 30m`: a misspelt field was read as one more value, and what follows it is astray. */
function misspeltBefore(tokens: readonly ScannedToken[], index: number, within: string): string | null {
  if (!fieldProductions.has(within)) return null;
  for (let i = index - 1; i >= 0 && tokens[i]?.tokenType !== t.LCurly; i--) {
    const word = tokens[i]?.image ?? "";
    if (fieldNames.has(word)) continue;
    const near = suggest(word, [...fieldNames]);
    if (near !== null) return `did you mean \`${near}\` where it says \`${word}\`?`;
  }
  return null;
}

/** `permit a, b`, `amount < 1,000`. */
function commaHelp(tokens: readonly ScannedToken[], index: number): string | null {
  const before = tokens[index - 2];
  if (tokens[index - 1]?.tokenType !== t.Comma || before === undefined) return null;
  if (before.mode === t.ScanMode.Pattern) return "a rule names one tool or pattern: write one for each";
  return before.tokenType === t.Quantity && /^\d/.test(tokens[index]?.image ?? "")
    ? "numbers are written without commas: `1000`"
    : null;
}

/** `permit t amount < 5`: a condition without its `if`. */
function conditionHelp(tokens: readonly ScannedToken[], index: number): string {
  const before = tokens[index - 1];
  if (before?.mode === t.ScanMode.Pattern) {
    return `a condition begins with \`if\`: \`${tokens[index - 2]?.image} ${before.image} if ${tokens[index]?.image} …\``;
  }
  return "join conditions with `and` or `or`; begin a new rule with its effect";
}

/** Words that fit where the production expected them. */
const expectedWords: Readonly<Record<string, readonly string[]>> = {
  defaultField: ["permit", "deny", "defer"],
  window: ["second", "minute", "hour", "day"],
  rateLimit: ["per"],
  redact: ["args"],
  manifestStatement: ["orchestrator", "grant", "to", "max", "undeclared", "deny", "defer"],
};

function expectedHelp({ production, tokens, index, message }: Mistake): string | null {
  const token = tokens[index];
  if (token === undefined) return null;
  const usual = isInCondition(production) ? foreign.get(token.image) : undefined;
  if (usual !== undefined) return usual;
  const near = suggest(token.image, expectedWords[production] ?? []);
  if (near !== null) return `did you mean \`${near}\`?`;
  if (production === "defaultField") return "write `default deny`";
  const operator =
    isInCondition(production) && message.startsWith("expected `)`") ? suggest(token.image, operators) : null;
  if (operator !== null) return `did you mean \`${operator}\`?`;
  if (production === "plainArguments" && token.tokenType === t.Equals)
    return "only session.sum(…) and session.count(…) take `window=`";
  if (production === "toolPattern") return "the tool stands after the effect: `permit stripe/refund`";
  if (production === "rateLimit" || production === "window") return 'write `rate_limit "search": 10 per minute`';
  if (production === "redact") return 'write `redact stripe/charge args: ["card"]`';
  if (production === "clause") return 'a reason is text in quotes: `reason "…"`';
  if (production === "operand") return listHelp(tokens, index) ?? operandHelp(token, tokens[index - 1]);
  if (production === "budgetBlock") return "write `budget daily { max = $500 }`";
  if (message.startsWith("expected `{`") && (token.tokenType === t.Colon || token.tokenType === t.Equals))
    return "a block is its keyword, its name if it has one, and `{`";
  const keyword = tokens[index - 1]?.image;
  if (production === "bareName" && token.tokenType === t.LCurly && keyword !== undefined)
    return `give it a name: \`${keyword} "${keyword === "budget" ? "daily" : "name"}" {\``;
  if (token.tokenType === t.LCurly || token.tokenType === t.RCurly) return null;
  if (production === "bareName") return "give the block a name, then `{`";
  return null;
}

function isInCondition(production: string): boolean {
  return ["operand", "plainArguments", "expression"].includes(production);
}

/** `x in ("a", "b")`. */
function listHelp(tokens: readonly ScannedToken[], index: number): string | null {
  if (tokens[index]?.tokenType !== t.Comma) return null;
  const open = tokens.slice(0, index).findLastIndex(({ tokenType }) => tokenType === t.LParen);
  return tokens[open - 1]?.tokenType === t.In ? 'a list stands in brackets: `in ["a", "b"]`' : null;
}

function operandHelp(token: ScannedToken, before: ScannedToken | undefined): string | null {
  if (token.tokenType === t.Equals && before !== undefined && /^[=!<>]/.test(before.image))
    return "comparisons are `==`, `!=`, `<`, `<=`, `>`, `>=`";
  if (before !== undefined && before.tokenType === t.If) return "write a condition after `if`: `if amount < 500`";
  return null;
}
