// A daemon as a process of its own in a temporary directory, with what is to happen to such a process: code loaded before it, limits of
// the system around it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { daemonCommand } from "../../runtime/launch.ts";
import { socketPlaces, stackPaths } from "../../runtime/stack.ts";
import { imageOf } from "./stack-under-test.ts";

export interface ProcessOptions {
  /** Code of a module that is loaded before the daemon. */
  readonly preload?: string;
  /** Options of node's. */
  readonly node?: readonly string[];
  /** Commands of bash's before the daemon: `ulimit -n 64`. */
  readonly before?: string;
}

export class DaemonProcess {
  readonly dir = mkdtempSync(join(tmpdir(), "faramesh-process-"));
  #child: ChildProcess | null = null;

  get child(): ChildProcess {
    if (this.#child === null) throw new Error("the daemon is not started");
    return this.#child;
  }

  /** Exit code and signal. */
  get ended(): Promise<unknown[]> {
    const { child } = this;
    return child.exitCode === null && child.signalCode === null
      ? once(child, "exit")
      : Promise.resolve([child.exitCode, child.signalCode]);
  }

  static async start(policy: string, options: ProcessOptions = {}): Promise<DaemonProcess> {
    const started = new DaemonProcess();
    try {
      await started.again(options);
      await started.apply(policy);
      return started;
    } catch (error) {
      await started.remove();
      throw error;
    }
  }

  async apply(policy: string): Promise<void> {
    const sources = [{ file: "governance.fms", text: policy }];
    await askOperator(this.dir, "apply", { image: imageOf(policy), sources, actor: "tester" });
  }

  /** Starts it where another has ended. Rejects when it does not come up. */
  async again({ preload, node = [], before }: ProcessOptions = {}): Promise<void> {
    const [interpreter, ...entry] = daemonCommand();
    const first: string[] = [...node];
    if (preload !== undefined) {
      const file = join(this.dir, "preload.mjs");
      writeFileSync(file, preload);
      first.push("--import", file);
    }
    const command = [interpreter, ...first, ...entry, "--dir", this.dir];
    const [program = "", ...rest] =
      before === undefined ? command : ["bash", "-c", `${before}; exec "$@"`, "bash", ...command];
    this.#child = spawn(program, rest, { stdio: "ignore" });
    for (let turn = 0; turn < 800 && this.#child.exitCode === null; turn++) {
      if ((await askOperator(this.dir, "ping", {}).catch(() => null)) !== null) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error("the daemon did not start");
  }

  /** Descriptors that it holds; null where the system does not tell. */
  descriptors(): number | null {
    const place = `/proc/${this.child.pid}/fd`;
    return existsSync(place) ? readdirSync(place).length : null;
  }

  connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(socketPlaces(stackPaths(this.dir), {}, undefined).agent);
      socket.once("connect", () => resolve(socket));
      socket.once("error", reject);
    });
  }

  async ask(tool: string, args: object = {}): Promise<GovernAnswer> {
    const socket = await this.connect();
    try {
      return await askOn(socket, tool, args);
    } finally {
      socket.destroy();
    }
  }

  async remove(): Promise<void> {
    if (this.#child !== null) {
      const { ended } = this;
      this.child.kill("SIGKILL");
      await ended;
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** One call on a connection that has no other in flight; `more` are members of its request. Rejects when the daemon hangs up. */
export async function askOn(socket: Socket, tool: string, args: object = {}, more: object = {}): Promise<GovernAnswer> {
  const lines = createInterface(socket);
  try {
    const line = Promise.race([once(lines, "line"), once(lines, "close").then(() => null)]);
    socket.write(`${JSON.stringify({ type: "govern", agent_id: "bot", tool_id: tool, args, ...more })}\n`);
    const [text] = (await line) ?? [];
    if (text === undefined) throw new Error("no answer");
    return JSON.parse(String(text)) as GovernAnswer;
  } finally {
    lines.close();
  }
}
