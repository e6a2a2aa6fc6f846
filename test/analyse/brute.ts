// What analysis finds in small policies, held against trying every call that their rules can tell apart: which rules can
// fire, are covered, are needless, or stand behind more lenient ones. Which rule holds is asked of the oracle, who decides of
// the machine and of the oracle; no set of the analysis is used, only the values that it names, beside others.
import { patternsOf, subjectOf } from "../../compiler/analyse/access.ts";
import { clausesOf } from "../../compiler/analyse/clauses.ts";
import { FormulaReader } from "../../compiler/analyse/formula.ts";
import { reasonAbout } from "../../compiler/analyse/index.ts";
import { Patterns } from "../../compiler/analyse/patterns.ts";
import { Places } from "../../compiler/analyse/place.ts";
import { regionsOf } from "../../compiler/analyse/regions.ts";
import type { Sample } from "../../compiler/analyse/sample.ts";
import { toolClasses } from "../../compiler/analyse/tool-classes.ts";
import type { Agent, Rule, Stack } from "../../compiler/ast.ts";
import type { Finding } from "../../compiler/diagnostic.ts";
import { compile } from "../../compiler/index.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import type { EvaluationRequest } from "../../runtime/evaluator/types.ts";
import { Random } from "../generate/random.ts";
import { START_MS } from "../generate/request.ts";
import { truth } from "../oracle/condition.ts";
import { globMatches } from "../oracle/glob.ts";
import type { Call } from "../oracle/name.ts";
import { Oracle } from "../oracle/oracle.ts";
import { argsOf, smallPolicy, toolNames, type Value, valuesAround } from "./small-policy.ts";

export interface BruteTally {
  readonly policies: number;
  readonly calls: number;
  /** By code, as many as analysis and trial found alike. */
  readonly found: { readonly [code: string]: number };
  /** Each with its seed and policy. */
  readonly differences: readonly string[];
}

/** One call: who holds, in the order of asking, and which of them decides. */
interface Tried {
  readonly tool: string;
  readonly holds: readonly Rule[];
}

const codes = ["FMS051", "FMS080", "FMS081", "FMS085"] as const;
const leniency = { permit: 2, defer: 1, deny: 0, "deny!": 0 } as const;
/** Calls of one policy that machine and oracle decide as a whole; conditions are asked about all of them. */
const DECIDED_MAX = 1_000;

const small = { state: "volatile", meterCapacity: 64, arenaBytes: 65_536, requestBytes: 0 } as const;

/** Tries the policies of seeds `firstSeed`, `firstSeed + step`, … */
export function tryAll(policies: number, firstSeed: number, step = 1): BruteTally {
  const found: { [code: string]: number } = {};
  const differences: string[] = [];
  let calls = 0;
  for (let i = 0; i < policies; i++) {
    const seed = firstSeed + i * step;
    const text = smallPolicy(new Random(seed));
    const { image, stack } = compile(text, { file: "p.fms" });
    const agent = stack?.agents[0];
    // A rule that a deny! covers as written is an error already.
    if (image === undefined || stack === undefined || agent === undefined) continue;
    const tried = tryCalls(stack, agent, image, (what) => differences.push(`seed ${seed}: ${what}\n${text}`));
    calls += tried.length;
    const trial = findingsOf(agent, tried);
    const said = reasonAbout(stack);
    for (const one of said) {
      const refuted = one.code === "FMS081" ? refutedExample(one, stack, image) : null;
      if (refuted !== null) differences.push(`seed ${seed}: ${refuted}\n${text}`);
    }
    const lines = new Set(said.map(({ code, span }) => `${code} ${span.start}`));
    for (const one of lines) {
      const [code = ""] = one.split(" ");
      if (trial.has(one)) found[code] = (found[code] ?? 0) + 1;
      else differences.push(`seed ${seed}: analysis alone says ${place(text, one)}\n${text}`);
    }
    for (const one of trial) {
      if (!lines.has(one)) differences.push(`seed ${seed}: trial alone finds ${place(text, one)}\n${text}`);
    }
  }
  return { policies, calls, found, differences };
}

/** The call that a finding shows must be decided by the lenient rule, says the machine and says the oracle. */
function refutedExample({ message, related = [] }: Finding, stack: Stack, image: Uint8Array): string | null {
  const [, tool = "", args = ""] = /: (\S+) (\{.*\})$/.exec(message) ?? [];
  if (args === "") return `no example in \`${message}\``;
  const request = { agent_id: "a", tool_id: tool, args: JSON.parse(args) };
  const index = stack.agents[0]?.rules.findIndex(({ span }) => span.start === related[0]?.span.start);
  const machine = loadPolicySync(image, small);
  const wrong = [machine, new Oracle(stack)].find((engine) => engine.decide(request, { now: START_MS }).rule !== index);
  if (wrong === undefined) return null;
  return `the ${wrong === machine ? "machine" : "oracle"} does not confirm \`${message}\``;
}

function place(text: string, finding: string): string {
  const [code, start] = finding.split(" ");
  return `${code} of line ${text.slice(0, Number(start)).split("\n").length}`;
}

