// "What would change it": the smallest change of a call that its policy permits. What is told was judged by the machine; over made
// policies it is held to a search of every call of a small world, and over the conformance data to the machine alone.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Alternative, alternativeOf } from "../../cli/alternative.ts";
import { compile } from "../../compiler/index.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import type { EvaluationRequest, Policy } from "../../runtime/evaluator/types.ts";
import type { ActivePolicy } from "../../runtime/policy.ts";
import { caseSets } from "../conformance/sets.ts";

/** Null for a text that is no policy. */
function policyOf(text: string, file = "policy.fms"): Policy | null {
  const { image } = compile(text, { file });
  return image === undefined
    ? null
    : loadPolicySync(image, { state: "volatile", meterCapacity: 64, arenaBytes: 16_384, requestBytes: 0 });
}

function certainPolicy(text: string): Policy {
  const policy = policyOf(text);
  if (policy === null) throw new Error(`no policy: ${text}`);
  return policy;
}

function toldOf(policy: Policy, request: EvaluationRequest, nowMs = 0): Alternative | null {
  const tool = policy.tool(request.agent_id, request.tool_id);
  if (tool === null) return null;
  const explanation = policy.explain(request, { now: nowMs });
  const call = { request, nowMs, effect: explanation.verdict.effect, code: "", inputs: null, isOutline: false };
  return alternativeOf({ policy } as unknown as ActivePolicy, call, tool, explanation);
}

const inAgent = (rules: string): string => `agent "bot" {\n default deny\n ${rules}\n}`;

/** Rules, a call's members, and the change with the rules that would permit and stand in the way; null: none. */
const told: readonly (readonly [string, object, readonly [string, number | null, number | null] | null])[] = [
  ["permit t if amount < 500", { args: { amount: 800 } }, ["amount < 500", 1, null]],
  ['deny t if amount < 600 reason "no"\n permit t if amount < 500', { args: { amount: 800 } }, null],
  [
    'permit t if amount < 500 and to == "a"',
    { args: { amount: 800, to: "b" } },
    ['amount < 500 and to == "a"', 1, null],
  ],
  ["deny t if amount > 100\n permit t", { args: { amount: 800 } }, ["amount <= 100", 2, 1]],
  ["deny! t if force == true\n permit t", { args: { force: true } }, ["force != true", 2, 1]],
  ['deny t if env == "prod"\n permit t', { args: { env: "prod" } }, ['env != "prod"', 2, 1]],
  ['deny t if tags contains "pii"\n permit t', { args: { tags: ["a", "pii"] } }, ['tags does not contain "pii"', 2, 1]],
  ["defer t if amount > 100\n permit t if amount < 900", { args: { amount: 800 } }, ["amount <= 100", 2, 1]],
  ['permit t if model == "small"', { model: "large", args: {} }, ['model == "small"', 1, null]],
  // Of what others say of the caller, of the time and of computed values nothing is promised.
  ['permit t if principal.role == "admin"', { principal: { role: "user" } }, null],
  ["permit t if len(items) < 3", { args: { items: [1, 2, 3] } }, null],
  ["permit t if amount < 500\n permit t if amount < 700", { args: { amount: 800 } }, ["amount < 700", 2, null]],
  ["permit t if amount < 500 and amount > 100", { args: { amount: 800 } }, ["amount == 499", 1, null]],
  ['permit t if card.kind == "debit"', { args: {} }, ['card.kind == "debit"', 1, null]],
  ['permit t if to in ["a", "b"]', { args: { to: "c" } }, ['to in ["a", "b"]', 1, null]],
  ["permit t if confirmed == true", { args: { confirmed: false } }, ["confirmed == true", 1, null]],
  ['permit t if to matches "a+"', { args: { to: "c" } }, null],
  ["deny t\n permit t if amount < 5", { args: { amount: 8 } }, null],
  ["permit t if amount < 500\n rate_limit t: 1 per hour", { args: { amount: 800 } }, ["amount < 500", 1, null]],
];

for (const [rules, members, expected] of told) {
  test(`${rules} with ${JSON.stringify(members)}: ${expected?.[0] ?? "no change is certain"}`, () => {
    const policy = certainPolicy(inAgent(rules));
    const found = toldOf(policy, { agent_id: "bot", tool_id: "t", ...members });
    assert.equal(found === null ? null : [found.change, found.number, found.against], expected);
  });
}

