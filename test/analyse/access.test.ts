// What a change of a whole policy opens and closes: modes and time zones, beside rules.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { accessBetween } from "../../cli/access.ts";
import { compile } from "../../compiler/index.ts";

async function changes(before: string, after: string): Promise<string[]> {
  const opened = [before, after].map((text) => {
    const { image, stack, diagnostics } = compile(text, { file: "governance.fms" });
    if (image === undefined || stack === undefined) throw new Error(JSON.stringify(diagnostics));
    return { image, stack };
  });
  const [old, now] = opened;
  if (old === undefined || now === undefined) throw new Error("two policies");
  const { gained, lost, unknown } = await accessBetween(old, now);
  assert.equal(unknown, []);
  return [...gained, ...lost].map(
    ({ tool, from, to, when, isCertain }) =>
      `${tool} ${from} → ${to}${when === "" ? "" : ` when ${when}`}${isCertain ? "" : ", may be"}`,
  );
}

const policy = (runtime: string, rules: string): string =>
  `runtime { ${runtime} }\nagent "a" {\n  default deny\n  ${rules}\n}\n`;
const rule = "permit t if x < 5";

test("from enforce to audit everything that was denied is opened", async () => {
  assert.equal(await changes(policy('mode = "enforce"', rule), policy('mode = "audit"', rule)), [
    "any other tool deny → permit",
    "t deny → permit when x >= 5 or no number",
  ]);
});

test("from audit to enforce with equal rules it shows what will be blocked", async () => {
  assert.equal(await changes(policy('mode = "audit"', rule), policy('mode = "enforce"', rule)), [
    "any other tool permit → deny",
    "t permit → deny when x >= 5 or no number",
  ]);
});

test("between two policies in audit mode nothing changes for the caller", async () => {
  assert.equal(await changes(policy('mode = "audit"', rule), policy('mode = "audit"', "permit t if x < 9")), []);
});

test("another zone makes another hour: what hangs on it is never told as certain", async () => {
  const hours = "permit t if time.hour >= 9";
  const found = await changes(policy('mode = "enforce"', hours), policy('timezone = "Asia/Tokyo"', hours));
  assert.ok(found.length > 0);
  assert.ok(
    found.every((line) => line.endsWith(", may be")),
    found.join("\n"),
  );
});

test("strict guards close what a missing value left open", async () => {
  const guarded = 'permit t if x < 5 deny! t if y == "bad"';
  const found = await changes(policy('mode = "enforce"', guarded), policy("strict_guards = true", guarded));
  assert.equal(found, ["t permit → deny when y no text, x < 5"]);
});

test("the same policy in other words changes nothing", async () => {
  const other = "allow t when not (x >= 5) and 5 > x";
  assert.equal(await changes(policy('mode = "enforce"', rule), policy('mode = "enforce"', other)), []);
});

test("a selector that a tool's rules read no more opens what its absence had deferred", async () => {
  const selector = 'selector acc { source "https://h.example/" on_unavailable = "defer" }';
  const before = policy("", `permit t if acc.open == true or x < 5\n  permit u if acc.open == true\n  ${selector}`);
  const after = policy("", `permit t if x < 5\n  permit u if acc.open == true\n  ${selector}`);
  assert.equal(await changes(before, after), [
    "t defer → permit when acc.open missing, x < 5, acc missing",
    "t permit → deny when acc.open true, x >= 5 or no number, acc an object",
  ]);
});

test.run();
