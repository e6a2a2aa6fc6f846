// One mistake in a policy that is right: whatever the mistake, the compiler ends, says little, and never takes a misspelt
// word of the language for nothing. Mutations are operators over the tokens of the conformance policies.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { blockKinds, fieldWords } from "../../compiler/blocks.ts";
import { budgetFields } from "../../compiler/check/budget.ts";
import { runtimeFields } from "../../compiler/check/fields.ts";
import { compile } from "../../compiler/index.ts";
import { keywords } from "../../compiler/tokens.ts";

/** Every how-manieth mutation is tried: 1 for all of them, some 25,000. */
const STRIDE = Number(process.env.FARAMESH_MUTATION_STRIDE ?? 7);
/** Errors for one mistake. */
const ERRORS_MAX = 3;
/** Where a brace or a quote lacks or stands twice, what it held apart is read anew. */
const ERRORS_ASTRAY_MAX = 8;

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "test/conformance");
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".fms"))
  .map((file) => join(folder, file))
  .concat(join(root, "examples/support-agent/governance.fms"));
const policies = files
  .map((file) => readFileSync(file, "utf8"))
  .filter((text) => compile(text, { file: "a.fms" }).image !== undefined);

interface Token {
  readonly text: string;
  readonly at: number;
}

const tokenAt =
  /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|\/\/[^\n]*|[A-Za-z_][A-Za-z0-9_-]*!?|\$?[0-9][0-9A-Za-z_.]*|==|!=|<=|>=|=~|&&|\|\||[^\s]/g;

