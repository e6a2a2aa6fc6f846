// `faramesh check`: what the compiler has to say about the policy. It changes nothing unless it is told to pin.

import { relative, sep } from "node:path";
import { Command, Option } from "clipanion";
import type { Diagnostic, Stack } from "../../compiler/index.ts";
import { lockFileName } from "../../runtime/registry/lock-file.ts";
import type { TriedAssert } from "../asserts.ts";
import { FarameshCommand } from "../context.ts";
import { type ExitCode, exits, Stop } from "../exit.ts";
import { gatherImports, pinAll, unpinned } from "../imports.ts";
import { frames, readPolicyFile, unreportedJson, unreportedText } from "../policy-file.ts";
import { countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

export class CheckCommand extends FarameshCommand {
  static override paths = [["check"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "read the policy and report mistakes",
    details: "Exit codes: 0 valid, 1 errors, 2 an import was not found, 3 warnings with --strict.",
    examples: [
      ["Check the policy of this folder", "faramesh check"],
      ["Look again at each save", "faramesh check --watch"],
      ["Mark the places in a pull request, in a workflow of GitHub", "faramesh check --format github"],
      ["For a service that scans code", "faramesh check --format sarif"],
    ],
  });
  override readonly otherFormats = ["sarif", "github"];
  readonly strict = Option.Boolean("--strict", false, { description: "warnings fail too" });
  readonly offline = Option.Boolean("--offline", false, { description: "never ask a registry over the network" });
  readonly writeLock = Option.Boolean("--write-lock", false, {
    description: "pin the imports, as they are now, in governance.fms.lock",
  });
  readonly unsigned = Option.Array("--unsigned", {
    description: "with --write-lock: pin what this publisher has not signed (packs.example, or packs.example/stripe)",
  });
  readonly watch = Option.Boolean("--watch", false, { description: "look again at each save, until Ctrl-C" });
  readonly strictEnv = Option.Boolean("--strict-env", false, { description: "variables named by env() must be set" });

  async run(io: Terminal): Promise<number> {
    if (!this.watch) return this.#look(io);
    if (this.writeLock) throw new Stop("--watch writes nothing: --write-lock is for once", undefined, exits.usage);
    const { lookAtEachSave, onlyText } = await import("../watching.ts");
    onlyText(this.formatOption);
    return lookAtEachSave(io, this.dir, () => this.#look(io));
  }

  async #look(io: Terminal): Promise<number> {
    const source = readPolicyFile(this.dir);
    const { compile } = await import("../../compiler/index.ts");
    const { reasonAbout } = await import("../../compiler/analyse/index.ts");
    const { assertFindings, assertsJson, tryAsserts } = await import("../asserts.ts");
    let asserts: readonly TriedAssert[] = [];
    const reasoner = (all: Stack, compiled: Uint8Array) => {
      asserts = tryAsserts({ stack: all, image: compiled });
      return [...reasonAbout(all), ...assertFindings(asserts)];
    };
    const { knownTools } = await import("../known-tools.ts");
    const known = await knownTools(this.dir, io.env);
    const { offline, unsigned = [] } = this;
    if (unsigned.length > 0 && !this.writeLock)
      throw new Stop("--unsigned names publishers to pin, with --write-lock", undefined, exits.usage);
    const holding = this.writeLock ? "none" : "all";
    const gathered = await gatherImports(io, this.dir, source, { holding, offline, unsigned });
    const options = { file: source.file, knownTools: known, imports: gathered.resolve, reasoner };
    const { image, stack, diagnostics, unreported, sources, imports } = compile(source.text, options);
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    const warnings = diagnostics.filter(({ severity }) => severity === "warning");
    const notes = diagnostics.filter(({ severity }) => severity === "note");
    const unset = this.strictEnv && stack !== undefined ? unsetVariables(stack, io.env) : [];
    const isValid = image !== undefined && unset.length === 0;
    if (this.otherFormats.includes(this.formatOption)) {
      io.raw(await this.#report(diagnostics));
      for (const name of unset) io.complain(unsetText(source.file, name));
      return this.#exitCode(isValid, errors, warnings.length);
    }
    if (isValid && this.writeLock) pinAll(this.dir, gathered, imports);
    const loose = isValid && !this.writeLock ? unpinned(gathered.lock, imports) : [];
    const facts = image === undefined ? null : await factsOf(image);
    io.json({
      valid: isValid,
      file: source.file,
      errors: errors.length + unset.length,
      warnings: warnings.length,
      unreported: unreported === undefined ? null : unreportedJson(unreported),
      unset_variables: unset,
      diagnostics,
      asserts: assertsJson(asserts),
      imports: imports.map(({ reference, sha256 }) => ({
        reference,
        sha256,
        believed_by: gathered.admitted.get(reference)?.standing.by ?? "own",
        pinned: isValid && !loose.some((one) => one.reference === reference),
      })),
      policy_hash: facts?.policy_hash ?? null,
      image_hash: facts?.image_hash ?? null,
      worst_case_steps: facts?.worst_case_steps ?? null,
      rules: facts?.rules ?? null,
      agents: facts?.agents ?? null,
    });
    const shown = async (some: readonly Diagnostic[]): Promise<string[]> => frames(some, sources, io.isColored);
    for (const frame of await shown(errors)) io.line(frame);
    for (const name of unset) io.line(unsetText(source.file, name));
    for (const frame of await shown([...warnings, ...notes])) io.note(frame);
    if (unreported !== undefined) io.line(unreportedText(unreported));
    if (!isValid) {
      const tail = warnings.length > 0 ? `, ${countText(warnings.length, "warning")}` : "";
      io.line(`${countText(errors.length + unset.length, "error")}${tail}`);
      return this.#exitCode(isValid, errors, warnings.length);
    }
    io.say(`${io.paint.green("✓")} ${source.file} valid`);
    if (facts !== null) {
      const agents = countText(facts.agents.length + (facts.anonymous ? 1 : 0), "agent");
      const steps = countText(facts.worst_case_steps, "step");
      io.say(`  ${agents}, ${countText(facts.rules, "rule")}; a decision takes at most ${steps}`);
    }
    const proved = asserts.filter(({ outcome }) => outcome === "proved").length;
    if (proved > 0) io.say(`  ${countText(proved, "assert")} proved`);
    if (this.writeLock) io.say(`  ${countText(imports.length, "import")} pinned in ${lockFileName}`);
    for (const { reference } of loose) io.note(`  ${reference} is not pinned yet; pin it: faramesh check --write-lock`);
    if (warnings.length > 0) io.say(`  ${countText(warnings.length, "warning")}`);
    return this.#exitCode(isValid, errors, warnings.length);
  }

  #exitCode(isValid: boolean, errors: readonly Diagnostic[], warnings: number): ExitCode {
    const isUnreachable = errors.length > 0 && errors.every(({ code }) => code === "FMS031");
    if (!isValid) return isUnreachable ? exits.unreachable : exits.failed;
    return this.strict && warnings > 0 ? exits.warnings : exits.ok;
  }

  /** For programs that know files by their path from where the command was typed. */
  async #report(diagnostics: readonly Diagnostic[]): Promise<string> {
    const path = relative(process.cwd(), this.dir).split(sep).join("/");
    const folder = path === "" ? "" : `${path}/`;
    if (this.formatOption === "github") {
      const { githubReport } = await import("../../compiler/report/github.ts");
      return githubReport(diagnostics, { folder });
    }
    const { sarifReport } = await import("../../compiler/report/sarif.ts");
    const version = this.cli.binaryVersion ?? "0.0.0";
    return sarifReport(diagnostics, { folder, version });
  }
}

function unsetText(file: string, name: string): string {
  return `✗ ${file}: the environment variable ${visible(name)} is not set`;
}

async function factsOf(image: Uint8Array) {
  const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
  return loadPolicySync(image, { state: "volatile" }).info;
}

function unsetVariables(stack: Stack, env: NodeJS.ProcessEnv): string[] {
  const named = (stack.runtime?.fields ?? []).flatMap(({ value }) => (value.kind === "env" ? [value.variable] : []));
  return named.filter((name) => env[name] === undefined);
}