function tryCalls(stack: Stack, agent: Agent, image: Uint8Array, differ: (what: string) => void): Tried[] {
  const strict = stack.runtime?.fields.some(({ name }) => name === "strict_guards") === true;
  const machine = loadPolicySync(image, small);
  const oracle = new Oracle(stack);
  const ordered = [
    ...agent.rules.filter(({ effect }) => effect === "deny!"),
    ...agent.rules.filter(({ effect }) => effect !== "deny!"),
  ];
  const argLists = argumentsOf(stack, agent);
  const stride = Math.max(1, Math.floor((argLists.length * toolNames.length) / DECIDED_MAX));
  const tried: Tried[] = [];
  for (const tool of toolNames) {
    const rules = ordered.filter(({ pattern }) => globMatches(pattern.text, tool));
    for (const args of argLists) {
      const request = { agent_id: "a", tool_id: tool, args } as unknown as EvaluationRequest;
      const call: Call = { agent, request, zone: null, requestUs: 0n, nowUs: 0n, permitted: [], denied: [] };
      const holds = rules.filter((rule) => {
        const answer = rule.condition === null ? true : truth(call, rule.condition);
        return strict && rule.effect !== "permit" ? answer !== false : answer === true;
      });
      tried.push({ tool, holds });
      if (tried.length % stride !== 0) continue;
      const first = holds[0];
      const wanted = first === undefined ? agent.default?.effect : first.effect === "deny!" ? "deny" : first.effect;
      const index = first === undefined ? null : agent.rules.indexOf(first);
      for (const engine of [machine, oracle]) {
        const { effect, rule } = engine.decide(request, { now: START_MS });
        if (effect === wanted && rule === index) continue;
        differ(`${tool} ${JSON.stringify(args)} is ${effect} by ${rule}, not ${wanted} by ${index}`);
      }
    }
  }
  return tried;
}

/** Every pair of values of the two arguments that the policy reads. */
function argumentsOf(stack: Stack, agent: Agent): { readonly [name: string]: Value }[] {
  const named = new Map<string, Map<string, Value>>();
  for (const tools of toolClasses(patternsOf(agent))) {
    const places = new Places();
    const tool = tools.isSingle ? tools.example : null;
    const reader = new FormulaReader(places, { tool, agent: "a", zone: "" }, new Patterns());
    clausesOf(subjectOf(stack, agent), tools, places, reader);
    for (const { holder, domain, tests } of places.ordered()) {
      if (holder.kind !== "args") throw new Error(`a small policy reads ${holder.kind}`);
      const field = holder.path.join(".");
      const values = named.get(field) ?? new Map<string, Value>();
      for (const { sample } of regionsOf(domain, tests)) {
        const value = heldBy(sample);
        values.set(JSON.stringify(value) ?? "", value);
      }
      named.set(field, values);
    }
  }
  const read = [...named.keys()];
  const lists = read.map((field) => {
    const values = new Map(valuesAround.map((value) => [JSON.stringify(value) ?? "", value]));
    for (const [key, value] of named.get(field) ?? []) values.set(key, value);
    return [...values.values()];
  });
  const [first = [undefined], second = [undefined]] = lists;
  const pairs = first.flatMap((x) => second.map((y) => argsOf(read, [x, y])));
  // What lies in x is not there where x is no object.
  const odd = read.includes("x.k") ? [5, "a", null, [], {}].map((x) => ({ x })) : [];
  const distinct = new Map([...pairs, ...odd].map((args) => [JSON.stringify(args), args]));
  return [...distinct.values()];
}

function heldBy(sample: Sample): Value {
  switch (sample.kind) {
    case "bool":
    case "number":
    case "text":
      return sample.value;
    case "list":
      return sample.items.map(heldBy);
    case "object":
      return {};
    case "null":
      return null;
    default:
      return undefined;
  }
}

/** "code start", from what was tried alone. */
function findingsOf(agent: Agent, tried: readonly Tried[]): Set<string> {
  const held = new Set(tried.flatMap(({ holds }) => holds));
  const deciding = new Set(tried.flatMap(({ holds: [first] }) => (first === undefined ? [] : [first])));
  const found = new Set<string>();
  const say = (code: (typeof codes)[number], { span }: Rule): unknown => found.add(`${code} ${span.start}`);
  for (const rule of agent.rules) {
    if (!held.has(rule)) say("FMS080", rule);
    else if (!deciding.has(rule)) say("FMS051", rule);
    else if (isNeedless(rule, tried, deciding)) say("FMS085", rule);
  }
  for (const second of agent.rules) {
    if (agent.rules.some((first) => cuts(first, second, tried))) say("FMS081", second);
  }
  return found;
}

/** Whether rules that fire otherwise, too, would answer all that it decides as it does. */
function isNeedless(rule: Rule, tried: readonly Tried[], deciding: ReadonlySet<Rule>): boolean {
  if (rule.effect === "deny!" || rule.reason !== null) return false;
  return tried.every(({ holds: [first, next] }) => {
    if (first !== rule) return true;
    return next !== undefined && next.effect === rule.effect && deciding.has(next);
  });
}

/** Whether the first is more lenient, takes calls of the second, and each has calls that the other has not. */
function cuts(first: Rule, second: Rule, tried: readonly Tried[]): boolean {
  if (leniency[first.effect] <= leniency[second.effect]) return false;
  const takes = tried.some(({ holds }) => holds[0] === first && holds.includes(second));
  const alone = (one: Rule, other: Rule): boolean =>
    tried.some(({ holds }) => holds.includes(one) && !holds.includes(other));
  return takes && alone(first, second) && alone(second, first);
}
