// docs/language-grammar.md is what the parser reads. FARAMESH_RENEW=1 writes the page anew; read it before it is kept.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PolicyParser } from "../../compiler/grammar.ts";
import { allTokens, keywords } from "../../compiler/tokens.ts";
import { diagramPage } from "../../docs/diagrams.ts";
import { ebnf, tokenRows } from "./ebnf.ts";

const path = join(fileURLToPath(new URL("../..", import.meta.url)), "docs/language-grammar.md");
const productions = new PolicyParser().getSerializedGastProductions();

function page(text: string): string {
  const rows = tokenRows(allTokens, keywords).join("\n");
  const parts = text.split(/^(<!-- (?:productions|tokens) -->)\n[\s\S]*?^(<!-- end -->)$/m);
  const [before, productionsMark, end, between, tokensMark, end2, after] = parts;
  assert.is(parts.length, 7, "the page has its two marked places");
  const grammar = `\`\`\`ebnf\n${ebnf(productions, allTokens, "policy")}\`\`\``;
  const table = `| token | words |\n|---|---|\n${rows}`;
  return `${before}${productionsMark}\n\n${grammar}\n\n${end}${between}${tokensMark}\n\n${table}\n\n${end2}${after}`;
}

test("docs/language-grammar.md is the parser's own grammar", () => {
  const text = readFileSync(path, "utf8");
  const renewed = page(text);
  if (process.env.FARAMESH_RENEW === "1") writeFileSync(path, renewed);
  else assert.is(text, renewed);
});

test("every name of the grammar is a production or a token that the page explains", () => {
  const text = readFileSync(path, "utf8");
  const grammar = /^```ebnf\n([\s\S]*?)^```$/m.exec(text)?.[1] ?? "";
  const defined = new Set([...grammar.matchAll(/^(\w+) ::=/gm)].map((match) => match[1]));
  const used = new Set([...grammar.replace(/"[^"]*"|^\w+ ::=/gm, "").matchAll(/\w+/g)].map((one) => one[0]));
  const explained = new Set([...text.matchAll(/^\| (\w+) \|/gm)].map((match) => match[1]));
  assert.ok(defined.size > 40 && defined.has("policy"));
  assert.equal(
    [...used].filter((name) => !defined.has(name) && !explained.has(name)),
    [],
  );
  assert.equal(
    [...defined].filter((name) => !used.has(name ?? "")),
    ["policy"],
  );
  assert.not.match(grammar, /stray|Never|undefined/);
});

test("the diagrams draw every production that the page has, and no error's", () => {
  const grammar = /^```ebnf\n([\s\S]*?)^```$/m.exec(readFileSync(path, "utf8"))?.[1] ?? "";
  const defined = [...grammar.matchAll(/^(\w+) ::=/gm)].map((match) => match[1] ?? "");
  const drawn = diagramPage();
  assert.equal([...drawn.matchAll(/^<section id="(\w+)">/gm)].map((match) => match[1]).sort(), defined.sort());
  for (const name of defined)
    assert.ok(name === "policy" || drawn.includes(`<a href="#${name}"><g`), `nothing leads to ${name}`);
  assert.not.match(drawn, /stray|Never|<script|undefined/);
});

test.run();
