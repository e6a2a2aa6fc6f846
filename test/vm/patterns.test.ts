// Patterns by their positions in the machine: the answers of the reference on generated texts, a bound on what one decision
// spends, and images whose automata were changed.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compileSearch, run } from "../../compiler/automaton/index.ts";
import { disassemble } from "../../compiler/index.ts";
import { LoadFailure, loadPolicySync, type Policy, type RequestValue } from "../../runtime/evaluator/index.ts";
import { HEADER_BYTES, Section } from "../../vm/shared/image.ts";
import { imageOf, noon, open, randomOf, resealed } from "./policies.ts";

const MUTANTS = Number(process.env.FARAMESH_MUTANTS ?? 4_000);
const TEXTS = 400;
const encoder = new TextEncoder();

const patterns = [
  "a.{20}b",
  "(?i)k.{0,30}\\bé{2}",
  "(?m)^a[^b]{15,40}b$",
  "(a|b)*a(a|é){9,70}$",
  "\\pL{300}|ab.{62}c.{1,66}d",
  "\\Ba.{14}\\B|本.{13}\\b",
  "(?:a?b?){20}é.{40}b",
  "\\b(?:\\d[ -]?){13,19}\\b",
];

const small = { state: "volatile", meterCapacity: 16, arenaBytes: 4096, requestBytes: 0 } as const;

const policyOf = (pattern: string): string =>
  `agent "a" { default deny permit t if x matches ${JSON.stringify(pattern)} permit l if args_array_any_match("x", ${JSON.stringify(pattern)}) }`;

const permits = (policy: Policy, tool: string, x: RequestValue): boolean => {
  const { effect, code } = policy.decide({ agent_id: "a", tool_id: tool, args: { x } }, { now: noon });
  assert.match(code, /^POLICY_/);
  return effect === "permit";
};

for (const [i, pattern] of patterns.entries()) {
  test(`E08 the machine answers as the reference does: ${pattern}`, () => {
    const policy = open(policyOf(pattern));
    const result = compileSearch(pattern);
    assert.ok(result.ok && result.automaton.kind === "positions");
    const random = randomOf(i + 1);
    const letters = ["a", "b", "é", "本", "k", "K", "\u212a", " ", "\n", "1", "c", "d", "😀"];
    let found = 0;
    for (let n = 0; n < TEXTS; n++) {
      // Few letters to a text, so that long runs of them happen.
      const own = Array.from({ length: 1 + random(3) }, () => letters[random(letters.length)] ?? "");
      const text = Array.from({ length: random(300) }, () => own[random(own.length)] ?? "").join("");
      const expected = result.ok && run(result.automaton, encoder.encode(text));
      if (expected) found++;
      assert.is(permits(policy, "t", text), expected, JSON.stringify(text));
      assert.is(permits(policy, "l", [1, text]), expected, JSON.stringify(text));
    }
    assert.ok(found < TEXTS);
  });
}

test("E09 one decision spends no more on positions than its bound: the call is denied", () => {
  const pattern = "[ab].{1000}c.{900}d";
  const policy = open(`agent "a" { default permit deny t if x matches ${JSON.stringify(pattern)} }`);
  const decide = (x: string): string => policy.decide({ agent_id: "a", tool_id: "t", args: { x } }, { now: noon }).code;
  assert.is(decide("ab".repeat(50_000)), "POLICY_PERMIT");
  assert.is(decide("ab".repeat(3_000_000)), "STEP_LIMIT");
  assert.is(decide("ab".repeat(50_000)), "POLICY_PERMIT");
});

