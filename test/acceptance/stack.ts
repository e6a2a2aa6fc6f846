// A stack that is only used from outside: by the command line, and by an agent in Python on its socket.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { readRecords } from "../../runtime/log/read.ts";
import { cli, cliJson, type Ran } from "../cli/run-cli.ts";

const agent = fileURLToPath(new URL("../clients/agent.py", import.meta.url));
const python = "python3";
const agentTimeoutMs = 30_000;

export interface Answer {
  readonly call_id: string;
  readonly action_id: string;
  readonly effect: "PERMIT" | "DENY" | "DEFER";
  readonly reason_code: string;
  readonly policy_version: string;
  readonly policy_hash: string;
}

/** The Python agent at work; `begun` resolves with its first answer, `answers` when it has ended. */
export interface Load {
  readonly begun: Promise<void>;
  readonly answers: Promise<readonly Answer[]>;
}

export class OutsideStack {
  readonly dir = mkdtempSync(join(tmpdir(), "faramesh-outside-"));

  write(policy: string): void {
    writeFileSync(join(this.dir, "governance.fms"), policy);
  }

  async apply(policy: string): Promise<void> {
    this.write(policy);
    const { code, stderr } = await cli(this.dir, "apply");
    assert.is(code, 0, stderr);
  }

  run(...words: readonly string[]): Promise<Ran> {
    return cli(this.dir, ...words);
  }

  json(...words: readonly string[]): Promise<Record<string, unknown>> {
    return cliJson(this.dir, ...words);
  }

  get socket(): string {
    return join(this.dir, ".faramesh", "runtime", "faramesh.sock");
  }

  /** Calls to stripe/charge, `calls` in flight on each of `connections`; the amount is the call's number modulo 1000. */
  load(connections: number, calls: number): Load {
    const child = spawn(python, [agent, "load", this.socket, String(connections), String(calls)], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: agentTimeoutMs,
    });
    const begun = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
    return { begun, answers: lastLine(child) };
  }

  /** Sends bytes, shuts the writing half, and gives what came until the daemon ended the stream. */
  lines(bytes: Buffer | string): Promise<readonly Answer[]> {
    const child = spawn(python, [agent, "lines", this.socket], {
      stdio: ["pipe", "pipe", "inherit"],
      timeout: agentTimeoutMs,
    });
    child.stdin.end(bytes);
    return lastLine(child);
  }

  async pid(): Promise<number> {
    const { daemon } = (await this.json("status")) as { daemon: { pid: number } };
    return daemon.pid;
  }

  /** The effect of each recorded decision by its action_id. */
  async recorded(): Promise<ReadonlyMap<string, string>> {
    const effects = new Map<string, string>();
    for await (const { value } of readRecords(join(this.dir, "faramesh-wal"))) {
      if (value.type === "decision") effects.set(String(value.action_id), String(value.effect));
    }
    return effects;
  }

  async remove(): Promise<void> {
    await cli(this.dir, "apply", "--stop");
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10 });
  }
}

export async function onOutsideStack(policy: string, work: (stack: OutsideStack) => Promise<void>): Promise<void> {
  const stack = new OutsideStack();
  try {
    await stack.apply(policy);
    await work(stack);
  } finally {
    await stack.remove();
  }
}

/** The last line that the agent prints, which is JSON. Rejects with what it printed when it failed. */
function lastLine(child: ChildProcess): Promise<readonly Answer[]> {
  let text = "";
  child.stdout?.on("data", (chunk) => (text += String(chunk)));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      const line = text.trimEnd().split("\n").at(-1) ?? "";
      if (code === 0) resolve(JSON.parse(line) as Answer[]);
      else reject(new Error(`the agent ended with ${code}: ${line}`));
    });
  });
}
