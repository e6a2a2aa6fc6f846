// Large policies that are broken in all manner of ways: the answer names the place, is short, and says when there may
// be more. How long it takes is measured by the bench, which reads the same texts.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { brokenPolicies } from "../../bench/generated/broken.ts";
import { compile } from "../../compiler/index.ts";
import { limits } from "../../compiler/limits.ts";

/** Half of what a policy may have; enough for every limit to be met. */
const SIZE_BYTES = 2 * 1024 * 1024;

/** How many errors each gives, and what the first of them says; `50+` where reading stopped at the limit. */
const answers: Readonly<Record<string, readonly [number | "50+", RegExp]>> = {
  "no brace after the agent": [1, /^FMS002 1: expected `\{` after `"worker"`/],
  "no brace after rules": [1, /^FMS002 3: expected `\{` after `rules`/],
  "no brace at the end": [1, /^FMS003 \d+: the file ends before `\}`/],
  "a brace too many in the first rule": [1, /^FMS002 \d+: unexpected `\}`/],
  "a brace too many in the middle": [1, /^FMS002 \d+: unexpected `\}`/],
  "an agent inside an agent": [1, /^FMS002 1[34]\d+: unexpected `agent`/],
  "an open quote in the first rule": [1, /^FMS00[23] 4: /],
  "an open quote in the middle": [1, /^FMS00[23] 1[34]\d+: /],
  "an open quote in the last rule": [1, /^FMS00[23] 2[789]\d+: /],
  "an open quote in every rule": ["50+", /^FMS00[23] 4: /],
  "a misspelt effect in the last rule": [1, /^FMS002 2[789]\d+: unexpected `permti`/],
  "a hundred thousand misspelt effects": ["50+", /^FMS002 4: unexpected `permt`/],
  "a hundred thousand unknown names": ["50+", /^FMS021 4: unknown name `time\.huor`/],
  "line ends of two characters": [1, /^FMS002 13: unexpected `permti`/],
  "line ends of the old kind": [1, /^FMS002 13: unexpected `permti`/],
  "more rules than there may be": [1, /^FMS004 100004: the policy has more than 100000 rules/],
  "one line of words": [1, /^FMS002 1: unexpected `foo`/],
  "one word": [1, /^FMS002 1: unexpected `a{40}…`/],
  "one text": [1, /^FMS004 1: this text has \d+ bytes/],
  "one condition": [1, /^FMS004 1: this condition has more than 10000 operators/],
  "one list": [1, /^FMS004 1: this list has more than 262144 members/],
  "a million equal lines": ["50+", /^FMS002 1: unexpected `foo`/],
  "agents without a brace": ["50+", /^FMS002 1: expected `\{` after `a`/],
  "opening braces": [2, /^FMS002 1: unexpected `\{`/],
  "closing braces": [1, /^FMS002 1: unexpected `\}`/],
  "opening parentheses": [1, /^FMS004 1: more than 256 parentheses/],
  "closing parentheses": [1, /^FMS002 1: expected a value or a name, found `\)`/],
  "agents inside agents": [2, /^FMS002 1: unexpected `agent`/],
  "NUL characters": [1, /^FMS001 1: unexpected character U\+0000/],
  "NUL characters in the middle": [1, /^FMS001 1[34]\d+: unexpected character U\+0000/],
  "characters of another script": [1, /^FMS001 1: unexpected character U\+00E9/],
  "bytes of a program": ["50+", /^FMS00[123] 1: /],
  "blank lines and a misspelt effect": [1, /^FMS002 2097133: unexpected `permti`/],
};

test("F07 every broken policy has an answer here", () => {
  assert.equal(Object.keys(answers).sort(), Object.keys(brokenPolicies).sort());
});

for (const [name, make] of Object.entries(brokenPolicies)) {
  test(`F07 2 MiB, ${name}: the place, and little more`, () => {
    const { image, diagnostics, unreported } = compile(make(SIZE_BYTES), { file: "a.fms" });
    const [count, first] = answers[name] ?? [0, /nothing/];
    assert.is(image, undefined);
    const [top] = diagnostics;
    assert.match(`${top?.code} ${top?.line}: ${top?.message}`, first);
    const isMany = count === "50+";
    const errors = diagnostics.filter(({ severity }) => severity === "error").length;
    if (isMany) assert.ok(errors <= limits.errorsReported && errors > 1, `${errors} errors`);
    else assert.is(errors, count);
    if (errors === limits.errorsReported) assert.is(unreported?.isAtLeast, true);
  });
}

test("warnings beyond the limit are counted", () => {
  const rules = Array.from({ length: 1_500 }, (_, i) => `deny t${i} if x${i}y < 5`);
  const { image, diagnostics, unreported } = compile(`agent a { default permit\n${rules.join("\n")} }`, {
    file: "a.fms",
  });
  assert.ok(image !== undefined);
  assert.is(diagnostics.length, limits.warningsReported);
  assert.equal(unreported, { errors: 0, warnings: 500, isAtLeast: false });
});

test.run();
