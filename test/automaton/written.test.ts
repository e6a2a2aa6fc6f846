// Patterns as people write them compile, in whichever form, and answer as written by hand and as JavaScript answers where
// the two languages are one.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Automaton, compileSearch, type Form, run } from "../../compiler/automaton/index.ts";
import { noon, open } from "../vm/policies.ts";
import { written } from "./written.ts";

const encoder = new TextEncoder();

function compiled(pattern: string, form: Form): Automaton {
  const result = compileSearch(pattern, form);
  if (!result.ok) throw new Error(`${pattern}: ${result.message}`);
  return result.automaton;
}

for (const { name, pattern, found, missed, ours } of written) {
  test(`${name}: compiles and answers rightly in both forms, and in the machine`, () => {
    const forms = [compiled(pattern, "smallest"), compiled(pattern, "positions")];
    const policy = open(`agent "a" { default deny permit t if x matches ${JSON.stringify(pattern)} }`);
    const elsewhere = ours ? undefined : new RegExp(pattern);
    for (const [texts, expected] of [[found, true] as const, [missed, false] as const]) {
      for (const text of texts) {
        const where = `${name} on ${JSON.stringify(text)}`;
        for (const automaton of forms) assert.is(run(automaton, encoder.encode(text)), expected, where);
        const verdict = policy.decide({ agent_id: "a", tool_id: "t", args: { x: text } }, { now: noon });
        assert.is(verdict.effect === "permit", expected, `${where}, in the machine`);
        if (elsewhere !== undefined) assert.is(elsewhere.test(text), expected, `${where}, in JavaScript`);
      }
    }
  });
}

test("patterns too large for a table are among them", () => {
  const large = written.filter(({ pattern }) => compiled(pattern, "smallest").kind === "positions");
  assert.ok(large.length >= 5, large.map(({ name }) => name).join(", "));
});

test.run();