function tokensOf(text: string): Token[] {
  const all = [...text.matchAll(tokenAt)].map((match) => ({ text: match[0], at: match.index }));
  return all.filter((token) => !/^(#|\/\/)/.test(token.text));
}

const replaced = (text: string, { at, text: old }: Token, by: string): string =>
  text.slice(0, at) + by + text.slice(at + old.length);

/** The last two letters swapped, or the last one twice. */
function misspelt(word: string): string {
  const swapped = word.slice(0, -2) + word.slice(-1) + word.slice(-2, -1);
  return word.length > 3 && swapped !== word ? swapped : word + word.slice(-1);
}

type Mutate = (text: string, token: Token, next: Token | undefined) => string | null;

const operators: Readonly<Record<string, Mutate>> = {
  drop: (text, token) => replaced(text, token, ""),
  duplicate: (text, token) => replaced(text, token, `${token.text} ${token.text}`),
  transpose: (text, token, next) =>
    next === undefined
      ? null
      : `${text.slice(0, token.at)}${next.text} ${token.text}${text.slice(next.at + next.text.length)}`,
  "lose the first quote": (text, token) =>
    /^["']/.test(token.text) ? replaced(text, token, token.text.slice(1)) : null,
  "lose the last quote": (text, token) =>
    /^["']/.test(token.text) ? replaced(text, token, token.text.slice(0, -1)) : null,
  misspell: (text, token) => (/^[A-Za-z_]/.test(token.text) ? replaced(text, token, misspelt(token.text)) : null),
};

for (const [name, mutate] of Object.entries(operators)) {
  test(`F07 one mistake, few messages: ${name}`, () => {
    let tried = 0;
    for (const text of policies) {
      const tokens = tokensOf(text);
      for (const [i, token] of tokens.entries()) {
        const mutant = mutate(text, token, tokens[i + 1]);
        if (mutant === null || tried++ % STRIDE !== 0) continue;
        const { diagnostics, image } = compile(mutant, { file: "a.fms" });
        const errors = diagnostics.filter(({ severity }) => severity === "error");
        assert.is(image === undefined, errors.length > 0, mutant);
        // A deny! whose pattern grew covers every rule that it covers.
        const mistakes = errors.filter(({ code }) => code !== "FMS025");
        const isAstray = /["'{}]/.test(token.text) || /["'{}]/.test(tokens[i + 1]?.text ?? "");
        const most = isAstray ? ERRORS_ASTRAY_MAX : ERRORS_MAX;
        assert.ok(mistakes.length <= most, `${mistakes.length} errors at ${token.text} in\n${mutant}`);
      }
    }
    assert.ok(tried > 400, `only ${tried} were tried`);
  });
}

/** Words of the language: keywords, and the fields of blocks. A misspelt value is a text, which is complained of where it is used. */
const ownWords = new Set([
  ...[...keywords.keys()].filter((word) => !["true", "false", "nil", "null"].includes(word)),
  ...budgetFields,
  ...Object.keys(runtimeFields),
  ...(Object.keys(blockKinds) as (keyof typeof blockKinds)[]).flatMap((keyword) => [...fieldWords(keyword)]),
]);

test("F07 a misspelt word of the language is complained of on its line, and nowhere above", () => {
  let tried = 0;
  for (const text of policies) {
    for (const token of tokensOf(text)) {
      const wrong = misspelt(token.text);
      if (!ownWords.has(token.text) || ownWords.has(wrong) || tried++ % STRIDE !== 0) continue;
      const { image, diagnostics } = compile(replaced(text, token, wrong), { file: "a.fms" });
      if (image !== undefined) continue;
      const line = text.slice(0, token.at).split("\n").length;
      const first = diagnostics.find(({ severity }) => severity === "error");
      assert.is(first?.line, line, `${token.text} for ${wrong}: ${first?.message} in\n${text}`);
    }
  }
  assert.ok(tried > 2_000, `only ${tried} were tried`);
});

/** Statements with one word each in angle brackets, which no spelling but this one may pass in silence. */
const words = [
  "<agent> a { default deny permit t }",
  "agent a { <default> deny permit t }",
  "agent a { default <deny> permit t }",
  "agent a { default deny <permit> t }",
  "agent a { default permit <deny> t }",
  "agent a { default permit <deny!> t }",
  "agent a { default permit <defer> t }",
  "agent a { default permit <block> t }",
  "agent a { default deny <rules> { permit t } }",
  "agent a { default deny permit t <if> x == 1 }",
  "agent a { default deny permit t <when> x == 1 }",
  'agent a { default deny permit t <reason> "why" }',
  'agent a { default deny permit t <notify> "ops" }',
  "agent a { default deny permit t <host> h.example.com }",
  "agent a { default deny permit t <method> GET }",
  "agent a { default deny permit t <header> x=y }",
  "agent a { default deny permit t if x == 1 <and> y == 2 }",
  "agent a { default permit deny t if x == 1 <or> y == 2 }",
  "agent a { default permit deny t if <not> (x == 1) }",
  'agent a { default permit deny t if x <in> ["a"] }',
  'agent a { default permit deny t if x <contains> "a" }',
  'agent a { default permit deny t if x <starts_with> "a" }',
  'agent a { default permit deny t if x <matches> "^a$" }',
  "agent a { default permit deny t if x == <true> }",
  "agent a { default permit deny t if x == <false> }",
  "agent a { default permit deny t if x != <nil> and x > 3 }",
  "agent a { default permit deny t if x in [<true>, 1] }",
  "agent a { default permit deny t if <len>(x) > 3 }",
  'agent a { default permit deny t if <lower>(x) == "a" }',
  'agent a { default permit deny t if <purpose>("p") }',
  'agent a { default permit deny t if <args_array_contains>("a", "b") }',
  "agent a { default permit deny t if x.<length> > 3 }",
  "agent a { default permit deny t if <time>.hour > 3 }",
  "agent a { default permit deny t if time.<hour> > 3 }",
  "agent a { default permit deny t if time.<weekday> > 3 }",
  'agent a { default permit deny t if <principal>.role == "r" }',
  'agent a { default permit deny t if <model> == "m" }',
  'agent a { default permit deny t if <action> == "m" }',
  'agent a { default permit deny t if <method> == "GET" }',
  'agent a { default permit deny t if <headers>.accept == "x" }',
  "agent a { default permit var cap = 3 deny t if x > <vars>.cap }",
  "agent a { default permit var limit = 3 deny t if x > <limit> }",
  "agent a { default permit deny t if amount > 3 deny u if <amount> > 5 deny v if amount > 4 }",
  "agent a { default permit deny stripe/refund if x > 1 deny <stripe>/refund if x > 0 }",
  "agent a { default permit <budget> b { max_calls = 1 } }",
  "agent a { default permit budget b { <max_calls> = 1 } }",
  "agent a { default permit budget b { <max> = $1 cost = x } }",
  "agent a { default permit budget b { max_calls = 1 <window> = 1h } }",
  "agent a { default permit budget b { max_calls = 1 window = 1<h> } }",
  "agent a { default permit budget b { max_calls = 1 <on_exceed> = deny } }",
  "agent a { default permit budget b { max_calls = 1 on_exceed = <deny> } }",
  'agent a { default permit budget b { max_calls = 1 <tools> = ["t"] } }',
  'agent a { default permit <rate_limit> "t": 5 per minute }',
  'agent a { default permit rate_limit "t": 5 <per> minute }',
  'agent a { default permit rate_limit "t": 5 per <minute> }',
  'agent a { default permit <redact> t args: ["a"] }',
  'agent a { default permit redact t <args>: ["a"] }',
  "agent a { default permit <egress> { allow [h.example.com] } }",
  "agent a { default permit egress { <allow> [h.example.com] } }",
  "agent a { default permit <model_policy> { allow [m] } }",
  "agent a { default deny <phase> p { permit t } }",
  "<runtime> { strict_guards = true } agent a { default deny permit t }",
  "runtime { <strict_guards> = true } agent a { default deny permit t }",
  "runtime { strict_guards = <true> } agent a { default deny permit t }",
];

/** Ways to misspell: a letter twice, two swapped, one left out, one replaced. */
const slips: readonly ((word: string) => string)[] = [
  misspelt,
  (word) => word.slice(0, 1) + word,
  (word) => `${word.slice(0, 1)}${word.slice(2)}`,
  (word) => `${word.slice(0, 1)}q${word.slice(2)}`,
];

test("F07 no misspelt word of the language, of a unit or of a declared name passes in silence", () => {
  const silent: string[] = [];
  for (const row of words) {
    const word = /<([a-z_!]+)>/.exec(row)?.[1] ?? "";
    const whole = compile(row.replace(`<${word}>`, word), { file: "a.fms" });
    assert.ok(whole.image !== undefined, `${row}: ${whole.diagnostics[0]?.message}`);
    const said = new Set(whole.diagnostics.map(({ code, message }) => code + message));
    for (const slip of slips) {
      const wrong = slip(word);
      // What a slip turns into another word of the language is that word, or it is one letter and no word any more.
      if (wrong === word || keywords.has(wrong) || wrong === "" || wrong.length < 2) continue;
      const { image, diagnostics } = compile(row.replace(`<${word}>`, wrong), { file: "a.fms" });
      const fresh = diagnostics.filter(({ code, message }) => !said.has(code + message));
      if (image !== undefined && fresh.length === 0) silent.push(row.replace(`<${word}>`, `<${wrong}>`));
    }
  }
  assert.equal(silent, []);
});

test.run();
