// Runs the cases of conformance/ on the oracle and on the machine. The format stands in conformance/README.md.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { EvaluationRequest } from "../runtime/evaluator/types.ts";
import { type Engine, type Judgement, machineOf, oracleOf } from "./conformance/engine.ts";

interface Expectation {
  readonly [member: string]: unknown;
}

type Line =
  | {
      readonly name: string;
      readonly request: EvaluationRequest;
      readonly now?: number;
      readonly approved?: string[];
      readonly expect: Expectation;
    }
  | { readonly activate: number }
  | { readonly reset: true };

const folder = fileURLToPath(new URL("./conformance/", import.meta.url));
const POLICIES_MIN = 60;
const CASES_MIN = 500;

const members: readonly string[] = [
  "effect",
  "code",
  "rule_ref",
  "cause",
  "phase",
  "shadow",
  "retry_after_seconds",
  "budget",
  "warnings",
  "charges",
];

const topics = readdirSync(folder)
  .filter((file) => file.endsWith(".fms"))
  .map((file) => file.slice(0, -".fms".length))
  .sort();
const casesOf = (topic: string): Line[] =>
  readFileSync(join(folder, `${topic}.cases.jsonl`), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);

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

async function run(topic: string, open: (text: string, file: string) => Promise<Engine>): Promise<void> {
  const file = `${topic}.fms`;
  const text = readFileSync(join(folder, file), "utf8");
  let engine = await open(text, file);
  const wrong: string[] = [];
  for (const line of casesOf(topic)) {
    if ("reset" in line) engine = await open(text, file);
    else if ("activate" in line) engine.activatePhases(line.activate);
    else {
      const verdict = engine.decide(line.request, { now: line.now ?? 0, approved: line.approved });
      const found = JSON.stringify(sorted(shown(verdict, line.expect)));
      const expected = JSON.stringify(sorted(line.expect));
      if (found !== expected) wrong.push(`${line.name}\n    expected ${expected}\n    found    ${found}`);
    }
  }
  assert.is(wrong.length, 0, `${file}: ${wrong.join("\n  ")}`);
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
  const lines = topics.flatMap(casesOf).filter((line) => "expect" in line);
  assert.ok(topics.length >= POLICIES_MIN, `${topics.length} policies`);
  assert.ok(lines.length >= CASES_MIN, `${lines.length} cases`);
  for (const { name, expect } of lines) {
    assert.ok("effect" in expect && "code" in expect, `${name} names effect and code`);
    for (const member of Object.keys(expect)) assert.ok(members.includes(member), `${name}: ${member}`);
  }
});

for (const topic of topics) {
  test(`oracle: ${topic}`, () => run(topic, oracleOf));
  test(`machine: ${topic}`, () => run(topic, machineOf));
}

test.run();