test("where a budget is spent: the largest amount that it has room for", () => {
  const policy = certainPolicy(inAgent("permit t\n budget day { max = $100 cost = amount }"));
  const request = (amount: number): EvaluationRequest => ({ agent_id: "bot", tool_id: "t", args: { amount } });
  assert.is(policy.decide(request(70), { now: 0 }).effect, "permit");
  assert.is(toldOf(policy, request(40))?.change, "amount <= 30");
  assert.is(toldOf(policy, request(40.5))?.change, "amount <= 30");
  assert.is(policy.decide(request(30), { now: 0 }).effect, "permit");
  assert.is(toldOf(policy, request(1)), null);
});

const seedStart = 7;
const policiesTried = 80;
const words = ["a", "b", "c"] as const;

/** A linear congruential generator: the same policies in every run. */
function generator(): (below: number) => number {
  let seed = seedStart;
  return (below) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
}

function madeTest(pick: (below: number) => number): string {
  const word = (): string => `"${words[pick(3)]}"`;
  switch (pick(6)) {
    case 0:
      return `x ${["<", "<=", ">", ">=", "==", "!="][pick(6)]} ${pick(8)}`;
    case 1:
      return `y ${["<", ">="][pick(2)]} ${pick(4)}`;
    case 2:
      return `s ${["==", "!="][pick(2)]} ${word()}`;
    case 3:
      return `s in [${word()}, ${word()}]`;
    case 4:
      return `f == ${pick(2) === 0}`;
    default:
      return `not (x > ${pick(8)} or s == ${word()})`;
  }
}

function madePolicy(pick: (below: number) => number): string {
  const condition = (): string =>
    Array.from({ length: 1 + pick(3) }, () => madeTest(pick)).join(pick(4) === 0 ? " or " : " and ");
  const effects = ["permit", "deny", "defer", "permit"] as const;
  const rules = Array.from({ length: 1 + pick(5) }, () => `${effects[pick(4)]} t if ${condition()}`);
  return inAgent(rules.join("\n "));
}

interface World {
  readonly x: number;
  readonly y: number;
  readonly s: string;
  readonly f: boolean;
}

function* world(): Generator<World> {
  for (let x = -1; x <= 8; x++)
    for (let y = -1; y <= 4; y++) for (const s of [...words, "z"]) for (const f of [true, false]) yield { x, y, s, f };
}

const differing = (one: World, other: World): number =>
  (Object.keys(one) as (keyof World)[]).filter((name) => one[name] !== other[name]).length;

test("over made policies no smaller change is permitted, and one is told wherever there is one", () => {
  const pick = generator();
  let toldCount = 0;
  for (let i = 0; i < policiesTried; i++) {
    const text = madePolicy(pick);
    const policy = policyOf(text);
    // The generator may say the same twice.
    if (policy === null) continue;
    const args: World = { x: pick(9), y: pick(5), s: [...words, "z"][pick(4)] ?? "z", f: pick(2) === 0 };
    const request = { agent_id: "bot", tool_id: "t", args: { ...args } };
    if (policy.decide(request, { now: 0 }).effect === "permit") continue;
    let least = Number.POSITIVE_INFINITY;
    for (const other of world()) {
      const count = differing(args, other);
      if (count >= least) continue;
      if (policy.decide({ ...request, args: { ...other } }, { now: 0 }).effect === "permit") least = count;
    }
    const found = toldOf(policy, request);
    const label = `${text}\n${JSON.stringify(args)}: ${found?.change}`;
    if (found === null) assert.ok(least > 3, label);
    else {
      toldCount++;
      assert.is(policy.decide(found.request, { now: 0 }).effect, "permit", label);
      assert.is(differing(args, found.request.args as unknown as World), least, label);
    }
  }
  assert.ok(toldCount > 15, `${toldCount} told`);
});

/** All of them take half a minute. */
const setsPerLook = 20;

test("over the conformance data what is told is permitted by the machine", () => {
  let toldCount = 0;
  for (const [i, { place, spellings, lines }] of caseSets().entries()) {
    if (i % setsPerLook !== 0) continue;
    const [spelling] = spellings;
    if (spelling === undefined || spelling.imports !== undefined) continue;
    const policy = policyOf(spelling.text, spelling.file);
    if (policy === null) continue;
    for (const line of lines) {
      if (!("request" in line) || line.expect.effect === "permit") continue;
      const found = toldOf(policy, line.request, line.now ?? 0);
      if (found === null) continue;
      toldCount++;
      assert.is(
        policy.explain(found.request, { now: line.now ?? 0 }).verdict.effect,
        "permit",
        `${place} ${line.name}`,
      );
    }
  }
  assert.ok(toldCount > 40, `${toldCount} told`);
});

test.run();
