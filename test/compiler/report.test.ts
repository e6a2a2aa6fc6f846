// Diagnostics for other programs: what SARIF 2.1.0 asks of a log, and that no text of a policy breaks out of a workflow
// command.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Diagnostic, diagnosticCodes } from "../../compiler/diagnostic.ts";
import { check } from "../../compiler/index.ts";
import { githubReport } from "../../compiler/report/github.ts";
import { sarifReport } from "../../compiler/report/sarif.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const policy = "agent a {\n  default deny\n  permit b if amount < 500 and frob(x)\n}\nagent a { default permit }\n";
const found = check(policy, { file: "governance.fms" });

type Json = { readonly [member: string]: unknown };

/** The member at a path such as `runs.0.tool`; fails where there is none. */
function at(value: unknown, path: string): unknown {
  let here = value;
  for (const part of path.split(".")) {
    assert.ok(typeof here === "object" && here !== null && part in here, `${path}: no ${part}`);
    here = (here as Json)[part];
  }
  return here;
}

test("SARIF has the members that the standard requires, and every result its rule and region", () => {
  const log: unknown = JSON.parse(sarifReport(found, { version: "1.2.3" }));
  assert.is(at(log, "version"), "2.1.0");
  assert.match(String(at(log, "$schema")), /sarif-schema-2\.1\.0\.json$/);
  assert.is(at(log, "runs.0.tool.driver.name"), "faramesh");
  assert.is(at(log, "runs.0.tool.driver.version"), "1.2.3");
  const rules = at(log, "runs.0.tool.driver.rules") as Json[];
  assert.equal(
    rules.map((rule) => rule.id),
    Object.keys(diagnosticCodes),
  );
  for (const rule of rules) {
    assert.ok(["error", "warning", "note"].includes(String(at(rule, "defaultConfiguration.level"))));
    assert.ok(String(at(rule, "shortDescription.text")).length > 0);
    assert.is(new URL(String(rule.helpUri)).protocol, "https:");
  }
  const results = at(log, "runs.0.results") as Json[];
  assert.is(results.length, found.length);
  assert.ok(found.length >= 2);
  for (const [i, result] of results.entries()) {
    const d = found[i];
    assert.is(result.ruleId, d?.code);
    assert.is(rules[result.ruleIndex as number]?.id, d?.code);
    assert.is(result.level, d?.severity);
    assert.ok(String(at(result, "message.text")).startsWith(d?.message ?? "nothing"));
    assert.is(at(result, "locations.0.physicalLocation.artifactLocation.uri"), "governance.fms");
    assert.equal(at(result, "locations.0.physicalLocation.region"), {
      startLine: d?.line,
      startColumn: d?.column,
      endLine: d?.endLine,
      endColumn: d?.endColumn,
    });
  }
  const twice = results.find((result) => result.ruleId === "FMS013");
  assert.is(at(twice, "relatedLocations.0.physicalLocation.region.startLine"), 1);
  assert.equal(at(JSON.parse(sarifReport([], { version: "1.2.3" })), "runs.0.results"), []);
});

test("paths in SARIF are URIs, and each code leads to its page", () => {
  const text = sarifReport(found, { version: "1.2.3", folder: "my stack/ü/" });
  const uri = at(JSON.parse(text), "runs.0.results.0.locations.0.physicalLocation.artifactLocation.uri");
  assert.is(uri, "my%20stack/%C3%BC/governance.fms");
  const rules = at(JSON.parse(text), "runs.0.tool.driver.rules") as { id: string; helpUri: string }[];
  assert.is(rules.length, Object.keys(diagnosticCodes).length);
  for (const { id, helpUri } of rules) {
    const [, page = ""] = helpUri.split("@1.2.3/");
    assert.is(page, `docs/diagnostics/${id}.md`);
    assert.ok(existsSync(join(root, page)), page);
  }
});

test("a workflow command names the file, the place and the code", () => {
  const [line] = githubReport(found, { folder: "stacks/a/" }).split("\n");
  const d = found[0];
  const place = `line=${d?.line},col=${d?.column},endLine=${d?.endLine},endColumn=${d?.endColumn}`;
  const start = `::error file=stacks/a/governance.fms,${place},title=${d?.code}::`;
  assert.is(line?.slice(0, start.length), start);
  assert.is(githubReport([]), "");
  const warnings = githubReport(check("agent a { permit b }", { file: "governance.fms" }));
  assert.match(warnings, /^::warning file=governance\.fms,.*title=FMS050::/m);
});

test("no text ends its workflow command", () => {
  const at = { file: "a,b:c\n::error::x", line: 1, column: 2, endLine: 1, endColumn: 3 };
  const hostile: Diagnostic = {
    code: "FMS001",
    severity: "error",
    message: "100%\r\n::set-output name=x::y",
    help: "a\n::stop-commands::z",
    related: [{ ...at, message: "here\n::debug::" }],
    ...at,
  };
  const text = githubReport([hostile]);
  assert.is(text.split(/[\r\n]/).length, 2);
  assert.ok(text.startsWith("::error file=a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ax,line=1,"));
  assert.ok(text.includes("::100%25%0D%0A::set-output name=x::y%0A"));
});

test.run();
