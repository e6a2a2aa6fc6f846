// `faramesh dev`: the daemon in the foreground with its log marked, and the policy applied again at each save. A save that
// does not compile is shown, and the policy before it goes on.
import { join } from "node:path";
import { Command } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import { launchSettings, startHelp } from "../daemon.ts";
import { exits, Stop, stopOf } from "../exit.ts";
import { compilePolicy, readPolicyFile } from "../policy-file.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

/** Editors write a file in pieces: a change counts when it has been quiet for so long. */
const settleMs = 50;

export class DevCommand extends FarameshCommand {
  static override paths = [["dev"]];
  static override usage = Command.Usage({
    category: "Operation",
    description: "run the daemon here and apply the policy at each save",
    details:
      "The log's records are marked as dev. Ctrl-C stops. Exit codes: 0, 1 no policy to begin with, 4 the daemon did not come up.",
    examples: [["Work on a policy", "faramesh dev"]],
  });

  async run(io: Terminal): Promise<number> {
    const paths = stackPaths(this.dir);
    const policy = await compilePolicy(io, this.dir, readPolicyFile(this.dir), { holding: "registries" });
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const settings = launchSettings(paths, loadPolicySync(policy.image, { state: "volatile" }).runtime(), io.env);
    const { startDaemon, StartFailure } = await import("../../runtime/start-daemon.ts");
    const daemon = await startDaemon({ dir: paths.dir, ...settings, dev: true, env: io.env }).catch(
      (error: unknown) => {
        if (!(error instanceof StartFailure)) throw error;
        throw new Stop(
          `the runtime did not start: ${error.code}: ${error.message}`,
          startHelp(error.code),
          exits.daemonDown,
        );
      },
    );
    const end = (): void => daemon.beginStop();
    process.on("SIGINT", end);
    process.on("SIGTERM", end);
    process.on("SIGHUP", end);
    const { watch } = await import("chokidar");
    let turn = this.#apply(io);
    const beside = policy.imports.filter(({ isLocal }) => isLocal).map(({ file }) => file);
    const watched = [policy.source.file, ...beside].map((file) => join(this.dir, file));
    const watcher = watch(watched, {
      ignoreInitial: true,
      awaitWriteFinish: { stabilityThreshold: settleMs, pollInterval: settleMs / 2 },
    });
    watcher.on("all", () => {
      turn = turn.then(() => this.#apply(io));
    });
    io.note(`runtime in dev mode (pid=${process.pid}), socket ${daemon.places.agent}`);
    io.note(`watching ${policy.source.file}; Ctrl-C stops`);
    const { exitCode, reason } = await daemon.ended;
    await watcher.close();
    await turn;
    if (exitCode !== 0) throw new Stop(`the runtime ended: ${reason}`, undefined, exits.daemonDown);
    return exits.ok;
  }

  async #tellStubs(io: Terminal): Promise<void> {
    const { providers } = await askOperator(this.dir, "status", {});
    for (const { name, status, why } of providers)
      if (status === "stub") io.note(`⚠ provider ${visible(name)}: a stub stands for it: ${visible(why ?? "")}`);
  }

  async #apply(io: Terminal): Promise<void> {
    try {
      const { source, image, sources } = await compilePolicy(io, this.dir, readPolicyFile(this.dir), {
        holding: "registries",
      });
      const encoded = Buffer.from(image).toString("base64");
      const request = { image: encoded, sources, actor: actorName(io.env), summary: "dev" };
      const { version, policy_hash, changed } = await askOperator(this.dir, "apply", request);
      io.json({ version, policy_hash, changed }, 0);
      const what = changed ? "in force" : "in force already";
      io.line(`${io.paint.green("✓")} ${source.file} ${what} (${version}, ${policy_hash.slice(0, 8)})`);
      if (changed) await this.#tellStubs(io);
    } catch (error) {
      const stop = stopOf(error);
      if (stop === null) throw error;
      io.complain(`${io.paint.red("✗")} ${stop.message}: the policy before it goes on`);
    }
  }
}
