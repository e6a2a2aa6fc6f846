// faramesh dev: the daemon in the foreground, its log marked dev, the policy applied again at each save. A save that does
// not compile changes nothing: the policy before it goes on.
import { Command } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { actorName } from "../actor.ts";
import { StackCommand } from "../context.ts";
import { CliFailure, exitCodes } from "../exit.ts";
import { compilePolicyFile, readPolicyFile } from "../policy-file.ts";
import { showDiagnostics } from "./check.ts";

/** Editors write a file in several steps; after this long without another the save is whole. */
const settleMs = 100;

export class DevCommand extends StackCommand {
  static override paths = [["dev"]];
  static override usage = Command.Usage({
    description: "run the daemon here and apply the policy at each save",
    details: "For writing policies: records are marked dev. Ctrl-C stops it.",
    examples: [["Work on a policy", "faramesh dev"]],
  });

  override async run(): Promise<number> {
    const paths = stackPaths(this.stackDir);
    readPolicyFile(paths.dir);
    const { startDaemon, StartFailure } = await import("../../runtime/daemon.ts");
    const daemon = await startDaemon({ dir: paths.dir, dev: true }).catch((error: unknown) => {
      if (!(error instanceof StartFailure)) throw error;
      throw new CliFailure(error.code, error.message, {
        exitCode: exitCodes.daemonDidNotStart,
        help: error.code === "ALREADY_RUNNING" ? "stop it first: faramesh apply --stop" : undefined,
      });
    });
    this.context.signal.addEventListener("abort", () => daemon.beginStop(), { once: true });
    await this.#apply();
    const { watch } = await import("chokidar");
    const watcher = watch(readPolicyFile(paths.dir).path, {
      ignoreInitial: true,
      awaitWriteFinish: { stabilityThreshold: settleMs, pollInterval: 20 },
    });
    let turn: Promise<void> = Promise.resolve();
    const onSave = (): void => {
      turn = turn.then(() => this.#apply());
    };
    watcher.on("change", onSave).on("add", onSave);
    this.note("watching governance.fms; Ctrl-C stops");
    const { exitCode } = await daemon.ended;
    await watcher.close();
    await turn;
    return exitCode;
  }

  async #apply(): Promise<void> {
    try {
      const policy = readPolicyFile(this.stackDir);
      const { image, diagnostics } = await compilePolicyFile(policy);
      await showDiagnostics(this, policy, diagnostics);
      if (image === undefined) {
        this.print(`${this.paint.bad("✗")} ${policy.file} does not compile: the policy before it goes on`);
        return;
      }
      const answer = await askOperator(this.stackDir, "apply", {
        image: Buffer.from(image).toString("base64"),
        sources: [{ file: policy.file, text: policy.text }],
        actor: actorName(this.context.env),
        summary: "dev",
      });
      this.json({ version: answer.version, policy_hash: answer.policy_hash, changed: answer.changed });
      const what = answer.changed ? "in force" : "in force already";
      this.print(`${this.paint.good("✓")} ${policy.file} ${what} (${answer.version}, ${answer.policy_hash.slice(0, 8)})`);
    } catch (error) {
      this.print(`${this.paint.bad("✗")} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
