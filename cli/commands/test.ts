// `faramesh test`: fixtures against the compiled policy of the folder. It asks no daemon and writes nothing, but for
// --update, which rewrites expectations after it has shown what changes.
import { readFileSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { Command, Option } from "clipanion";
import type { Policy } from "../../runtime/evaluator/types.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import type { RuleCoverage } from "../fixtures/coverage.ts";
import type { CaseResult } from "../fixtures/judge.ts";
import { changedLines } from "../line-diff.ts";
import { type CompiledPolicy, compilePolicy, readPolicyFile } from "../policy-file.ts";
import { columns, countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

export class TestCommand extends FarameshCommand {
  static override paths = [["test"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "put the fixtures of tests/ to the policy",
    details:
      "Fixtures are tests/**/*.fmtest.json: calls and what the policy is to say of them. Exit codes: 0, 1 a case fails or there is none, 2 the policy does not compile.",
    examples: [
      ["Run all fixtures", "faramesh test"],
      ["One of them, up to the first failure", "faramesh test --fixture tests/refunds.fmtest.json --fail-fast"],
      ["Which rules no fixture exercises", "faramesh test --coverage"],
      ["For a service that collects tests", "faramesh test --reporter junit"],
    ],
  });
  readonly fixture = Option.String("--fixture", { description: "one file instead of all" });
  readonly failFast = Option.Boolean("--fail-fast", false, { description: "stop at the first case that fails" });
  readonly update = Option.Boolean("--update", false, {
    description: "write what the policy says into the expectations that differ, and show it first",
  });
  readonly coverage = Option.Boolean("--coverage", false, {
    description: "say which rules and tests were not exercised",
  });
  readonly lcov = Option.String("--lcov", { description: "write the coverage of rules to a file, as LCOV" });
  readonly reporter = Option.String("--reporter", "text", { description: "text, json, junit or github" });

  async run(io: Terminal): Promise<number> {
    if (!["text", "json", "junit", "github"].includes(this.reporter))
      throw new Stop(
        `--reporter is text, json, junit or github, not \`${visible(this.reporter)}\``,
        undefined,
        exits.usage,
      );
    const { readFixtures } = await import("../fixtures/fixture.ts");
    const fixtures = readFixtures(this.dir, this.#fixturePath());
    const compiled = await this.#compiled(io);
    const policy = await openPolicy(compiled);
    const { Coverage } = await import("../fixtures/coverage.ts");
    const { judgeFixtures } = await import("../fixtures/judge.ts");
    const coverage = this.coverage || this.lcov !== undefined ? new Coverage(policy.rules()) : null;
    const judged = judgeFixtures(policy, fixtures, {
      mode: policy.runtime().mode === "audit" ? "audit" : "enforce",
      failFast: this.failFast && !this.update,
      onTrace: coverage === null ? null : (rules) => coverage.take(rules),
    });
    const hasFailed = judged.some(({ passed }) => !passed);
    const asserts = fixtures.some((one) => one.asserts.length > 0);
    const { judgeAssertsOf } = await import("../fixtures/asserts.ts");
    const results = [
      ...judged,
      ...(asserts && !(this.failFast && hasFailed) ? judgeAssertsOf(compiled, fixtures) : []),
    ];
    if (results.length === 0)
      throw new Stop("there are no fixtures: tests/ holds no *.fmtest.json", "write one: docs/testing.md");
    const covered = coverage?.rules() ?? null;
    if (this.lcov !== undefined && covered !== null) await writeLcov(this.lcov, covered);
    const updated = this.update ? await this.#update(io, judged) : 0;
    await this.#report(io, results, this.coverage ? covered : null, updated);
    const isHeld = results.every(({ passed, problem }) => passed || (this.update && problem === null));
    return isHeld ? exits.ok : exits.failed;
  }

  #fixturePath(): string | null {
    if (this.fixture === undefined) return null;
    return isAbsolute(this.fixture) ? relative(this.dir, this.fixture) : this.fixture;
  }

  async #compiled(io: Terminal): Promise<CompiledPolicy> {
    try {
      return await compilePolicy(io, this.dir, readPolicyFile(this.dir));
    } catch (error) {
      if (!(error instanceof Stop) || error.exitCode !== exits.failed) throw error;
      throw new Stop(error.message, error.help, exits.changes);
    }
  }

  async #update(io: Terminal, results: readonly CaseResult[]): Promise<number> {
    const { updatedText } = await import("../fixtures/update.ts");
    const { nodeDisk, replaceFile } = await import("../../runtime/disk.ts");
    const failed = results.filter(({ passed }) => !passed);
    const files = new Set(failed.map(({ fixture }) => fixture.path));
    for (const file of files) {
      const path = join(this.dir, file);
      const before = readFileSync(path, "utf8");
      const after = updatedText(
        before,
        failed.filter(({ fixture }) => fixture.path === file),
      );
      io.note(visible(file));
      for (const { mark, text } of changedLines(before, after)) if (mark !== " ") io.note(`${mark} ${visible(text)}`);
      replaceFile(nodeDisk, path, Buffer.from(after));
    }
    return failed.length;
  }

  async #report(
    io: Terminal,
    results: readonly CaseResult[],
    covered: readonly RuleCoverage[] | null,
    updated: number,
  ): Promise<void> {
    const { differenceText, failureOf, githubCommands, junit } = await import("../fixtures/report.ts");
    const failed = results.filter(({ passed }) => !passed);
    if (this.reporter === "junit") return io.raw(junit(results));
    if (this.reporter === "github") return io.raw(githubCommands(results, this.#folder()));
    const json = jsonOf(results, covered, updated);
    if (this.reporter === "json" && !io.isJson) return io.raw(`${JSON.stringify(json)}\n`);
    io.json(json);
    for (const result of failed) {
      const failure = failureOf(result);
      io.line(`${io.paint.red("✗")} ${visible(result.fixture.path)}: ${visible(result.name)}`);
      if (result.problem !== null) io.line(`    ${visible(result.problem)}`);
      if (failure === undefined) continue;
      const step = result.calls.length > 1 ? `${visible(failure.call.label)}: ` : "";
      io.line(`    ${step}${differenceText(failure)}`);
    }
    const passed = results.length - failed.length;
    if (updated > 0)
      io.line(`${countText(updated, "expectation")} written; ${countText(passed, "case")} passed before`);
    else if (failed.length > 0) io.line(`${failed.length} of ${countText(results.length, "case")} failed`);
    else io.line(`${io.paint.green("✓")} ${countText(passed, "case")} passed`);
    if (covered !== null) printCoverage(io, covered);
  }

  #folder(): string {
    const path = relative(process.cwd(), this.dir).split(sep).join("/");
    return path === "" ? "" : `${path}/`;
  }
}

