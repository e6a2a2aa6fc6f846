// A stack in a temporary directory with its daemon in this process: what every test of the daemon starts from.
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile } from "../../compiler/index.ts";
import type { Daemon, DaemonOptions } from "../../runtime/daemon.ts";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import type { ApplyAnswer, ApprovalView } from "../../runtime/doors/views.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { startDaemon } from "../../runtime/start-daemon.ts";

export type Line = string | Record<string, unknown>;

export class StackUnderTest {
  readonly dir: string;
  readonly options: Omit<DaemonOptions, "dir">;
  #daemon: Daemon | null = null;

  constructor(options: Omit<DaemonOptions, "dir"> = {}) {
    this.dir = mkdtempSync(join(tmpdir(), "faramesh-test-"));
    this.options = options;
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error("the daemon is not started");
    return this.#daemon;
  }

  async start(): Promise<void> {
    this.#daemon = await startDaemon({ dir: this.dir, env: {}, ...this.options });
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
    this.#daemon = null;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async apply(text: string): Promise<ApplyAnswer> {
    return askOperator(this.dir, "apply", {
      image: imageOf(text),
      sources: [{ file: "governance.fms", text }],
      actor: "tester",
    });
  }

  /** Sends lines on one connection, ends it, and gives the answers in the order in which they came. */
  async send(...lines: readonly Line[]): Promise<readonly GovernAnswer[]> {
    const text = lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("");
    const answers = await this.exchange([Buffer.from(text)]);
    return answers.map((answer) => JSON.parse(answer) as GovernAnswer);
  }

  /** Sends chunks as they are and gives the lines that come back. */
  async exchange(chunks: readonly Buffer[]): Promise<readonly string[]> {
    const socket = await this.connect();
    for (const chunk of chunks) {
      socket.write(chunk);
      if (chunks.length > 1) await new Promise(setImmediate);
    }
    socket.end();
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    return text.split("\n").slice(0, -1);
  }

  connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ path: this.daemon.places.agent, allowHalfOpen: true });
      socket.once("connect", () => resolve(socket));
      socket.once("error", reject);
    });
  }

  async ask(tool: string, args: object = {}, more: object = {}): Promise<GovernAnswer> {
    const [answer] = await this.send({ type: "govern", agent_id: "bot", tool_id: tool, args, ...more });
    if (answer === undefined) throw new Error("no answer");
    return answer;
  }

  async approve(id: string | undefined, more: { args?: JsonObject; reason?: string } = {}): Promise<ApprovalView> {
    return (await askOperator(this.dir, "approve_defer", { id: id ?? "", actor: "tester", ...more })).approval;
  }

  async deny(id: string | undefined, reason = ""): Promise<ApprovalView> {
    return (await askOperator(this.dir, "deny", { id: id ?? "", actor: "tester", reason })).approval;
  }

  async records(): Promise<readonly JsonObject[]> {
    const records: JsonObject[] = [];
    for await (const { value } of readRecords(this.daemon.walDir)) records.push(value);
    return records;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** The policy's image in base64. */
export function imageOf(text: string): string {
  const { image, diagnostics } = compile(text, { file: "governance.fms" });
  if (image === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return Buffer.from(image).toString("base64");
}

/** Runs `work` on a started stack under a policy, and clears up whatever happens. */
export async function onStack(
  policy: string | null,
  work: (stack: StackUnderTest) => Promise<void>,
  options: Omit<DaemonOptions, "dir"> = {},
): Promise<void> {
  const stack = new StackUnderTest(options);
  try {
    await stack.start();
    if (policy !== null) await stack.apply(policy);
    await work(stack);
  } finally {
    await stack.remove();
  }
}

/** The code of the error that `work` ends with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
  return "no error";
}