test("a pattern that many rules of a tool ask of one field is run once in a decision", () => {
  const pattern = JSON.stringify("[ab].{1000}c.{900}d");
  // Sixty runs would spend more than a decision may; one does not.
  const rules = Array.from({ length: 60 }, (_, i) => `deny t if x matches ${pattern} and n == ${i}`);
  const policy = open(`agent "a" { default permit ${rules.join("\n")} }`);
  const decide = (x: string) => policy.decide({ agent_id: "a", tool_id: "t", args: { x, n: 59 } }, { now: noon }).code;
  assert.is(decide("ab".repeat(50_000)), "POLICY_PERMIT");
  assert.is(decide(`a${"x".repeat(1000)}c${"y".repeat(900)}d`), "POLICY_DENY");
  assert.is(decide("a"), "POLICY_PERMIT");
});

test("a pattern asked of several fields, of lists and of made text answers each for itself", () => {
  const policy = open(`agent "a" {
    default deny
    permit t if n == 1 and x matches "^k[0-9]+$" and not y matches "^k[0-9]+$" and x matches "^k[0-9]+$"
    permit t if n == 2 and args_array_any_match("x", "^k[0-9]+$") and y matches "^k[0-9]+$"
    permit t if n == 3 and lower(x) matches "^k[0-9]+$" and not lower(y) matches "^k[0-9]+$"
  }`);
  const allows = (args: { [name: string]: string | number | string[] }) =>
    policy.decide({ agent_id: "a", tool_id: "t", args }, { now: noon }).effect === "permit";
  assert.ok(allows({ n: 1, x: "k1", y: "k" }));
  assert.not(allows({ n: 1, x: "k1", y: "k2" }));
  assert.not(allows({ n: 1, x: "k", y: "k2" }));
  assert.ok(allows({ n: 2, x: ["a", "k1"], y: "k2" }));
  assert.not(allows({ n: 2, x: ["a", "k"], y: "k2" }));
  assert.ok(allows({ n: 3, x: "K1", y: "K" }));
  assert.not(allows({ n: 3, x: "K1", y: "K1" }));
});

test("a listing says how large an automaton of positions is", () => {
  const listing = disassemble(imageOf('agent "a" { default deny permit t if x matches "a.{20}b" }'));
  assert.match(listing, /automaton 0: 23 positions in 1 words, \d+ kinds of characters, \d+ arrows/);
});

test(`F01 ${MUTANTS} images with changed automata are refused, or run within bounds`, () => {
  const image = imageOf(
    `agent "a" { default deny ${patterns.map((p, i) => `permit t${i} if x matches ${JSON.stringify(p)}`).join(" ")} }`,
  );
  const table = new DataView(image.buffer, image.byteOffset).getUint32(HEADER_BYTES + Section.Automata * 8, true);
  const bytes = new DataView(image.buffer, image.byteOffset).getUint32(HEADER_BYTES + Section.Automata * 8 + 4, true);
  const random = randomOf(7);
  const texts = ["", "a", "ab".repeat(40), "本".repeat(70), "1 ".repeat(30), "\u212a\n é".repeat(20)];
  const tally = { refused: 0, ran: 0 };
  for (let i = 0; i < MUTANTS; i++) {
    const changed = image.slice();
    const view = new DataView(changed.buffer);
    // Half of the changes in headers and first entries, where most of the meaning is.
    for (let n = 1 + random(2); n > 0; n--) {
      const at = table + (random(2) === 0 ? random(Math.min(bytes, 600)) : random(bytes));
      if (random(2) === 0) changed[at] = random(256);
      else view.setUint16(at & ~1, [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff][random(6)] ?? 0, true);
    }
    try {
      const policy = loadPolicySync(resealed(changed), small);
      tally.ran++;
      for (const [t, x] of texts.entries()) {
        const call = { agent_id: "a", tool_id: `t${(i + t) % patterns.length}`, args: { x } };
        assert.is.not(policy.decide(call, { now: noon }).code, "MACHINE_FAULT", `mutant ${i}`);
      }
    } catch (error) {
      if (!(error instanceof LoadFailure)) throw error;
      tally.refused++;
    }
  }
  assert.ok(tally.refused > MUTANTS / 10 && tally.ran > MUTANTS / 10, JSON.stringify(tally));
});

test.run();
