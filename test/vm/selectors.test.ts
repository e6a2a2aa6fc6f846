// Selectors: conditions that read values from outside of the request, and what becomes of calls without them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/index.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import type { EvaluationRequest } from "../../runtime/evaluator/types.ts";

const { image } = compile(
  `agent a {
    default deny
    permit pay if account.tier == "gold" and selectors.account.limits[0] > 5
    permit look
    defer risky if risk.score > 5
    permit risky
    deny! watched if risk.score > 90
    permit watched
    permit calm if mood.x == nil
    permit long if account.name.length > 3
    rate_limit "look": 100 per hour
    rate_limit "risky": 2 per hour
    selector account { source "https://internal.example/account" }
    selector risk { source "https://internal.example/risk" on_unavailable defer }
    selector mood { source "https://internal.example/mood" on_unavailable permit }
  }`,
  { file: "governance.fms" },
);
const gold = { tier: "gold", limits: [9], name: "Ann" };

const cases: readonly (readonly [tool: string, selectors: EvaluationRequest["selectors"], said: string])[] = [
  ["look", undefined, "permit POLICY_PERMIT"],
  ["pay", undefined, "deny POLICY_DENY"],
  ["pay", { account: gold }, "permit POLICY_PERMIT"],
  ["pay", { account: { ...gold, tier: "iron" } }, "deny POLICY_DENY"],
  ["pay", { account: null }, "deny POLICY_DENY"],
  ["pay", { other: gold }, "deny POLICY_DENY"],
  ["risky", undefined, "defer SELECTOR_UNAVAILABLE selector:risk"],
  ["risky", { risk: { score: 9 } }, "defer POLICY_DEFER rule:2"],
  ["risky", { risk: { score: 1 } }, "permit POLICY_PERMIT"],
  ["risky", { risk: null }, "permit POLICY_PERMIT"],
  ["watched", undefined, "defer SELECTOR_UNAVAILABLE selector:risk"],
  ["watched", { risk: { score: 91 } }, "deny POLICY_DENY"],
  ["watched", { risk: { score: 2 ** 53 } }, "deny BAD_REQUEST"],
  ["calm", undefined, "permit POLICY_PERMIT"],
  ["long", { account: gold }, "deny POLICY_DENY"],
  ["long", { account: { name: "Anna" } }, "permit POLICY_PERMIT"],
];

for (const [tool, selectors, said] of cases) {
  test(`${tool} with ${JSON.stringify(selectors)} is ${said}`, () => {
    const policy = loadPolicySync(image as Uint8Array, { state: "volatile" });
    const request = { agent_id: "a", tool_id: tool, args: {}, ...(selectors === undefined ? {} : { selectors }) };
    const { effect, code, cause } = policy.decide(request, { now: 1e12 });
    assert.is([effect, code, ...(cause === null ? [] : [cause])].join(" "), said);
    const explained = policy.explain(request, { now: 1e12 }).verdict;
    if (effect !== "permit") assert.equal([explained.effect, explained.code, explained.cause], [effect, code, cause]);
  });
}

test("an approved selector lets the call go on, and the limits behind it still hold", () => {
  const policy = loadPolicySync(image as Uint8Array, { state: "volatile" });
  const call = { agent_id: "a", tool_id: "risky", args: {} };
  const said = () => policy.decide(call, { now: 1e12, approved: ["selector:risk"] }).code;
  assert.equal([said(), said(), said()], ["POLICY_PERMIT", "POLICY_PERMIT", "RATE_EXCEEDED"]);
});

test("no number of a rule approves a selector", () => {
  const policy = loadPolicySync(image as Uint8Array, { state: "volatile" });
  const call = { agent_id: "a", tool_id: "risky", args: {} };
  const approved = Array.from({ length: 60 }, (_, i) => `rule:${i}`);
  assert.is(policy.decide(call, { now: 1e12, approved }).code, "SELECTOR_UNAVAILABLE");
});

test("a request of raw JSON holds no selector, whatever it says and whatever the request before it held", () => {
  const policy = loadPolicySync(image as Uint8Array, { state: "volatile" });
  const call = { agent_id: "a", tool_id: "pay", args: {}, selectors: { account: gold } };
  assert.is(policy.decide(call, { now: 1e12 }).effect, "permit");
  const raw = new TextEncoder().encode(JSON.stringify(call));
  assert.is(policy.decideJson(raw, { now: 1e12 }).effect, "deny");
});

test("explain says which selector is missing", () => {
  const policy = loadPolicySync(image as Uint8Array, { state: "volatile" });
  const { meters } = policy.explain({ agent_id: "a", tool_id: "watched", args: {} }, { now: 1e12 });
  assert.equal(meters, ["selector risk: it has no value"]);
});

test.run();
