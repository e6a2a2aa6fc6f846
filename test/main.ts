// Runs every suite: each *.test.ts in a process of its own, a few at a time, and adds up what uvu counted. A file that
// runs no test fails, and so does a run without files. First argument `slow`: test/slow instead. Others select by name.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const [first, ...rest] = process.argv.slice(2);
const slow = first === "slow";
const words = slow ? rest : first === undefined ? [] : [first, ...rest];
const fileTimeoutMs = slow ? 3 * 3_600_000 : 300_000;

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly output: string;
  readonly seconds: number;
}

const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts") && file.startsWith("slow/") === slow)
  .filter((file) => words.every((word) => file.includes(word)))
  .sort();

function runFile(file: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--import", "tsx", join(root, file)], {
      cwd: join(root, ".."),
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const begun = performance.now();
    let output = "";
    const take = (chunk: Buffer): void => {
      output += chunk.toString("utf8");
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const timer = setTimeout(() => child.kill("SIGKILL"), fileTimeoutMs);
    child.on("close", (code) => {
      clearTimeout(timer);
      const seconds = (performance.now() - begun) / 1000;
      resolve({ file, ...counts(output, code), output, seconds });
    });
  });
}

function counts(output: string, code: number | null): { passed: number; failed: number; skipped: number } {
  const total = sum(output, /^ {2}Total: +(\d+)$/gm);
  const passed = sum(output, /^ {2}Passed: +(\d+)$/gm);
  const skipped = sum(output, /^ {2}Skipped: +(\d+)$/gm);
  const failed = Math.max(total - passed, code === 0 && total + skipped > 0 ? 0 : 1);
  return { passed, failed, skipped };
}

function sum(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((n, match) => n + Number(match[1]), 0);
}

const outcomes: Outcome[] = [];
const queue = [...files];
await Promise.all(
  Array.from({ length: Math.max(1, availableParallelism()) }, async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const outcome = await runFile(file);
      outcomes.push(outcome);
      const mark = outcome.failed > 0 ? "✗" : "✓";
      process.stdout.write(
        `${mark} ${relative(".", join(root, file))} ${outcome.passed} passed (${outcome.seconds.toFixed(1)} s)\n`,
      );
      if (outcome.failed > 0) process.stdout.write(`${outcome.output}\n`);
    }
  }),
);
const add = (key: "passed" | "failed" | "skipped"): number => outcomes.reduce((n, outcome) => n + outcome[key], 0);
if (files.length === 0) process.stdout.write("no test file matches\n");
const failed = add("failed") + (files.length === 0 ? 1 : 0);
process.stdout.write(
  `${add("passed")} passed, ${failed} failed${add("skipped") > 0 ? `, ${add("skipped")} skipped` : ""}\n`,
);
process.exitCode = failed > 0 ? 1 : 0;
