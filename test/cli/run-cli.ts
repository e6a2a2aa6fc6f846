// Runs the real command line as a process of its own, as a person would.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const deadlineMs = 60_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a command; `ended` resolves when it has, and what it printed so far is in `printed`. */
export class RunningCli {
  readonly process: ChildProcess;
  readonly ended: Promise<Ran>;
  stdout = "";

  constructor(dir: string, words: readonly string[]) {
    const args = ["--import", "tsx", "cli/main.ts", ...words, "--dir", dir];
    this.process = spawn(process.execPath, args, {
      cwd: root,
      env: { PATH: process.env.PATH, NO_COLOR: "1" },
      timeout: deadlineMs,
    });
    let stderr = "";
    this.process.stdout?.on("data", (chunk) => (this.stdout += String(chunk)));
    this.process.stderr?.on("data", (chunk) => (stderr += String(chunk)));
    this.ended = new Promise((resolve) =>
      this.process.once("close", (code) => resolve({ code, stdout: this.stdout, stderr })),
    );
  }

  /** Resolves when the output contains the text; throws when the command ends without it. */
  async until(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      const ended = await Promise.race([
        this.ended,
        new Promise<null>((resolve) => setTimeout(() => resolve(null), 20)),
      ]);
      if (ended !== null && !this.stdout.includes(text))
        throw new Error(`it ended without \`${text}\`: ${ended.stdout}${ended.stderr}`);
    }
  }
}

export function cli(dir: string, ...words: readonly string[]): Promise<Ran> {
  return new RunningCli(dir, words).ended;
}

/** The JSON of a command that prints one object. */
export async function cliJson(dir: string, ...words: readonly string[]): Promise<Record<string, unknown>> {
  const { stdout } = await cli(dir, ...words, "--format", "json");
  return JSON.parse(stdout) as Record<string, unknown>;
}
