// faramesh check: parses, checks and compiles the policy, and says everything that is wrong with it.
import { Command, Option } from "clipanion";
import type { Diagnostic } from "../../compiler/index.ts";
import { StackCommand } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { compilePolicyFile, type PolicyFile, readPolicyFile } from "../policy-file.ts";
import { count } from "../render.ts";

export class CheckCommand extends StackCommand {
  static override paths = [["check"]];
  static override usage = Command.Usage({
    description: "check the policy",
    details: "Parses, checks and compiles governance.fms without touching the daemon. Exits 1 on errors, 3 on warnings with --strict.",
    examples: [["Check the policy of this directory", "faramesh check"]],
  });

  strict = Option.Boolean("--strict", false, { description: "warnings fail too" });
  offline = Option.Boolean("--offline", false, { description: "use no network (this version never does)" });
  strictEnv = Option.Boolean("--strict-env", false, { description: "variables named by env() must be set" });

  override async run(): Promise<number> {
    const policy = readPolicyFile(this.stackDir);
    const { image, diagnostics, stack } = await compilePolicyFile(policy);
    const missing = this.strictEnv ? missingVariables(stack?.runtime?.fields ?? [], this.context.env) : [];
    const errors = diagnostics.filter((d) => d.severity === "error").length + missing.length;
    const warnings = diagnostics.length - (errors - missing.length);
    await showDiagnostics(this, policy, diagnostics);
    for (const name of missing) this.context.stderr.write(`${this.paint.bad("✗")} env("${name}") is not set\n`);
    const failed = errors > 0 || image === undefined;
    this.json({ valid: !failed, errors, warnings, diagnostics, missing_env: missing });
    if (failed) {
      this.print(`${this.paint.bad("✗")} ${policy.file}: ${count(errors, "error")}, ${count(warnings, "warning")}`);
      return exitCodes.failed;
    }
    this.print(`${this.paint.good("✓")} ${policy.file} valid${warnings > 0 ? `, ${count(warnings, "warning")}` : ""}`);
    await this.#describe(image);
    return this.strict && warnings > 0 ? exitCodes.strictWarnings : exitCodes.ok;
  }

  async #describe(image: Uint8Array): Promise<void> {
    if (this.quiet || this.isJson) return;
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const { info } = loadPolicySync(image);
    const agents = info.agents.length + (info.anonymous ? 1 : 0);
    this.print(
      this.paint.dim(
        `  ${count(agents, "agent")}, ${count(info.rules, "rule")}, at most ${count(info.worst_case_steps, "step")} a decision`,
      ),
    );
  }
}

function missingVariables(
  fields: readonly { readonly value: { readonly kind: string; readonly variable?: string } }[],
  env: { readonly [name: string]: string | undefined },
): string[] {
  return fields.flatMap(({ value }) =>
    value.kind === "env" && value.variable !== undefined && env[value.variable] === undefined ? [value.variable] : [],
  );
}

/** Errors and warnings with their frames, on stderr, in the order of the text. */
export async function showDiagnostics(command: StackCommand, policy: PolicyFile, diagnostics: readonly Diagnostic[]): Promise<void> {
  if (command.isJson || diagnostics.length === 0) return;
  const { renderDiagnostic } = await import("../../compiler/frame.ts");
  for (const diagnostic of diagnostics) {
    if (diagnostic.severity === "warning" && command.quiet) continue;
    command.context.stderr.write(`${renderDiagnostic(diagnostic, policy.text, { color: command.paint.on })}\n\n`);
  }
}
