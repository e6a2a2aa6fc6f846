// The bench: asks every question of questions/, each in a process of its own, and prints what was measured beside what it
// must be. `--json` prints data, `--short` is bounded for CI, words select questions by name. Figures that miss their
// bound are shown and fail nothing, but for `--check`, where those of regressions.ts do; a wrong answer of any system fails
// the run.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundle, removeBundles, root } from "./bundle.ts";
import { regressionsOf } from "./regressions.ts";
import { type Figure, judged, type Row, table } from "./row.ts";

/** Longest a question may take. */
const QUESTION_TIMEOUT_MS = 300_000;
/** Times a question is asked in which `--check` finds something lost: only what is lost each time counts. */
const CHECK_ATTEMPTS = 3;

const options = process.argv.slice(2);
const words = options.filter((option) => !option.startsWith("--"));
const unknown = options.find((option) => option.startsWith("--") && !["--json", "--short", "--check"].includes(option));
if (unknown !== undefined) throw new Error(`unknown option ${unknown}`);
const json = options.includes("--json");
const short = options.includes("--short");

const names = readdirSync(new URL("questions/", import.meta.url))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -3))
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .sort();
if (names.length === 0) throw new Error(`no question is called ${words.join(" or ")}`);

function ask(name: string, folder: string): Promise<readonly Figure[]> {
  const runner = fileURLToPath(new URL("run-question.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", runner, name, folder, ...(short ? ["--short"] : [])], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    timeout: QUESTION_TIMEOUT_MS,
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString("utf8");
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(output) as readonly Figure[]);
      else reject(new Error(`the question ${name} was not answered`));
    });
  });
}

/** A question's figures, and what is lost in them where that is asked for. */
async function answered(name: string, folder: string): Promise<{ found: Row[]; lost: string[] }> {
  for (let attempt = 1; ; attempt++) {
    const found = (await ask(name, folder)).map(judged);
    const lost = options.includes("--check") ? regressionsOf(found) : [];
    if (lost.length === 0 || attempt === CHECK_ATTEMPTS) return { found, lost };
  }
}

const rows: Row[] = [];
const failures: string[] = [];
const folder = await bundle();
try {
  for (const name of names) {
    try {
      const { found, lost } = await answered(name, folder);
      rows.push(...found);
      failures.push(...lost);
      if (!json) process.stdout.write(`${table(found)}\n`);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
} finally {
  removeBundles(folder);
}
if (json) process.stdout.write(`${JSON.stringify({ rows })}\n`);
for (const failure of failures) process.stderr.write(`${failure}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
