// The command line run in this process with streams of our own: the same code as `faramesh`, without the start of a process.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { runCli } from "../../cli/run.ts";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `faramesh <words> --dir <dir>`; the folder is the user's home too. */
export async function faramesh(dir: string, ...words: readonly string[]): Promise<Outcome> {
  return run([...words, "--dir", dir], { HOME: dir });
}

/** The same with variables of the environment, and something to read. */
export async function farameshWith(
  dir: string,
  variables: NodeJS.ProcessEnv,
  words: readonly string[],
  input?: string,
): Promise<Outcome> {
  return run([...words, "--dir", dir], { HOME: dir, ...variables }, input);
}

export async function farameshAsTyped(...words: readonly string[]): Promise<Outcome> {
  return run(words, {});
}

async function run(words: readonly string[], variables: NodeJS.ProcessEnv, input?: string): Promise<Outcome> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = { stdout: "", stderr: "" };
  stdout.setEncoding("utf8").on("data", (chunk: string) => {
    texts.stdout += chunk;
  });
  stderr.setEncoding("utf8").on("data", (chunk: string) => {
    texts.stderr += chunk;
  });
  const env = { PATH: process.env.PATH, ...variables };
  const stdin = new PassThrough();
  if (input !== undefined) stdin.end(input);
  const code = await runCli(words, "0.0.0", { stdin, stdout, stderr, env });
  for (const stream of [stdout, stderr]) {
    stream.end();
    await once(stream, "end");
  }
  return { code, ...texts };
}

export async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-cli-"));
  try {
    await work(dir);
  } finally {
    await faramesh(dir, "apply", "--stop");
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Every path below a folder with a hash of what is there: what must not change. */
export function snapshotOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const path = join(dir, name);
      const stats = lstatSync(path);
      if (stats.isSymbolicLink()) return `${name} → ${readlinkSync(path)}`;
      if (!stats.isFile() || (stats.mode & 0o400) === 0) return `${name} ${stats.mode.toString(8)}`;
      return `${name} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
    });
}
