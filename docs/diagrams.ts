// Draws the grammar as railroad diagrams, from the productions that the parser itself was built from, into
// docs/grammar.html: one page, no scripts, nothing loaded. It must never draw what the parser does not read.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import type { ISerializedGast } from "chevrotain";
import { PolicyParser } from "../compiler/grammar.ts";

/** Productions by which the parser names what is no statement; they match nothing. */
const errorProductions = new Set(["stray", "strayTop"]);

interface Part {
  readonly type: string;
  readonly name?: string;
  readonly definition?: readonly Part[];
}

/** The page as HTML. The drawing is chevrotain's own, which comes as scripts for a browser. */
export function diagramPage(): string {
  const folder = new URL("../node_modules/chevrotain/diagrams/", import.meta.url);
  const read = (path: string): string => readFileSync(new URL(path, folder), "utf8");
  const context = createContext({});
  for (const script of ["vendor/railroad-diagrams.js", "src/diagrams_builder.js"]) runInContext(read(script), context);
  const rules = reached(new PolicyParser().getSerializedGastProductions() as unknown as readonly Part[], "policy");
  const draw = (context as unknown as Builder).diagrams_builder.buildSyntaxDiagramsText;
  const drawn = rules.map(
    (rule) =>
      `<section id="${rule.name}">${linked(draw([rule])).replace("<svg", `<svg role="img" aria-label="${rule.name}"`)}</section>`,
  );
  const names = rules.map(({ name }) => `<a href="#${name}">${name}</a>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The grammar of governance.fms</title>
<style>
${read("diagrams.css")}
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; background: #fff; color: #111 }
section { margin: 1.5rem 0; overflow-x: auto }
nav { columns: 5 10rem; font: 14px/1.6 monospace }
</style>
<h1>The grammar of governance.fms</h1>
<p>Round boxes are words and signs of a policy, the others are diagrams of this page. Where <code>=</code> stands before a value,
<code>:</code> or nothing may stand; where <code>;</code> ends a statement, <code>,</code> may.</p>
<nav>${names.join("<br>")}</nav>
${drawn.join("\n")}
</html>
`;
}

interface Builder {
  readonly diagrams_builder: { buildSyntaxDiagramsText(rules: readonly (ISerializedGast | Part)[]): string };
}

/** The rule where a text begins, and what can be reached from it, in that order. */
function reached(all: readonly Part[], start: string): readonly Part[] {
  const rules = new Map(all.map((rule) => [rule.name ?? "", withoutErrors(rule)]));
  const names = new Set([start]);
  for (const name of names) for (const used of namesIn(rules.get(name))) names.add(used);
  return [...names].flatMap((name) => rules.get(name) ?? []);
}

function namesIn(part: Part | undefined): readonly string[] {
  if (part?.type === "NonTerminal") return [part.name ?? ""];
  return (part?.definition ?? []).flatMap(namesIn);
}

function withoutErrors(part: Part): Part {
  const kept = (part.definition ?? []).filter(
    (inner) =>
      inner.type !== "Alternative" || inner.definition?.some(({ name }) => errorProductions.has(name ?? "")) !== true,
  );
  return part.definition === undefined ? part : { ...part, definition: kept.map(withoutErrors) };
}

/** A name in a box leads to its diagram; attributes for the scripts that the page does not have go. */
function linked(svg: string): string {
  return svg
    .replace(/ (?:occurrenceIdx|topRuleName|dslRuleName|ruleName)="[^"]*"/g, "")
    .replace(/<g class="non-terminal ?"[\s\S]*?<\/g>/g, (box) => {
      const name = />([A-Za-z]+)<\/text>/.exec(box)?.[1];
      return name === undefined ? box : `<a href="#${name}">${box}</a>`;
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = fileURLToPath(new URL("grammar.html", import.meta.url));
  writeFileSync(out, diagramPage());
  process.stdout.write(`${out}\n`);
}
