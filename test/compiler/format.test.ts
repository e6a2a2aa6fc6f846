// The canonical layout: samples with their expectation, and what holds for every policy there is: formatting twice changes
// nothing, the compiled policy stays the same, no comment is lost or leaves its block.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Dialect, format } from "../../compiler/format.ts";
import { PolicyParser } from "../../compiler/grammar.ts";
import { compile } from "../../compiler/index.ts";
import { limits } from "../../compiler/limits.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const generatedPolicies = 80;

function formatted(text: string, dialect: Dialect = "new"): string {
  const result = format(text, { dialect });
  if ("findings" in result) throw new Error(`${result.findings[0]?.line}: ${result.findings[0]?.message}\n${text}`);
  return result.text;
}

const hashes = new Map<string, string | null>();

/** The hash of what a policy means; null where it does not compile. */
function hashOf(text: string): string | null {
  const known = hashes.get(text);
  if (known !== undefined) return known;
  const { image } = compile(text, { file: "governance.fms" });
  const hash = image === undefined ? null : loadPolicySync(image, { state: "volatile" }).info.policy_hash;
  hashes.set(text, hash);
  return hash;
}

function fmsFiles(folder: string): [string, string][] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".fms"),
  );
  return names.map((name) => [`${folder}/${name}`, readFileSync(join(root, folder, name), "utf8")]);
}

function examplesOfPages(): [string, string][] {
  const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)];
  return pages
    .filter((page) => page.endsWith(".md"))
    .flatMap((page) =>
      [...readFileSync(join(root, page), "utf8").matchAll(/^```fms[^\n]*\n([\s\S]*?)^```$/gm)].map(
        (match, i): [string, string] => [`${page} example ${i + 1}`, match[1] ?? ""],
      ),
    );
}

const corpus = [
  ...fmsFiles("test/conformance"),
  ...fmsFiles("test/diagnostics"),
  ...fmsFiles("examples/support-agent"),
  ...fmsFiles("bench/payments"),
  ...examplesOfPages(),
];

test("every policy of the repository keeps its meaning, and formatting it twice changes nothing", () => {
  let kept = 0;
  for (const [place, text] of corpus) {
    if ("findings" in format(text)) continue;
    const once = formatted(text);
    assert.is(formatted(once), once, place);
    const older = formatted(text, "old");
    assert.is(formatted(older, "old"), older, place);
    assert.is(formatted(older), once, place);
    const hash = hashOf(text);
    assert.is(hashOf(once), hash, place);
    assert.is(hashOf(older), hash, place);
    if (hash !== null) kept++;
  }
  assert.ok(kept > 100, `${kept}`);
});

test("a policy with syntax errors is left alone, with the errors that compile reports", () => {
  let broken = 0;
  for (const [place, text] of corpus) {
    const result = format(text, { file: place });
    if (!("findings" in result)) continue;
    broken++;
    const reported = compile(text, { file: place }).diagnostics.map((d) => JSON.stringify(d));
    assert.ok(result.findings.length > 0, place);
    for (const finding of result.findings) assert.ok(reported.includes(JSON.stringify(finding)), finding.message);
  }
  assert.ok(broken > 10, `${broken}`);
});

test("what check refuses for another reason is laid out all the same", () => {
  const text = 'provider "vault" { backend = "vault", token env("T") }\nagent a { egress { allow [a.com] } }';
  assert.is(hashOf(text), null);
  const expected =
    'provider "vault" {\n  backend = "vault"\n  token env("T")\n}\nagent a {\n  egress {\n    allow [a.com]\n  }\n}\n';
  assert.is(formatted(text), expected);
});

const samples = readFileSync(join(root, "test/compiler/format.samples.txt"), "utf8").split(/^={10}\n/m);
for (const sample of samples) {
  const [before = "", after = "", older = ""] = sample.split(/^-{10}\n/m);
  test(`lays out ${JSON.stringify(before.slice(0, 60))}`, () => {
    assert.is(formatted(before), after);
    if (older !== "") assert.is(formatted(before, "old"), older);
  });
}

test("an empty text stays empty, CRLF becomes LF, and limits are the compiler's", () => {
  assert.is(formatted(""), "");
  assert.is(formatted(" \r\n\r\n"), "");
  assert.is(formatted("agent a {\r\n  deny b # c \r\n}\r\n"), "agent a {\n  deny b # c\n}\n");
  assert.ok("findings" in format(`#${"x".repeat(limits.sourceBytes)}`));
  assert.ok("findings" in format("\ufeffdeny a"));
});

test("ten thousand rules and deep parentheses are laid out", () => {
  const many = `agent a {\n${"permit t/x if amount<5;".repeat(10_000)}}`;
  assert.is(formatted(many).split("\n").length, 10_003);
  const deep = `deny a if ${"(".repeat(250)}b${")".repeat(250)} == "${"x".repeat(200)}"`;
  assert.is(formatted(formatted(deep)), formatted(deep));
});

/** The comments of a text with the block that each stands in, as the ordinals of the braces open around it. */
function placesOf(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const open: number[] = [];
  let blocks = 0;
  for (const [part] of text.matchAll(/"(?:\\.|[^"\\])*"|[#]c\d+|[{}]/g)) {
    if (part === "{") open.push(++blocks);
    else if (part === "}") open.pop();
    else if (part.startsWith("#")) found.set(part, open.join("/"));
  }
  return found;
}

const parser = new PolicyParser();

/** The same tokens with comments between some of them, line ends at odd places, and blank lines. */
function disturbed(text: string, random: Random): string {
  parser.start(text);
  parser.policy();
  const tokens = parser.tokens();
  let out = "";
  let count = 0;
  let end = 0;
  for (const token of tokens) {
    const gap = text.slice(end, token.startOffset);
    const lines = ["\n", "\n\n\n", " "];
    if (random.oneIn(6)) {
      const before = random.pick([" ", "\n", "\n\n  "]);
      out += `${before}#c${++count} ${random.pick(["", "{", '"', "} # [", "permit x"])}${random.pick(["\n", "\n\n\n"])}`;
    } else out += gap === "" ? "" : (lines[random.below(9)] ?? gap);
    out += token.image;
    end = token.end;
  }
  return out;
}

test(`${generatedPolicies} generated policies with comments anywhere lose none, and none leaves its block`, () => {
  for (let seed = 1; seed <= generatedPolicies; seed++) {
    const random = new Random(seed);
    const plain = policyText(policyDraft(random));
    const text = disturbed(plain, random);
    const dialect: Dialect = random.oneIn(2) ? "new" : "old";
    const once = formatted(text, dialect);
    assert.is(formatted(once, dialect), once, `seed ${seed}`);
    assert.equal([...placesOf(once)], [...placesOf(text)], `seed ${seed}`);
    assert.is(hashOf(once), hashOf(plain), `seed ${seed}`);
  }
});

test.run();
