// Network matchers of a rule: each holds or does not. A value that is missing or of another kind does not match, whatever
// the effect of the rule and however strict its guards are.
import type { Agent, NetworkMatcher, Value } from "../../compiler/ast.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import { httpValue } from "./http-part.ts";
import type { Call } from "./name.ts";
import { asciiLower } from "./value.ts";

export function networkMatches(call: Call, matcher: NetworkMatcher): boolean {
  const value = matchedValue(call, matcher);
  const meant = variableOr(call.agent, matcher.value);
  const wanted = meant.kind === "list" ? meant.items : [meant];
  return wanted.some((one) => (matcher.part === "port" ? portFits(one, value) : textFits(matcher.part, one, value)));
}

/** The raw value that a matcher looks at. */
export function matchedValue(call: Call, matcher: NetworkMatcher): unknown {
  if (matcher.key === null) return httpValue(call.request, [matcher.part]);
  return httpValue(call.request, [matcher.part === "query" ? "query" : "headers", matcher.key]);
}

/** A bare word that names a variable of the agent stands for its value. */
export function variableOr(agent: Agent, value: Value): Value {
  if (value.kind !== "word") return value;
  const variable = agent.vars.find(({ name }) => value.value === name || value.value === `vars.${name}`);
  return variable?.value ?? value;
}

/** A port of the policy is a number or a range "8000-9000", both ends included; the request's is a number. */
function portFits(wanted: Value, found: unknown): boolean {
  const port = found instanceof JsonNumber ? found.value : found;
  if (typeof port !== "number") return false;
  if (wanted.kind === "number") return port === wanted.value;
  const range = wanted.kind === "string" || wanted.kind === "word" ? /^(\d+)-(\d+)$/.exec(wanted.value) : null;
  return range !== null && Number(range[1]) <= port && port <= Number(range[2]);
}

/** Whether a glob of the policy fits a text, dots and slashes being characters like others. */
export function globFits(wanted: Value, found: unknown, ignoreCase: boolean): boolean {
  const glob = globOf(wanted);
  if (typeof found !== "string" || glob === null) return false;
  return ignoreCase ? runFits([...asciiLower(glob)], [...asciiLower(found)]) : runFits([...glob], [...found]);
}

function textFits(part: NetworkMatcher["part"], wanted: Value, found: unknown): boolean {
  const glob = globOf(wanted);
  if (typeof found !== "string" || glob === null) return false;
  if (part === "path") return glob === "*" || segmentsFit(glob.split("/"), found.split("/"));
  if (part === "host" || part === "method") return runFits([...asciiLower(glob)], [...asciiLower(found)]);
  return runFits([...glob], [...found]);
}

/** A number stands for the text that the author wrote: `query page=2`. */
function globOf(wanted: Value): string | null {
  if (wanted.kind === "number") return wanted.text;
  return wanted.kind === "string" || wanted.kind === "word" ? wanted.value : null;
}

/** `**` as a whole segment stands for any number of segments, at the end for one at least. */
function segmentsFit(glob: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = glob;
  if (first === undefined) return path.length === 0;
  if (first === "**") {
    for (let taken = rest.length === 0 ? 1 : 0; taken <= path.length; taken++) {
      if (segmentsFit(rest, path.slice(taken))) return true;
    }
    return false;
  }
  const [head, ...tail] = path;
  return head !== undefined && runFits([...first], [...head]) && segmentsFit(rest, tail);
}

/** `*` stands for any run of characters, `?` for one; characters are code points. */
function runFits(glob: readonly string[], text: readonly string[]): boolean {
  const [first, ...rest] = glob;
  if (first === undefined) return text.length === 0;
  if (first === "*") return runFits(rest, text) || (text.length > 0 && runFits(glob, text.slice(1)));
  return text.length > 0 && (first === "?" || first === text[0]) && runFits(rest, text.slice(1));
}
