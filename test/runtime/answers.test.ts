// What an agent is told of a refusal: what decided it, and nothing of any rule that it did not meet. Held over the conformance data:
// no other rule's words, place or reason is in any answer, and no text that only other rules speak of.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/index.ts";
import { answerOf, type Judgement } from "../../runtime/answer.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import type { EvaluationRequest, Policy, RuleInfo, Verdict } from "../../runtime/evaluator/types.ts";
import { caseSets } from "../conformance/sets.ts";

function answerTo(verdict: Verdict): string {
  const { effect, code, reason } = verdict;
  const approvalId = effect === "defer" ? "apr-00000000000000000000000000000000" : null;
  const judgement: Judgement = { effect, code, reason, verdict, approvalId, used: [] };
  const answer = answerOf(judgement, {
    callId: "c",
    actionId: "action-0",
    effect,
    would: null,
    version: "v1",
    policyHash: "",
    argsSha256: null,
    latencyUs: 1,
    receipt: null,
  });
  return JSON.stringify(answer);
}

/** Texts in quotes that a rule speaks of; short ones stand in answers by chance. */
const spokenOf = ({ text }: RuleInfo): string[] => [...text.matchAll(/"([^"\\]{4,})"/g)].map(([, inner = ""]) => inner);

const placeOf = ({ file, line }: RuleInfo): string => `${file}:${line}`;

/** What of other rules stands in the answer. */
function revealed(policy: Policy, verdict: Verdict, request: EvaluationRequest): string[] {
  const answer = answerTo(verdict);
  const rules = policy.rules();
  const met = verdict.rule === null ? undefined : rules[verdict.rule];
  const known = `${met?.text} ${met?.reason} ${JSON.stringify(request)}`;
  return rules
    .filter((rule) => rule !== met)
    .flatMap((rule) => {
      const place = met !== undefined && placeOf(met) === placeOf(rule) ? [] : [`"${placeOf(rule)}"`];
      const words = [rule.text, ...(rule.reason === null ? [] : [rule.reason]), ...spokenOf(rule)];
      return [...place, ...words.filter((word) => !known.includes(word))];
    })
    .filter((text) => answer.includes(text) || answer.includes(JSON.stringify(text).slice(1, -1)));
}

/** All of them take some ten seconds. */
const setsPerLook = 10;

test("I09 no refusal reveals a rule that it did not meet", () => {
  let refusals = 0;
  for (const [i, { place, spellings, lines }] of caseSets().entries()) {
    const [spelling] = spellings;
    if (i % setsPerLook !== 0 || spelling === undefined) continue;
    const { file, text, imports } = spelling;
    const { image } = compile(text, imports === undefined ? { file } : { file, imports });
    if (image === undefined) throw new Error(`${place} does not compile`);
    const policy = loadPolicySync(image, { state: "volatile", meterCapacity: 4_096, arenaBytes: 262_144 });
    for (const line of lines) {
      if ("activate" in line) policy.activatePhases(line.activate);
      if (!("request" in line)) continue;
      const verdict = policy.decide(line.request, { now: line.now ?? 0, approved: line.approved ?? [] });
      if (verdict.effect === "permit") continue;
      refusals++;
      assert.equal(revealed(policy, verdict, line.request), [], `${place} ${line.name}`);
    }
  }
  assert.ok(refusals > 200, `${refusals} refusals`);
});

test("the check itself finds what would be revealed", () => {
  const text =
    'agent "bot" {\n  default deny\n  permit pay if to == "charity"\n  deny wipe reason "never on Fridays"\n}\n';
  const { image } = compile(text, { file: "policy.fms" });
  const policy = loadPolicySync(image ?? new Uint8Array(), { state: "volatile" });
  const request = { agent_id: "bot", tool_id: "pay", args: { to: "me" } };
  const verdict = policy.decide(request, { now: 0 });
  assert.equal(revealed(policy, verdict, request), []);
  for (const reason of ["to is not charity", "see policy.fms:4 never on Fridays"]) {
    assert.ok(revealed(policy, { ...verdict, reason }, request).length > 0, reason);
  }
});

test.run();
