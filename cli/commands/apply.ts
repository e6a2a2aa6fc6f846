// faramesh apply: checks and compiles the policy and puts it in force: the daemon is started, or swaps in place. The
// daemon stores the version and writes the record; this command only asks.
import { Command, Option } from "clipanion";
import { NotRunning, askOperator, callOperator, readDaemonFile } from "../../runtime/doors/client.ts";
import type { ApplyAnswer } from "../../runtime/doors/protocol.ts";
import { type StackPaths, stackPaths, walDirOf } from "../../runtime/stack.ts";
import type { RuntimeValue } from "../../runtime/evaluator/types.ts";
import { actorName } from "../actor.ts";
import { StackCommand } from "../context.ts";
import { CliFailure, exitCodes } from "../exit.ts";
import { compilePolicyFile, type PolicyFile, readPolicyFile } from "../policy-file.ts";
import { count, visible } from "../render.ts";
import { showDiagnostics } from "./check.ts";

/** How long a stopping daemon may take to finish its calls and close the log. */
const stopWaitMs = 30_000;
const stopPollMs = 50;

interface Ready {
  readonly policy: PolicyFile;
  readonly image: Uint8Array;
  readonly runtime: { readonly [name: string]: RuntimeValue };
}

export class ApplyCommand extends StackCommand {
  static override paths = [["apply"]];
  static override usage = Command.Usage({
    description: "put the policy in force",
    details: "Compiles governance.fms, starts the daemon if none runs, else swaps in place. A policy that does not compile changes nothing.",
    examples: [
      ["Put the policy of this directory in force", "faramesh apply"],
      ["Stop the daemon", "faramesh apply --stop"],
    ],
  });

  stop = Option.Boolean("--stop", false, { description: "stop the daemon: calls in flight are finished" });
  foreground = Option.Boolean("--foreground", false, { description: "run the daemon in this process" });
  force = Option.Boolean("--force", false, { description: "apply although warnings are errors elsewhere" });
  offline = Option.Boolean("--offline", false, { description: "use no network (this version never does)" });

  override async run(): Promise<number> {
    const paths = stackPaths(this.stackDir);
    if (this.stop) return await this.#stop(paths);
    const ready = await this.#compile();
    if (this.foreground) return await this.#serve(paths, ready);
    const started = await this.#ensureDaemon(paths, ready);
    const before = started === null ? await statusOf(paths) : null;
    const answer = await askOperator(paths.dir, "apply", this.#request(ready));
    const socket = readDaemonFile(paths)?.socket ?? paths.agentSocket;
    this.#report(ready, answer, started, socket, before);
    return exitCodes.ok;
  }

  #request(ready: Ready): { image: string; sources: { file: string; text: string }[]; actor: string } {
    const { file, text } = ready.policy;
    const image = Buffer.from(ready.image).toString("base64");
    return { image, sources: [{ file, text }], actor: actorName(this.context.env) };
  }

