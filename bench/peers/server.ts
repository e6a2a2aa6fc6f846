// The servers that the bench asks over a socket, each a process of its own in a directory that goes with it. It starts and
// ends them and knows nothing of what they answer.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askOperator } from "../../runtime/doors/client.ts";
import { imageOf } from "./faramesh.ts";

export interface Server {
  readonly socket: string;
  /** Directory of the log. */
  readonly walDir: string;
  /** Directory of the stack. */
  readonly dir: string;
  /** Ends the process in good order; the files stay until `remove`. */
  stop(): Promise<void>;
  remove(): Promise<void>;
}

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

export function directory(): string {
  return mkdtempSync(join(tmpdir(), "faramesh-bench-"));
}

function serverOf(child: ChildProcess, dir: string, socket: string, walDir: string): Server {
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    child.stdin?.end();
    child.kill("SIGTERM");
    await ended;
  };
  const remove = async (): Promise<void> => {
    await stop();
    rmSync(dir, { recursive: true, force: true });
  };
  return { socket, walDir, dir, stop, remove };
}

/** `echo` or `reference`. */
export async function peer(bundles: string, name: "echo" | "reference"): Promise<Server> {
  const dir = directory();
  const socket = join(dir, "socket");
  const child = spawn(process.execPath, [join(bundles, `${name}.js`), socket, join(dir, "log")], {
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 10 * START_TIMEOUT_MS,
  });
  await new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}`)));
  });
  return serverOf(child, dir, socket, dir);
}

export interface Receiver {
  readonly port: number;
  remove(): Promise<void>;
}

/** Of alerts: one that takes them, or one that never answers. */
export async function receiver(bundles: string, manner: "taking" | "silent"): Promise<Receiver> {
  const child = spawn(process.execPath, [join(bundles, "receiver.js"), manner], {
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 10 * START_TIMEOUT_MS,
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once("data", (chunk: Buffer) => resolve(Number(chunk.toString())));
    child.once("exit", (code) => reject(new Error(`the receiver ended with ${code}`)));
  });
  const remove = (): Promise<void> => {
    child.stdin.end();
    return ended;
  };
  return { port, remove };
}

/** Our daemon under a policy. */
export async function daemon(
  bundles: string,
  text: string,
  durability: "group" | "async",
  more: readonly string[] = [],
): Promise<Server> {
  const dir = directory();
  writeFileSync(join(dir, "governance.fms"), text);
  const options = ["--dir", dir, "--durability", durability];
  const child = spawn(process.execPath, [...more, join(bundles, "daemon.js"), ...options], {
    cwd: dir,
    stdio: ["pipe", "ignore", "inherit"],
    timeout: 10 * START_TIMEOUT_MS,
  });
  const server = serverOf(child, dir, join(dir, ".faramesh/runtime/faramesh.sock"), join(dir, "faramesh-wal"));
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    try {
      await apply(server, bundles, text);
      return server;
    } catch (error) {
      if (waitedMs >= START_TIMEOUT_MS || child.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

/** Puts a policy in force; the hash of its image. */
export async function apply(server: Server, bundles: string, text: string): Promise<string> {
  return applyImage(server, await imageOf(bundles, text), text);
}

export async function applyImage(server: Server, bytes: Uint8Array, text: string): Promise<string> {
  const image = Buffer.from(bytes).toString("base64");
  const sources = [{ file: "governance.fms", text }];
  return (await askOperator(server.dir, "apply", { image, sources, actor: "bench" })).image_hash;
}
