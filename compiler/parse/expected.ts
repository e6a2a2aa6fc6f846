// chevrotain's complaints in plain words: what was expected and what was found. Only words; places and suggestions are
// added by syntax.ts, which knows the statement.
import { EOF, type IParserErrorMessageProvider, type IToken, type TokenType } from "chevrotain";
import { Never, Text } from "../tokens.ts";

/** What a production wants, where naming single tokens would say less. */
const wanted: Readonly<Record<string, string>> = {
  toolPattern: "a tool pattern",
  patternList: "a tool pattern or a list of them",
  bareName: "a name",
  keyMaterial: "a key such as ed25519:…",
  operand: "a value or a name",
  value: "a value",
  costValue: "a number or the name of an argument",
  window: "`second`, `minute`, `hour`, `day` or a duration",
  alertEvents: "an event or a list of events",
  list: "`,` or `]`",
};

const longestShown = 40;

/** The token in the words of the author. */
export function shown(token: IToken): string {
  if (token.tokenType === EOF || token.tokenType === undefined) return "the end of the file";
  const image = token.image.length > longestShown ? `${token.image.slice(0, longestShown)}…` : token.image;
  return token.tokenType === Text ? `the text ${image}` : `\`${image}\``;
}

function unexpected(token: IToken): string {
  return `unexpected ${shown(token)}`.replace("unexpected the text ", "unexpected text ");
}

function label(type: TokenType): string {
  return type.LABEL ?? type.name;
}

function anyOf(labels: readonly string[]): string {
  const distinct = [...new Set(labels)];
  if (distinct.length < 2) return distinct[0] ?? "something else";
  return `${distinct.slice(0, -1).join(", ")} or ${distinct.at(-1)}`;
}

export const plainWords: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual, previous, ruleName }) => {
    if (expected === Never) return unexpected(previous);
    if (expected === EOF) return unexpected(actual);
    const found = actual.tokenType === EOF ? "the file ends" : `found ${shown(actual)}`;
    const what = expected.name === "RSquare" ? (wanted[ruleName] ?? label(expected)) : label(expected);
    return `expected ${what}, ${found}`;
  },
  buildNotAllInputParsedMessage: ({ firstRedundant }) => unexpected(firstRedundant),
  buildNoViableAltMessage: ({ expectedPathsPerAlt, actual, ruleName }) => {
    const types = expectedPathsPerAlt.flat().map((path) => path[0]);
    const labels = types.flatMap((type) => (type === undefined ? [] : [label(type)]));
    const first = actual[0];
    const found = first === undefined || first.tokenType === EOF ? "the file ends" : `found ${shown(first)}`;
    return `expected ${wanted[ruleName] ?? anyOf(labels)}, ${found}`;
  },
  buildEarlyExitMessage: ({ actual, ruleName }) => {
    const first = actual[0];
    return `expected ${wanted[ruleName] ?? "more"}, found ${first === undefined ? "nothing" : shown(first)}`;
  },
};
