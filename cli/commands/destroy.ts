// faramesh destroy: stops the daemon and removes the stack's runtime files and stored versions; the log only with --wal.
import { existsSync, lstatSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import type { Readable } from "node:stream";
import { Command, Option } from "clipanion";
import { askOperator, NotRunning } from "../../runtime/doors/client.ts";
import { removeTree } from "../../runtime/disk.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { actorName } from "../actor.ts";
import { StackCommand } from "../context.ts";
import { CliFailure, exitCodes } from "../exit.ts";
import { walDir } from "../wal.ts";

const stopWaitMs = 30_000;
const stopPollMs = 50;

export class DestroyCommand extends StackCommand {
  static override paths = [["destroy"]];
  static override usage = Command.Usage({
    description: "stop the daemon and remove what it keeps here",
    details: "Removes .faramesh (runtime files, stored versions). The log is kept unless --wal is given; governance.fms is never touched.",
    examples: [["Remove everything but policy and log", "faramesh destroy --yes"]],
  });

  wal = Option.Boolean("--wal", false, { description: "remove the log too: its proof is gone then" });
  yes = Option.Boolean("--yes", false, { description: "do not ask" });

  override async run(): Promise<number> {
    const paths = stackPaths(this.stackDir);
    const log = await walDir(paths.dir);
    const doomed = [paths.faramesh, ...(this.wal ? [log] : [])].filter((path) => existsSync(path));
    if (doomed.length === 0) {
      this.json({ removed: [], kept: [] });
      this.print("there is nothing to remove");
      return exitCodes.ok;
    }
    for (const path of doomed) {
      if (!lstatSync(path).isDirectory()) throw new CliFailure("UNSAFE", `${path} is not a directory of ours: nothing was removed`);
    }
    if (!this.yes) await this.#ask(doomed);
    await this.#stop(paths.dir);
    for (const path of doomed) removeTree(path);
    const kept = !this.wal && existsSync(log) ? [log] : [];
    this.json({ removed: doomed, kept });
    for (const path of doomed) this.print(`${this.paint.good("✓")} ${path} removed`);
    for (const path of kept) this.print(`  the log is kept: ${path}`);
    return exitCodes.ok;
  }

  async #ask(doomed: readonly string[]): Promise<void> {
    const { stdin, stdout } = this.context;
    if (!(stdin as Readable & { isTTY?: boolean }).isTTY) {
      throw new CliFailure("NOT_CONFIRMED", "destroy removes files and was not confirmed: nothing was removed", {
        help: "say so: faramesh destroy --yes",
      });
    }
    const lines = createInterface({ input: stdin, output: stdout });
    const answer = await lines.question(`Remove ${doomed.join(" and ")}? [y/N] `);
    lines.close();
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliFailure("NOT_CONFIRMED", "nothing was removed");
  }

  async #stop(dir: string): Promise<void> {
    try {
      await askOperator(dir, "stop", { actor: actorName(this.context.env) });
    } catch (error) {
      if (error instanceof NotRunning) return;
      throw error;
    }
    for (let waitedMs = 0; waitedMs < stopWaitMs; waitedMs += stopPollMs) {
      try {
        await askOperator(dir, "ping", {});
      } catch {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, stopPollMs));
    }
    throw new CliFailure("STOP_TIMEOUT", "the daemon is still finishing: nothing was removed");
  }
}
