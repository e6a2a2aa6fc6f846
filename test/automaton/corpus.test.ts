// RE2's own search tests and Glenn Fowler's basic tests, read from where they lie beside the repository.
// It must never pass by finding nothing: absence is counted as skipped, and fails in CI.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type AutomatonResult, compileFull, compileSearch, type Form, run } from "../../compiler/automaton/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(process.env.FARAMESH_CORPORA ?? join(root, "../shared/corpora"), "re2");
const encoder = new TextEncoder();

/** Registers a test of one file: skipped where the file is absent, but for CI, where reading it then fails. */
function testOf(file: string, name: string, check: (content: string) => void): void {
  const path = join(folder, file);
  if (existsSync(path) || process.env.CI) {
    test(name, () => check(readFileSync(path, "utf8")));
    return;
  }
  console.log(`skipped: ${file} is not there (set FARAMESH_CORPORA)`);
  test.skip(name, () => undefined);
}

function accepts(result: AutomatonResult, text: string): boolean | string {
  return result.ok ? run(result.automaton, encoder.encode(text)) : result.message;
}

/** Go's quoted strings, as far as the file uses them: control characters stand in it unescaped. */
function unquote(line: string): string {
  return line.slice(1, -1).replace(/\\(.)/g, (_, letter) => {
    assert.match(letter, /[n"\\]/, `an escape that this reader does not know: ${line}`);
    return letter === "n" ? "\n" : letter;
  });
}

for (const form of ["smallest", "positions"] as const) {
  const name = `E08 the results of re2-search.txt are met, both anchored and searched, ${form}`;
  testOf("re2-search.txt", name, (file) => checkSearch(file, form));
}

function checkSearch(file: string, form: Form): void {
  let texts: string[] = [];
  let section = "";
  let compiled: { source: string; search: AutomatonResult; full: AutomatonResult } | undefined;
  let row = 0;
  let checked = 0;
  const wrong: string[] = [];
  for (const line of file.split("\n")) {
    if (line === "strings" || line === "regexps") {
      section = line;
      if (line === "strings") texts = [];
    } else if (line.startsWith('"') && section === "strings") texts.push(unquote(line));
    else if (line.startsWith('"')) {
      const source = unquote(line);
      const skip = source.includes("\\C");
      compiled = skip ? undefined : { source, search: compileSearch(source, form), full: compileFull(source, form) };
      row = 0;
    } else if (/^(-|\d)/.test(line)) {
      const text = texts[row++] ?? "";
      if (compiled === undefined) continue;
      const [full, search] = line.split(";").map((result) => result !== "-");
      checked += 2;
      if (accepts(compiled.full, text) !== full) wrong.push(`full ${compiled.source} on ${JSON.stringify(text)}`);
      if (accepts(compiled.search, text) !== search) wrong.push(`search ${compiled.source} on ${JSON.stringify(text)}`);
    }
  }
  assert.equal(wrong, []);
  assert.ok(checked >= 3616, `only ${checked} results were read`);
}

/** Rows that POSIX and RE2 read differently: none of the file's do, but for what its flags announce. */
testOf("basic.dat", "E08 the rows of basic.dat flagged E are found, or refused, as they say", (file) => {
  let checked = 0;
  const wrong: string[] = [];
  for (const line of file.split("\n")) {
    const [flags = "", pattern = "", text = "", outcome = ""] = line.split(/\t+/);
    // `$` announces escapes in the row, `{` a feature that Go's edition leaves out, digits a repetition of the row.
    if (!/^\{?[BAK]*E[in]*[$]?\d*$/.test(flags)) continue;
    const plain = (cell: string): string => {
      if (cell === "NULL") return "";
      return flags.includes("$") ? cell.replace("\\n", "\n").replace("\\x01", "\x01").replace("\\xff", "\xff") : cell;
    };
    const source = flags.includes("i") ? `(?i)${plain(pattern)}` : plain(pattern);
    const expected = outcome === "BADBR" ? "string" : outcome !== "NOMATCH";
    for (const form of ["smallest", "positions"] as const) {
      const got = accepts(compileSearch(source, form), plain(text));
      checked++;
      if ((expected === "string" ? typeof got : got) !== expected) wrong.push(`${line} gave ${got}, ${form}`);
    }
  }
  assert.equal(wrong, []);
  assert.ok(checked > 300, `only ${checked} rows were read`);
});

test.run();
