// Calls by chance: requests over the same few names as the policies, sometimes malformed, at times that mostly go on.

import { JsonNumber } from "../../runtime/evaluator/number.ts";
import type { EvaluationOptions, EvaluationRequest, RequestValue } from "../../runtime/evaluator/types.ts";
import type { Random } from "./random.ts";
import {
  agentIds,
  ambientCounters,
  models,
  numbers,
  purposes,
  sessions,
  strings,
  toolName,
  tools,
  urls,
  workflowNames,
} from "./words.ts";

export interface CallDraft {
  /** What is done to the call's session first. */
  readonly session?: "open" | "close" | "reset" | undefined;
  /** The workflow phase to which the call's session is moved first. */
  readonly move?: string | undefined;
  readonly request: EvaluationRequest;
  readonly options: EvaluationOptions;
}

/** Sunday, 28 February 2024, 23:59:30 UTC less ten minutes, so that days, months and hours change early. */
export const START_MS = 1_709_164_170_000;

/** Steps of a busy quarter of an hour, and of days gone by. */
const stepsMs = {
  slow: [0, 0, 0, 0.001, 1, 250, 1_000, 1_000.5, 7_000, 30_000],
  fast: [1, 1_000.5, 60_000, 600_000, 3_600_000, 21_600_000, 86_400_000],
} as const;

/** A sequence of calls; `clock` says whether its time may also go back, `networked` that most speak of hosts and the like. */
export function callDrafts(
  random: Random,
  count: number,
  clock: "forward" | "unsteady",
  networked: boolean,
  start = START_MS,
): CallDraft[] {
  let now = start;
  const hasty = random.oneIn(3);
  return Array.from({ length: count }, () => {
    if (random.oneIn(2)) now += random.pick(hasty || random.oneIn(30) ? stepsMs.fast : stepsMs.slow);
    const back = clock === "unsteady" && random.oneIn(6) ? random.pick([0.001, 1_000, 60_000, 86_400_000]) : 0;
    const move = random.oneIn(12) ? random.pick([...workflowNames, "none"] as [string, ...string[]]) : undefined;
    const session = random.oneIn(20) ? random.pick(["open", "close", "reset"] as const) : undefined;
    return {
      ...(session === undefined ? {} : { session }),
      ...(move === undefined ? {} : { move }),
      request: requestDraft(random, networked),
      options: optionsDraft(random, now - back),
    };
  });
}

function optionsDraft(random: Random, now: number): EvaluationOptions {
  const causes = [
    "default",
    "budget:daily",
    "budget:session",
    "budget:pay",
    "budget:in-one",
    "selector:acc",
    "selector:risk",
    ...ambientCounters.map((name) => `budget:ambient.${name}`),
    ...Array.from({ length: 12 }, (_, i) => `rule:${i}`),
  ];
  const approved = random.oneIn(5) ? causes.filter(() => random.oneIn(2)) : undefined;
  return approved === undefined ? { now } : { now, approved };
}

function requestDraft(random: Random, networked: boolean): EvaluationRequest {
  const http = random.oneIn(networked ? 2 : 4) ? httpDraft(random) : undefined;
  return {
    agent_id: random.oneIn(60) ? random.pick(["", "a".repeat(257), "é".repeat(129)]) : random.pick(agentIds),
    tool_id: toolDraft(random),
    args: { ...argsDraft(random), ...(random.oneIn(networked ? 2 : 4) ? networkArgs(random) : {}) },
    ...(random.oneIn(3) ? { session_id: random.pick(sessions) } : {}),
    ...(random.oneIn(3) ? { selectors: selectorsDraft(random) } : {}),
    ...(random.oneIn(3) ? { action_type: random.pick(["tool_call", "a", "model_call"]) } : {}),
    ...(random.oneIn(3) ? { model: modelDraft(random) } : {}),
    ...(random.oneIn(3) ? { purpose: random.pick([...purposes, "BILLING"] as [string, ...string[]]) } : {}),
    ...(random.oneIn(3) ? { principal: { role: anyValue(random), groups: listValue(random) } } : {}),
    ...(random.oneIn(3) ? { delegation: { depth: random.pick(numbers) } } : {}),
    ...(random.oneIn(3) ? { cost_usd: random.pick([0, 0.1, 0.29, 1, 1.1, 2.007, 2.5, 0.0000011]) } : {}),
    ...(http === undefined ? {} : { http }),
  };
}

/** Mostly text; the machine's host may be handed anything. */
function modelDraft(random: Random): string {
  if (random.oneIn(12)) return anyValue(random) as string;
  return random.oneIn(3) ? random.pick(strings) : random.pick(models);
}

function selectorsDraft(random: Random): { [id: string]: RequestValue } {
  return {
    ...(random.oneIn(3) ? {} : { acc: anyValue(random) }),
    ...(random.oneIn(3) ? {} : { risk: random.oneIn(2) ? random.pick(numbers) : anyValue(random) }),
  };
}

function toolDraft(random: Random): string {
  if (random.oneIn(40)) return random.pick(["", "/t", "a//b", "..", "a/.", "é", "t ", "a/*", "a".repeat(257)]);
  return random.oneIn(6) ? toolName(random) : random.pick(tools);
}

