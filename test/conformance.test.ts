// Runs the data of conformance/ on the oracle and on the machine. Its forms stand in conformance/README.md.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../compiler/index.ts";
import { type Judgement, machineOf, oracleOf } from "./conformance/engine.ts";
import { type CaseSet, caseSets, type Expectation, refusedSets, type Spelling } from "./conformance/sets.ts";

const POLICIES_MIN = 1_000;
const CASES_MIN = 5_000;

const members: readonly string[] = [
  "effect",
  "code",
  "rule",
  "rule_ref",
  "cause",
  "phase",
  "workflow_phase",
  "shadow",
  "retry_after_seconds",
  "budget",
  "warnings",
  "charges",
];

const sets = caseSets();
const refused = refusedSets();

/** The verdict's members that the case names, in the form in which cases write them. */
function shown(verdict: Judgement, expect: Expectation): Expectation {
  const all: Expectation = {
    ...verdict,
    warnings: verdict.warnings ?? [],
    charges: verdict.charges ?? { budgets: [], limits: 0 },
    budget: verdict.budget === undefined ? undefined : { id: verdict.budget.id },
  };
  return Object.fromEntries(Object.keys(expect).map((member) => [member, all[member]]));
}

/** What is wrong with a policy's lines, one text for each. */
async function wrongLines(set: CaseSet, { text, file, imports }: Spelling, open: typeof machineOf): Promise<string[]> {
  let engine = await open(text, file, imports);
  const wrong: string[] = [];
  for (const line of set.lines) {
    if ("reset" in line) engine = await open(text, file, imports);
    else if ("activate" in line) engine.activatePhases(line.activate);
    else if ("session" in line) engine.session(line.session.op, line.session, { now: line.now ?? 0 });
    else if ("move" in line) engine.movePhase(line.move, { now: line.now ?? 0 });
    else {
      for (let time = 0; time < (line.repeat ?? 1); time++) {
        const verdict = engine.decide(line.request, { now: line.now ?? 0, approved: line.approved });
        const found = JSON.stringify(sorted(shown(verdict, line.expect)));
        const expected = JSON.stringify(sorted(line.expect));
        if (found !== expected) wrong.push(`${line.name}\n    expected ${expected}\n    found    ${found}`);
      }
    }
  }
  return wrong;
}

async function run(set: CaseSet, open: typeof machineOf): Promise<void> {
  assert.ok(set.spellings.length > 0 && set.lines.length > 0, `${set.place} has a policy and lines`);
  for (const spelling of set.spellings) {
    const wrong = await wrongLines(set, spelling, open);
    assert.is(wrong.length, 0, `${set.place}\n${wrong.length > 0 ? spelling.text : ""}\n  ${wrong.join("\n  ")}`);
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

test("the cases are all there and name only members of a verdict", () => {
  const lines = sets.flatMap((set) => set.lines).filter((line) => "expect" in line);
  assert.ok(sets.length >= POLICIES_MIN, `${sets.length} policies`);
  assert.ok(lines.length >= CASES_MIN, `${lines.length} cases`);
  for (const { name, expect } of lines) {
    assert.ok("effect" in expect && "code" in expect, `${name} names effect and code`);
    for (const member of Object.keys(expect)) assert.ok(members.includes(member), `${name}: ${member}`);
  }
});

for (const set of sets) {
  test(`oracle: ${set.place}`, () => run(set, oracleOf));
  test(`machine: ${set.place}`, () => run(set, machineOf));
}

for (const { place, spellings, because, code } of refused) {
  test(`refused: ${place}`, () => {
    for (const { text, file } of spellings) {
      const { image, diagnostics } = compile(text, { file });
      const errors = diagnostics.filter((d) => d.severity === "error").map((d) => d.code);
      assert.ok(image === undefined && errors.length > 0, `${because}\n${text}`);
      assert.is(errors[0], code, text);
    }
  });
}

test.run();
