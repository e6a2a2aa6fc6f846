// The stage of the demo: a fresh folder, commands run in it and shown, their outcomes held to what the play expects.
// It must always leave: no daemon and no folder behind, whether the play ended well, badly or by a signal.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const example = fileURLToPath(new URL(".", import.meta.url));
const cli = fileURLToPath(new URL("../../dist/faramesh.js", import.meta.url));
/** Longest time for one command, milliseconds. */
const commandTimeoutMs = 30_000;
/** Output kept of one command, characters. */
const outputMax = 200_000;

export interface Expectation {
  /** 0 when absent. */
  readonly exit?: number;
  /** Texts and patterns that the output, both streams together, must have. */
  readonly has?: readonly (string | RegExp)[];
  readonly hasNot?: readonly (string | RegExp)[];
}

export class Stopped extends Error {}

export class Stage {
  /** The stack's folder, real path. */
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), "faramesh-demo-")));
  #step = 0;
  #failures = 0;

  constructor() {
    process.stdout.write(`Folder: ${this.dir}\n`);
    for (const file of ["agent.ts", "tools.ts", "script.ts", "package.json"]) this.copyExample(file);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        this.leave();
        process.exit(1);
      });
    }
  }

  get failures(): number {
    return this.#failures;
  }

  copyExample(file: string): void {
    cpSync(join(example, file), join(this.dir, file));
  }

  /** Throws Stopped when something before went otherwise than expected: what follows would only repeat it. */
  heading(text: string, why: string): void {
    if (this.#failures > 0) throw new Stopped();
    this.#step += 1;
    process.stdout.write(`\n── ${this.#step}. ${text}\n   ${why}\n\n`);
  }

  /** Runs `faramesh …` in the stack's folder. */
  faramesh(args: readonly string[], expected: Expectation): Promise<string> {
    return this.#run(`faramesh ${args.map(quoted).join(" ")}`, [cli, ...args], {}, expected);
  }

  /** Runs the agent: one run, one session. */
  agent(session: string, expected: Expectation): Promise<string> {
    const args = ["--import", import.meta.resolve("tsx"), join(example, "agent.ts")];
    return this.#run("node agent.ts", args, { SUPPORT_AGENT_SESSION: session }, expected);
  }

  expect(holds: boolean, what: string): void {
    if (holds) return;
    this.#failures += 1;
    process.stdout.write(`   ✗ EXPECTED: ${what}\n`);
  }

  /** Stops the daemon and removes the folder. Safe to call twice. */
  leave(): void {
    spawnSync(process.execPath, [cli, "apply", "--stop"], {
      cwd: this.dir,
      stdio: "ignore",
      timeout: commandTimeoutMs,
    });
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10 });
  }

  async #run(shown: string, args: readonly string[], env: NodeJS.ProcessEnv, expected: Expectation): Promise<string> {
    process.stdout.write(`$ ${shown}\n`);
    const { output, code } = await capture(args, this.dir, env);
    process.stdout.write(`${output.trimEnd().replace(/^/gm, "  ")}\n\n`);
    this.expect(code === (expected.exit ?? 0), `exit code ${expected.exit ?? 0} of \`${shown}\`, not ${code}`);
    for (const text of expected.has ?? []) this.expect(contains(output, text), `\`${shown}\` to print ${text}`);
    for (const text of expected.hasNot ?? []) this.expect(!contains(output, text), `\`${shown}\` not to print ${text}`);
    return output;
  }
}

function capture(
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ output: string; code: number | null }> {
  // A daemon of the developer's own must not be the one that is asked.
  const { FARAMESH_SOCKET: _, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { ...inherited, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: commandTimeoutMs,
    });
    let output = "";
    const take = (chunk: string): void => {
      output = (output + chunk).slice(0, outputMax);
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.once("error", reject);
    child.once("close", (code) => resolve({ output, code }));
  });
}

function contains(output: string, text: string | RegExp): boolean {
  return typeof text === "string" ? output.includes(text) : text.test(output);
}

function quoted(word: string): string {
  return /^[\w./:=@-]+$/.test(word) ? word : `'${word}'`;
}