async function openPolicy({ image }: CompiledPolicy): Promise<Policy> {
  const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
  return loadPolicySync(image, { state: "volatile" });
}

async function writeLcov(path: string, covered: readonly RuleCoverage[]): Promise<void> {
  const { lcovOf } = await import("../fixtures/coverage.ts");
  const { nodeDisk, replaceFile } = await import("../../runtime/disk.ts");
  replaceFile(nodeDisk, path, Buffer.from(lcovOf(covered)));
}

function printCoverage(io: Terminal, covered: readonly RuleCoverage[]): void {
  const decided = covered.filter(({ matched }) => matched > 0).length;
  io.line(`Coverage: ${decided} of ${countText(covered.length, "rule")} matched a call`);
  const rows = covered.flatMap(({ rule, tried, matched, passed, oneSided }): [string, string, string][] => {
    const place = `${rule.file ?? ""}:${rule.line ?? ""}`;
    const isConditional = rule.text.includes(" if ");
    const missing = [
      ...(tried === 0 ? ["never tried"] : matched === 0 ? ["never matches"] : []),
      ...(matched > 0 && passed === 0 && isConditional ? ["never let a call by"] : []),
      ...(tried > 0 ? oneSided.map(({ test, never }) => `${test} never ${never}`) : []),
    ];
    return missing.length === 0 ? [] : [[place, visible(rule.text), visible(missing.join("; "))]];
  });
  for (const line of columns(rows)) io.line(`  ${line}`);
}

function jsonOf(results: readonly CaseResult[], covered: readonly RuleCoverage[] | null, updated: number): object {
  return {
    passed: results.filter(({ passed }) => passed).length,
    failed: results.filter(({ passed }) => !passed).length,
    updated,
    cases: results.map(({ fixture, name, calls, passed, problem }) => ({
      file: fixture.path,
      fixture: fixture.name,
      name,
      passed,
      problem,
      calls: calls.map(({ call, answer, differs }) => ({
        tool: call.request.tool_id,
        expect: expectJson(call.expect),
        answer: expectJson(answer),
        reason: answer.reason,
        differs: differs.map((member) => (member === "ruleRef" ? "rule_ref" : member)),
      })),
    })),
    coverage:
      covered === null
        ? null
        : covered.map(({ rule, tried, matched, oneSided }) => ({
            rule: rule.text,
            rule_ref: rule.file === null ? null : `${rule.file}:${rule.line}`,
            tried,
            matched,
            one_sided: oneSided,
          })),
  };
}

function expectJson(of: { effect: string; code: string | null; ruleRef: string | null; would: string | null }): object {
  return { effect: of.effect, code: of.code, rule_ref: of.ruleRef, would: of.would };
}