function httpDraft(random: Random): NonNullable<EvaluationRequest["http"]> {
  return {
    ...(random.oneIn(2) ? { host: random.oneIn(2) ? random.pick(strings) : random.pick(hosts) } : {}),
    ...(random.oneIn(2) ? { port: random.pick(ports) } : {}),
    ...(random.oneIn(2) ? { method: random.pick(methods) } : {}),
    ...(random.oneIn(2) ? { path: random.pick(paths) } : {}),
    ...(random.oneIn(2) ? { query: queryDraft(random) } : {}),
    ...(random.oneIn(2) ? { headers: headersDraft(random) } : {}),
  };
}

const ports = [443, 80, 1, 8080, 8000, 9000, 9000.5, -1] as const;
const hosts = ["x.b.c", "X.B.C", "a.b", "[::1]", "b", "xb.c"] as const;
const methods = ["GET", "get", "POST", "Put", "SET", ""] as const;
const paths = ["a", "/a", "a/b", "/", "/a/b", "/a/", "/a//b", "/A", "/b/b/b", "/ab/b", ""] as const;

function queryDraft(random: Random): { [key: string]: RequestValue } {
  return { q: anyValue(random), ...(random.oneIn(3) ? { k: random.pick(strings) } : {}) };
}

/** Names in several cases, now and then two that differ by nothing else. */
function headersDraft(random: Random): { [key: string]: RequestValue } {
  const names = random.list(1, 3, () => random.pick(["h", "H", "x-a", "X-A", "h"]));
  return Object.fromEntries(names.map((name) => [name, random.oneIn(3) ? anyValue(random) : random.pick(strings)]));
}

function argsDraft(random: Random): { [key: string]: RequestValue } {
  const args: { [key: string]: RequestValue } = {};
  for (const name of ["x", "y", "z"]) if (!random.oneIn(5)) args[name] = anyValue(random);
  if (random.oneIn(2))
    args.amount = random.oneIn(5)
      ? anyValue(random)
      : random.pick([0, 0.1, 0.29, 1, 0.0000011, 0.3, 1.1, 2.007, 0.000123]);
  if (random.oneIn(2))
    args.a = random.oneIn(4) ? anyValue(random) : { b: random.oneIn(2) ? anyValue(random) : { c: anyValue(random) } };
  if (random.oneIn(2)) args.list = random.oneIn(6) ? anyValue(random) : listValue(random);
  if (random.oneIn(3)) args.items = [{ k: anyValue(random) }, { k: anyValue(random) }];
  if (random.oneIn(3)) args.recipients = random.oneIn(4) ? anyValue(random) : listValue(random);
  if (random.oneIn(3)) args.mail = { recipients: random.oneIn(4) ? anyValue(random) : listValue(random) };
  if (random.oneIn(6)) args.reason = anyValue(random);
  return args;
}

/** Arguments that stand in for an http part. A URL is often alone, since what stands beside it comes first. */
function networkArgs(random: Random): { [key: string]: RequestValue } {
  const url: { [key: string]: RequestValue } = random.oneIn(2)
    ? { url: random.oneIn(8) ? anyValue(random) : random.pick(urls) }
    : {};
  if (random.oneIn(2)) return url;
  return {
    ...url,
    ...(random.oneIn(3) ? { host: random.oneIn(3) ? anyValue(random) : random.pick(hosts) } : {}),
    ...(random.oneIn(3) ? { port: random.oneIn(3) ? anyValue(random) : random.pick(ports) } : {}),
    ...(random.oneIn(3) ? { method: random.oneIn(3) ? anyValue(random) : random.pick(methods) } : {}),
    ...(random.oneIn(3) ? { path: random.oneIn(3) ? anyValue(random) : random.pick(paths) } : {}),
    ...(random.oneIn(3) ? { query: random.oneIn(8) ? anyValue(random) : queryDraft(random) } : {}),
    ...(random.oneIn(3) ? { headers: random.oneIn(8) ? anyValue(random) : headersDraft(random) } : {}),
  };
}

function listValue(random: Random): RequestValue[] {
  return random.list(0, 3, () => anyValue(random));
}

function anyValue(random: Random): RequestValue {
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return random.pick(numbers);
    case 4:
    case 5:
    case 6:
    case 7:
      return random.pick(strings);
    case 8:
      return random.oneIn(2);
    case 9:
      return random.pick([null, true, 1]);
    case 10:
      return [random.pick(strings), random.pick(numbers)];
    default:
      return random.oneIn(4) ? oddValue(random) : { k: random.pick(strings) };
  }
}

/** What cannot be judged exactly, and numbers that come with the text they had. */
function oddValue(random: Random): RequestValue {
  return random.pick<RequestValue>([
    9007199254740992,
    1e300,
    -9007199254740992,
    "\ud800",
    new JsonNumber("1.0", 1, true),
    new JsonNumber("9007199254740993", 9007199254740992, false),
    JSON.parse('{"__proto__": 1, "b": 2}'),
  ]);
}
