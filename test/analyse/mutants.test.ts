// Policies with one thing changed: an operator, a number, an effect, the order of two rules. A call that both machines answer
// differently lies in a change that analysis reports; a change of layout alone is none.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compareAccess } from "../../compiler/analyse/index.ts";
import { format } from "../../compiler/format.ts";
import { type Compiled, compile } from "../../compiler/index.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import type { Policy } from "../../runtime/evaluator/types.ts";
import { acceptable } from "../differential/compare.ts";
import { engines } from "../differential/run.ts";
import { policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";
import { callDrafts, START_MS } from "../generate/request.ts";

const POLICIES = 100;
const CALLS = 60;
const ruledCodes = ["POLICY_PERMIT", "POLICY_DENY", "POLICY_DEFER", "PHASE_HIDDEN", "MODEL_DENIED", "EGRESS_DENIED"];

const operators: Readonly<Record<string, string>> = {
  " < ": " <= ",
  " <= ": " < ",
  " > ": " >= ",
  " >= ": " > ",
  " == ": " != ",
  " != ": " == ",
  " and ": " or ",
  " or ": " and ",
};
const effects: Readonly<Record<string, string>> = {
  permit: "deny",
  allow: "defer",
  deny: "permit",
  block: "permit",
  defer: "permit",
};
const ruleLine = /^\s*(?:permit|allow|approve|deny!?|block|reject|defer)\s/;

type Mutation = (random: Random, lines: readonly string[], at: number) => readonly string[] | null;

const replaced = (lines: readonly string[], at: number, line: string): readonly string[] | null =>
  line === lines[at] ? null : lines.map((old, i) => (i === at ? line : old));

const mutations: readonly Mutation[] = [
  (_, lines, at) =>
    replaced(
      lines,
      at,
      (lines[at] ?? "").replace(/ (?:[<>=!]=|[<>]|and|or) /, (sign) => operators[sign] ?? sign),
    ),
  (random, lines, at) =>
    replaced(
      lines,
      at,
      (lines[at] ?? "").replace(/(?<= )(\d{1,6})(?= |$|\))/, (digits) => String(Number(digits) + 1 + random.below(5))),
    ),
  (_, lines, at) =>
    replaced(
      lines,
      at,
      (lines[at] ?? "").replace(/^(\s*)(\w+)(?!!)/, (all, gap: string, word: string) =>
        effects[word] === undefined ? all : gap + effects[word],
      ),
    ),
  (_, lines, at) => {
    const [line, next] = [lines[at], lines[at + 1]];
    if (line === undefined || next === undefined || !ruleLine.test(next)) return null;
    return lines.map((old, i) => (i === at ? next : i === at + 1 ? line : old));
  },
];

function mutantOf(random: Random, text: string): string | null {
  const lines = text.split("\n");
  const rules = lines.flatMap((line, i) => (ruleLine.test(line) ? [i] : []));
  for (let tries = 0; tries < 8 && rules.length > 0; tries++) {
    const at = rules[random.below(rules.length)] ?? 0;
    const changed = mutations[random.below(mutations.length)]?.(random, lines, at) ?? null;
    if (changed !== null) return changed.join("\n");
  }
  return null;
}

function opened({ image }: Compiled): Policy | null {
  return image === undefined
    ? null
    : loadPolicySync(image, { state: "volatile", meterCapacity: 64, arenaBytes: 16_384, requestBytes: 0 });
}

test("what a changed policy answers differently, analysis reports", async () => {
  let [mutants, differing, calls] = [0, 0, 0];
  for (let seed = 5_000; mutants < POLICIES; seed++) {
    const random = new Random(seed);
    const networked = random.oneIn(4);
    const draft = await acceptable(engines, policyDraft(random, networked));
    const text = draft === null ? null : policyText(draft);
    const mutant = text === null ? null : mutantOf(random, text);
    if (text === null || mutant === null) continue;
    const [before, after] = [compile(text, { file: "p.fms" }), compile(mutant, { file: "p.fms" })];
    const [was, is] = [opened(before), opened(after)];
    if (was === null || is === null || before.stack === undefined || after.stack === undefined) continue;
    mutants++;
    const { changes, unknown } = compareAccess(before.stack, after.stack, () => false);
    const [nothingWas, nothingIs] = [was.snapshot(), is.snapshot()];
    let differs = false;
    for (const { request, options } of callDrafts(random, CALLS, "forward", networked)) {
      was.restore(nothingWas);
      is.restore(nothingIs);
      was.activatePhases(START_MS);
      is.activatePhases(START_MS);
      const [a, b] = [was.decide(request, { now: options.now }), is.decide(request, { now: options.now })];
      if (a.effect === b.effect || !ruledCodes.includes(a.code) || !ruledCodes.includes(b.code)) continue;
      differs = true;
      calls++;
      const isTold = unknown.length > 0 || changes.some(({ from, to }) => from === a.effect && to === b.effect);
      assert.ok(
        isTold,
        `seed ${seed}: ${JSON.stringify(request)} ${a.effect} → ${b.effect}\n${text}\n-----\n${mutant}`,
      );
    }
    if (differs) differing++;
  }
  assert.ok(differing > POLICIES / 10 && calls > differing, `${differing} of ${mutants} differ, ${calls} calls`);
});

test("a change of layout alone is none", async () => {
  let looked = 0;
  for (let seed = 6_000; looked < POLICIES / 4; seed++) {
    const draft = await acceptable(engines, policyDraft(new Random(seed), false));
    const text = draft === null ? "" : policyText(draft);
    const laidOut = format(text, { dialect: "old" });
    const before = compile(text, { file: "p.fms" });
    if (!("text" in laidOut) || before.stack === undefined || before.image === undefined) continue;
    const after = compile(laidOut.text, { file: "p.fms" });
    if (after.stack === undefined) throw new Error(`seed ${seed}: the laid out policy does not compile`);
    looked++;
    assert.equal(
      compareAccess(before.stack, after.stack, () => false),
      { changes: [], unknown: [] },
      `seed ${seed}`,
    );
  }
});

test.run();
