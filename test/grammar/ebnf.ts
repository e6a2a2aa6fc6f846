// The grammar as EBNF, written from the productions that the parser itself was built from. Pure: productions and the table
// of tokens in, text out. It must never be edited to say what the parser does not do.
import type { ISerializedGast, TokenType } from "chevrotain";

/** Productions by which the parser names what is no statement; they match nothing. */
const errorProductions = new Set(["stray", "strayTop"]);
/** Columns of a line, beyond which each alternative gets its own. */
const lineColumns = 100;

interface Part {
  readonly type: string;
  readonly name?: string;
  readonly definition?: readonly Part[];
  readonly separator?: Part;
}

/** One rule a line, `name ::= …`: `start`, where a text begins, and what can be reached from it. */
export function ebnf(productions: readonly ISerializedGast[], tokens: readonly TokenType[], start: string): string {
  const rules = new Map((productions as unknown as readonly Part[]).map((rule) => [rule.name ?? "", rule]));
  const signs = new Map(tokens.map((token) => [token.name, signOf(token)]));
  const reached = new Set([start]);
  for (const name of reached) {
    for (const used of namesIn(rules.get(name)?.definition ?? [])) if (!errorProductions.has(used)) reached.add(used);
  }
  return `${[...reached].map((name) => ruleText(rules.get(name) ?? { type: "Rule" }, signs)).join("\n")}\n`;
}

function namesIn(parts: readonly Part[]): string[] {
  return parts.flatMap((part) =>
    part.type === "NonTerminal" ? [part.name ?? ""] : namesIn([...(part.definition ?? [])]),
  );
}

/** The text between the backticks of a token that is always the same sign or word; its name for any other. */
function signOf(token: TokenType): string {
  const sign = /^`([^`]+)`$/.exec(token.LABEL ?? "")?.[1];
  const isClass = ["Terminator", "Separator", "Prefix", "If", "Nil"].includes(token.name);
  return sign === undefined || isClass ? token.name : `"${sign}"`;
}

function ruleText(rule: Part, signs: ReadonlyMap<string, string>): string {
  const parts = rule.definition ?? [];
  const line = `${rule.name} ::= ${sequence(parts, signs)}`;
  const at = parts.findIndex(({ type }) => type === "Alternation");
  const choice = parts[at];
  if (line.length <= lineColumns || choice === undefined) return line;
  const before = [`${rule.name} ::=`, sequence(parts.slice(0, at), signs)].filter((one) => one !== "").join(" ");
  const after = sequence(parts.slice(at + 1), signs);
  const [open, close] = parts.length === 1 ? ["", ""] : [" (", `\n  ) ${after}`.trimEnd()];
  return `${before}${open}\n    ${alternatives(choice, signs).join("\n  | ")}${close}`;
}

function sequence(parts: readonly Part[], signs: ReadonlyMap<string, string>): string {
  return parts
    .map((part) => {
      const one = text(part, signs);
      const isChoice = part.type === "Alternation" && parts.length > 1 && alternatives(part, signs).length > 1;
      return isChoice && !one.startsWith("[") ? `(${one})` : one;
    })
    .filter((one) => one !== "")
    .join(" ");
}

/** What each alternative reads; one that reads nothing, where the list ends, is the empty text. */
function alternatives(part: Part, signs: ReadonlyMap<string, string>): string[] {
  return (part.definition ?? [])
    .filter((one) => one.definition?.length !== 1 || !errorProductions.has(one.definition[0]?.name ?? ""))
    .map((one) => sequence(one.definition ?? [], signs));
}

function text(part: Part, signs: ReadonlyMap<string, string>): string {
  const inner = (): string => sequence(part.definition ?? [], signs);
  const grouped = (): string => (/^(?:"[^"]*"|\w+)$/.test(inner()) ? inner() : `(${inner()})`);
  switch (part.type) {
    case "Terminal":
      return signs.get(part.name ?? "") ?? part.name ?? "";
    case "NonTerminal":
      return part.name ?? "";
    case "Alternation": {
      const all = alternatives(part, signs);
      const some = all.filter((one) => one !== "").join(" | ");
      return some !== "" && all.includes("") ? `[ ${some} ]` : some;
    }
    case "Option":
      return `[ ${inner()} ]`;
    case "Repetition":
      return `${grouped()}*`;
    case "RepetitionMandatory":
      return `${grouped()}+`;
    case "RepetitionWithSeparator":
      return `[ ${grouped()} (${text(part.separator ?? { type: "Terminal" }, signs)} ${grouped()})* ]`;
    default:
      throw new Error(`no EBNF for ${part.type}`);
  }
}

/** Rows of `| token | what it stands for |` for the tokens that are several words, and for classes of tokens. */
export function tokenRows(tokens: readonly TokenType[], words: ReadonlyMap<string, TokenType>): string[] {
  const rows: string[] = [];
  for (const token of tokens) {
    const own = [...words].filter(([, type]) => type === token).map(([word]) => `\`${word}\``);
    if (own.length > 1) rows.push(`| ${token.name} | ${own.join(" ")} |`);
  }
  return rows;
}