  async #compile(): Promise<Ready> {
    const policy = readPolicyFile(this.stackDir);
    const { image, diagnostics } = await compilePolicyFile(policy);
    await showDiagnostics(this, policy, diagnostics);
    if (image === undefined) {
      const errors = diagnostics.filter((d) => d.severity === "error").length;
      throw new CliFailure("INVALID_POLICY", `${policy.file} has ${count(errors, "error")}: nothing was changed`, {
        help: "see them with: faramesh check",
      });
    }
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const { unsupportedRuntime } = await import("../../runtime/policy.ts");
    const runtime = loadPolicySync(image).runtime();
    const unsupported = unsupportedRuntime(Object.keys(runtime));
    if (unsupported.length > 0) {
      const names = unsupported.map((name) => `\`${name}\``).join(", ");
      throw new CliFailure("NOT_SUPPORTED", `runtime: ${names} ${unsupported.length === 1 ? "is" : "are"} not supported yet`, {
        help: "take it out of runtime { } : it would not be enforced",
      });
    }
    return { policy, image, runtime };
  }

  /** The process id when this call started the daemon, null when one ran. */
  async #ensureDaemon(paths: StackPaths, ready: Ready): Promise<number | null> {
    try {
      await callOperator(paths.dir, "ping", {});
      return null;
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error;
    }
    const { LaunchFailure, spawnDaemon } = await import("../../runtime/launch.ts");
    try {
      const { pid } = await spawnDaemon(paths.dir, launchOptions(paths, ready));
      return pid;
    } catch (error) {
      if (!(error instanceof LaunchFailure)) throw error;
      const lines = error.lastLines.map((line) => `  ${visible(line)}`).join("\n");
      throw new CliFailure(error.code, `${error.message}${lines === "" ? "" : `\n${lines}`}`, {
        exitCode: exitCodes.daemonDidNotStart,
        help: `the policy was not applied; more in ${paths.daemonLog}`,
      });
    }
  }

  #report(ready: Ready, answer: ApplyAnswer, started: number | null, socket: string, before: Before | null): void {
    const hash = answer.policy_hash.slice(0, 8);
    this.json({
      version: answer.version,
      policy_hash: answer.policy_hash,
      image_hash: answer.image_hash,
      changed: answer.changed,
      swapped: answer.swapped,
      started: started !== null,
      pid: started,
      socket,
      phases_started: answer.phases_started,
    });
    if (before?.rolledBack === true && answer.changed) {
      this.print(`${this.paint.warn("⚠")} ${before.version} was in force by a rollback; the file replaces it`);
    }
    const { good } = this.paint;
    if (!answer.changed) {
      this.print(`${good("✓")} ${ready.policy.file} is in force already (${answer.version}, ${hash}): nothing changed`);
    } else {
      this.print(`${good("✓")} ${ready.policy.file} compiled (${answer.version}, ${hash})`);
      if (answer.swapped && started === null) this.print(`${good("✓")} swapped in place, 0 calls dropped`);
    }
    for (const phase of answer.phases_started) this.print(`${good("✓")} phase ${visible(phase)} began`);
    if (started !== null) this.print(`→ runtime started (pid=${started})`);
    if (!this.quiet) this.print(`→ socket ${socket}`);
  }

  async #stop(paths: StackPaths): Promise<number> {
    let pid: number;
    try {
      ({ pid } = await askOperator(paths.dir, "stop", { actor: actorName(this.context.env) }));
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error;
      this.json({ stopped: false });
      this.print("no daemon runs for this stack: nothing to stop");
      return exitCodes.ok;
    }
    for (let waitedMs = 0; isAlive(pid); waitedMs += stopPollMs) {
      if (waitedMs >= stopWaitMs) throw new CliFailure("STOP_TIMEOUT", `the daemon (pid=${pid}) is still finishing after ${stopWaitMs / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, stopPollMs));
    }
    this.json({ stopped: true, pid });
    this.print(`${this.paint.good("✓")} daemon stopped (pid=${pid})`);
    return exitCodes.ok;
  }

  async #serve(paths: StackPaths, ready: Ready): Promise<number> {
    const { startDaemon, StartFailure } = await import("../../runtime/daemon.ts");
    try {
      const daemon = await startDaemon({ dir: paths.dir, ...launchOptions(paths, ready) });
      this.context.signal.addEventListener("abort", () => daemon.beginStop());
      const answer = await askOperator(paths.dir, "apply", this.#request(ready));
      this.#report(ready, answer, process.pid, readDaemonFile(paths)?.socket ?? paths.agentSocket, null);
      const { exitCode } = await daemon.ended;
      return exitCode;
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      throw new CliFailure(error.code, error.message, { exitCode: exitCodes.daemonDidNotStart });
    }
  }
}

interface Before {
  readonly version: string | null;
  readonly rolledBack: boolean;
}

async function statusOf(paths: StackPaths): Promise<Before | null> {
  const answer = await callOperator(paths.dir, "status", {});
  return answer.ok ? { version: answer.daemon.policy_version, rolledBack: answer.daemon.rolled_back } : null;
}

/** What the daemon must know before it reads its log: from the policy about to be applied. */
function launchOptions(
  paths: StackPaths,
  { runtime }: Ready,
): { walDir?: string; socket?: string; durability?: "group" | "each" | "async" } {
  const text = (name: string): string | undefined => {
    const value = runtime[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [walDir, socket, durability] = [text("wal_dir"), text("socket"), text("durability")];
  return {
    ...(walDir === undefined ? {} : { walDir: walDirOf(paths, walDir) }),
    ...(socket === undefined ? {} : { socket }),
    ...(durability === "group" || durability === "each" || durability === "async" ? { durability } : {}),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
