// `faramesh agent run`: starts an agent's command, its environment stripped and its processes fenced in as the policy in force says.
// It never starts a command with less than that.
import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import { loadImage } from "../../runtime/images.ts";
import { RotatedFile } from "../../runtime/rotated-file.ts";
import { holds, PlanFailure } from "../../runtime/sandbox/plan.ts";
import { isProfile } from "../../runtime/sandbox/profile.ts";
import type { Supervision } from "../../runtime/sandbox/start.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import type { RuntimeSettings } from "../daemon.ts";
import { exits, Stop, stopOf } from "../exit.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const outputLimitBytes = 8 * 1024 * 1024;

export class AgentRunCommand extends FarameshCommand {
  static override paths = [["agent", "run"]];
  static override usage = Command.Usage({
    category: "Agents",
    description: "start an agent fenced in: no network, no credentials, only the daemon's socket",
    details:
      "What holds is said by the policy in force: agent_enforce_profile, strip_env, strip_ambient_credentials, supervised_command. Exit codes: the command's own; 1 it was not started.",
    examples: [
      ["An agent in Node", "faramesh agent run -- node agent.js"],
      ["With a folder to write in", "faramesh agent run --write out -- node agent.js"],
    ],
  });
  readonly agent = Option.String("--agent", { description: "the agent's id: its FARAMESH_AGENT_ID" });
  readonly write = Option.Array("--write", [], { description: "a folder in which it may write; may be given again" });
  readonly read = Option.Array("--read", [], {
    description: "a folder beside the stack that it may read; may be given again",
  });
  /** Set by the daemon that starts us: where the command's output goes. We end when our standard input does. */
  readonly supervised = Option.String("--supervised", { hidden: true });
  readonly words = Option.Rest({ name: "command" });

  async run(io: Terminal): Promise<number> {
    const { daemon, doors } = await askOperator(this.dir, "status", {});
    if (daemon.image_hash === null) throw new Stop("no policy is in force", "first: faramesh apply");
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const { image } = loadImage(stackPaths(this.dir).policies, daemon.image_hash);
    const settings = loadPolicySync(image, { state: "volatile" }).runtime();
    const { SandboxMissing, startAgent } = await import("../../runtime/sandbox/start.ts");
    const { strippedEnvironment } = await import("../../runtime/sandbox/environment.ts");
    const profile = settings.agent_enforce_profile ?? "full";
    if (!isProfile(profile)) throw new Stop(`agent_enforce_profile is "full" or "environment"`);
    const isAmbient = settings.strip_ambient_credentials !== false;
    const { env, taken } = strippedEnvironment(io.env, textsOf(settings.strip_env), isAmbient);
    if (taken.length > 0) io.note(`→ not passed on: ${visible(taken.join(", "))}`);
    if (profile === "environment")
      io.note("⚠ the agent is not fenced in: its environment is stripped, and that is all");
    const id: Record<string, string> = this.agent === undefined ? {} : { FARAMESH_AGENT_ID: this.agent };
    const ways = doors.filter(({ door }) => door === "forward-proxy").map(({ address }) => address);
    const [address, socket] = ["http:", "/"].map((begin) => ways.find((one) => one.startsWith(begin)));
    const isOut = address !== undefined && socket !== undefined;
    if (isOut && this.agent === undefined) io.note("⚠ the proxy is not there for it: name the agent with --agent");
    const token = isOut && this.agent !== undefined ? await this.#token(io, this.agent) : null;
    try {
      return await startAgent({
        command: this.#command(settings),
        env: { ...env, FARAMESH_SOCKET: daemon.socket, ...id },
        profile,
        supervision: this.supervised === undefined ? null : supervisionOf(this.supervised),
        plan: {
          ...this.#plan(daemon.socket, daemon.wal.dir),
          proxy: token === null || !isOut ? null : { socket, address, bridge: bridgeFile(), ...token },
        },
      });
    } catch (error) {
      if (error instanceof PlanFailure) throw new Stop(error.message);
      if (!(error instanceof SandboxMissing)) throw error;
      const what = error.missing.map((one) => `missing: ${visible(one)}`).join("\n  ");
      throw new Stop(`${error.message}: nothing was started`, what);
    } finally {
      // Or it keeps us.
      if (this.supervised !== undefined) process.stdin.destroy();
      if (token !== null) await this.#revoke(io, token.id);
    }
  }

  /** Of this run alone. */
  async #token(io: Terminal, agentId: string) {
    const actor = actorName(io.env);
    const { token, created } = await askOperator(this.dir, "tokens_create", {
      role: "agent",
      agent_id: agentId,
      actor,
    });
    return { agentId, token, id: created.id };
  }

  async #revoke(io: Terminal, id: string): Promise<void> {
    try {
      await askOperator(this.dir, "tokens_revoke", { id, actor: actorName(io.env) });
    } catch (error) {
      if (stopOf(error) === null) throw error;
      io.note(`⚠ the token ${id} of this run is still in force: faramesh token revoke ${id}`);
    }
  }

  #command(settings: RuntimeSettings): readonly [string, ...string[]] {
    const [program, ...words] = this.words;
    if (program !== undefined) return [program, ...words];
    const supervised = settings.supervised_command;
    if (typeof supervised === "string" && supervised !== "") return ["/bin/sh", "-c", supervised];
    throw new Stop(
      "there is no command to start",
      "faramesh agent run -- command, or runtime { supervised_command }",
      exits.usage,
    );
  }

  #plan(socket: string, walDir: string) {
    const stackDir = realpathSync(this.dir);
    const [reads, writes] = [this.read.map(folderOf), this.write.map(folderOf)];
    const workingDir = realpathSync(process.cwd());
    const isInside = [stackDir, ...reads, ...writes].some((folder) => holds(folder, workingDir));
    const home = homedir();
    return { stackDir, socket, walDir, reads, writes, home, workingDir: isInside ? workingDir : stackDir };
  }
}

/** The daemon holds the other end of our standard input, and lets go of it only when it ends. */
function supervisionOf(file: string): Supervision {
  const output = new RotatedFile(file, outputLimitBytes);
  const gone = new AbortController();
  for (const event of ["end", "close", "error"]) process.stdin.on(event, () => gone.abort());
  process.stdin.resume();
  return { output: (bytes) => output.write(bytes), gone: gone.signal };
}

/** Built beside our own bundle, which the bundler may have laid this file beside or below. */
function bridgeFile(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const places = [here, join(here, ".."), join(here, "..", "..", "dist")].map((folder) => join(folder, "bridge.cjs"));
  return places.find((place) => existsSync(place)) ?? places[0] ?? "";
}

function folderOf(path: string): string {
  try {
    return realpathSync(resolve(path));
  } catch {
    throw new Stop(`there is no folder ${visible(path)}`);
  }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}
