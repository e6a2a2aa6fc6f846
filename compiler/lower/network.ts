// Network matchers to tests of one field: globs become automata, ports comparisons. A list of values means any of them.

import { Op } from "../../vm/shared/isa.ts";
import type { Agent, NetworkMatcher, Value } from "../ast.ts";
import type { GlobOptions } from "../automaton/index.ts";
import { meantValue } from "../names.ts";
import type { Program } from "./program.ts";

export interface MatcherTest {
  readonly op: Op;
  readonly b: number;
  /** Whether the test must be true or false. */
  readonly truth: boolean;
}

const portRange = /^(\d{1,5})\s*-\s*(\d{1,5})$/;

/** As everywhere in the language, letters of ASCII alone have a case. */
const asciiLower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Where the value stands in the request's http part. Header names ignore case, so they are looked up in lower case. */
export function matcherPath(matcher: NetworkMatcher): readonly string[] {
  const key = matcher.key ?? "";
  if (matcher.part === "query") return ["query", key];
  return matcher.part === "header" ? ["headers", asciiLower(key)] : [matcher.part];
}

/** A glob as one test of text. Null when its automaton needs too many states. */
export function globTest(program: Program, text: string, options: GlobOptions): MatcherTest | null {
  if (!/[*?]/.test(text)) {
    const constant = program.string(options.ignoreCase ? asciiLower(text) : text);
    return { op: options.ignoreCase ? Op.EqFolded : Op.EqString, b: constant, truth: true };
  }
  const automaton = program.glob(text, options);
  return automaton === null ? null : { op: Op.Matches, b: automaton, truth: true };
}

/** Alternatives, each a list of tests that must all hold; or why the value fits no test. */
export function matcherTests(
  program: Program,
  agent: Pick<Agent, "vars">,
  matcher: NetworkMatcher,
): readonly (readonly MatcherTest[])[] | { refused: string } {
  const meant = meantValue(agent, matcher.value).value;
  const values = meant.kind === "list" ? meant.items : [meant];
  const alternatives: (readonly MatcherTest[])[] = [];
  for (const value of values) {
    const tests = matcher.part === "port" ? portTests(program, value) : textTests(program, matcher, value);
    if (tests === null) return { refused: `\`${matcher.part}\` does not take this value` };
    alternatives.push(tests);
  }
  return alternatives.length === 0 ? { refused: `\`${matcher.part}\` needs a value` } : alternatives;
}

function portTests(program: Program, value: Value): readonly MatcherTest[] | null {
  if (value.kind === "number") return [{ op: Op.EqNumber, b: program.number(value.value), truth: true }];
  const range = value.kind === "string" || value.kind === "word" ? portRange.exec(value.value) : null;
  if (range === null) return null;
  return [
    { op: Op.LtNumber, b: program.number(Number(range[1])), truth: false },
    { op: Op.LeNumber, b: program.number(Number(range[2])), truth: true },
  ];
}

const globOptions: Record<Exclude<NetworkMatcher["part"], "port">, GlobOptions> = {
  host: { separator: null, ignoreCase: true },
  method: { separator: null, ignoreCase: true },
  path: { separator: "/", ignoreCase: false },
  query: { separator: null, ignoreCase: false },
  header: { separator: null, ignoreCase: false },
};

function textTests(program: Program, matcher: NetworkMatcher, value: Value): readonly MatcherTest[] | null {
  if (matcher.part === "port") return null;
  const text =
    value.kind === "string" || value.kind === "word" ? value.value : value.kind === "number" ? value.text : null;
  if (text === null) return null;
  const test = globTest(program, text, globOptions[matcher.part]);
  return test === null ? null : [test];
}
