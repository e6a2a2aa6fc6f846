// Texts that nobody would write: pieces of policies cut, spliced, repeated and spoiled byte by byte, in every form. The compiler
// ends with an image or with an error that has a place, and what looks at texts beside it ends as well; none of them ever throws.
// FARAMESH_TEXTS says how many, FARAMESH_SEED where to begin.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { complete } from "../../compiler/complete/complete.ts";
import { format } from "../../compiler/format.ts";
import { check, compile, type Diagnostic, renderDiagnostics, type SourceText } from "../../compiler/index.ts";
import { caseSets, refusedSets } from "../conformance/sets.ts";
import { Random } from "../generate/random.ts";

const TEXTS_DEFAULT = 3000;
/** Longer seeds are cut: a mistake is as bad in a short text. */
const SEED_LENGTH_MAX = 4000;
const CHANGES_MAX = 3;

interface Seed {
  readonly text: string;
  readonly file: string;
}

const seeds: readonly Seed[] = [...caseSets(), ...refusedSets()].flatMap(({ spellings }) =>
  spellings.map(({ text, file }) => ({ text: text.slice(0, SEED_LENGTH_MAX), file })),
);

const splinters = [
  ..."{}[]()\"'`,;:=<>!#/*?.-+%$&|\\\n\r\t\0\ufeff\u2028\u00e9",
  "\ud83d\ude00",
  "\ud800",
  "deny!",
  "/**",
  "**",
  "env(",
  "__proto__",
  "constructor",
  "1e999",
  "-0",
  "99999999999999999999",
  "$-1",
  "0x10",
  "1h-1m",
  "\\u",
  "\\uD800",
  "<<:",
  "&a ",
  "*a",
  "!!js/function ",
  "? ",
  "- ",
  "|\n",
  ">-\n",
  "%YAML 1.1\n---\n",
  "\n---\n",
  "//",
  'matches "(a*)*(b|c{1000})"',
  "in [",
  "not not not ",
  "session.sum(",
  "history_sequence(",
];

function pick<T>(random: Random, from: readonly T[]): T {
  const one = from[random.below(from.length)];
  if (one === undefined) throw new Error("there is nothing to pick from");
  return one;
}

function spoil(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const to = Math.min(text.length, at + random.below(30));
  switch (random.below(7)) {
    case 0:
      return text.slice(0, at) + text.slice(to);
    case 1:
      return text.slice(0, at) + pick(random, splinters) + text.slice(at);
    case 2:
      return text.slice(0, at) + pick(random, splinters) + text.slice(to);
    case 3:
      return text.slice(0, to) + text.slice(at);
    case 4:
      return text.slice(0, at) + text.slice(at, to).repeat(1 + random.below(60)) + text.slice(to);
    case 5: {
      const other = pick(random, seeds).text;
      const from = random.below(other.length + 1);
      return text.slice(0, at) + other.slice(from, from + random.below(200)) + text.slice(at);
    }
    default:
      return text.slice(0, at) + String.fromCharCode(random.below(0x10000)) + text.slice(at + 1);
  }
}

function drawText(seed: number): Seed {
  const random = new Random(seed);
  const drawn = pick(random, seeds);
  let { text } = drawn;
  for (let i = random.below(CHANGES_MAX) + 1; i > 0; i--) text = spoil(random, text);
  const file = random.oneIn(8) ? random.pick(["a.fms", "a.fms.yaml", "a.fms.json"]) : drawn.file;
  return { text, file };
}

/** Every message is of a place that there is. */
function placed(sources: readonly SourceText[], diagnostics: readonly Diagnostic[]): boolean {
  const lines = Math.max(...sources.map(({ text }) => text.split(/\r\n|\r|\n/).length));
  return diagnostics.every(({ line, column, message }) => line >= 1 && line <= lines && column >= 1 && message !== "");
}

test("no text makes the compiler, the formatter or completion throw", () => {
  const count = Number(process.env.FARAMESH_TEXTS ?? TEXTS_DEFAULT);
  const first = Number(process.env.FARAMESH_SEED ?? 1);
  let [made, refused] = [0, 0];
  for (let seed = first; seed < first + count; seed++) {
    const { text, file } = drawText(seed);
    try {
      const { image, diagnostics, sources } = compile(text, { file });
      const hasError = diagnostics.some(({ severity }) => severity === "error");
      assert.is(image === undefined, hasError, "an image or an error");
      assert.ok(placed(sources, diagnostics), "a message without a place");
      renderDiagnostics(diagnostics, sources);
      if (image === undefined) refused++;
      else made++;
      if (!/\.(yaml|json)$/.test(file)) {
        format(text);
        complete(text, seed % (text.length + 1));
      }
    } catch (error) {
      throw new Error(
        `seed ${seed} (${file}): ${error instanceof Error ? error.stack : error}\n${JSON.stringify(text)}`,
      );
    }
  }
  assert.ok(made > count / 100 && refused > count / 4, `${made} images, ${refused} refused`);
});

test("names of tools that are chosen to have one hash are refused with a place", () => {
  const hash = (text: string): number => {
    let value = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
    return value & 0x3fff;
  };
  const alike: string[] = [];
  for (let i = 0; alike.length < 65; i++)
    if (hash(`t${i.toString(36)}`) === hash("t")) alike.push(`t${i.toString(36)}`);
  const policy = (names: readonly string[]): string =>
    `agent "a" {\n  default deny\n${names.map((name) => `  permit ${name}\n`).join("")}}`;
  const found = check(policy(alike), { file: "a.fms" });
  assert.equal(
    found.map(({ code, line, column }) => [code, line, column]),
    [["FMS004", 1, 7]],
  );
  assert.equal(check(policy(alike.slice(1)), { file: "a.fms" }), []);
});

test.run();
