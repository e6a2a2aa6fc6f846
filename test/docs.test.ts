// Holds the pages for users to the code: examples compile (or fail as they say), tables list what the code has, links lead
// somewhere.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertFindings, tryAsserts } from "../cli/asserts.ts";
import { reasonAbout } from "../compiler/analyse/index.ts";
import type { Stack } from "../compiler/ast.ts";
import { diagnosticCodes } from "../compiler/diagnostic.ts";
import { renderDiagnostics } from "../compiler/frame.ts";
import { compile } from "../compiler/index.ts";
import { codes } from "../runtime/codes.ts";
import { sdkCodes } from "../runtime/sdk/index.ts";
import { importsOfPages } from "./imports.ts";

/** What `check` reasons, asserts among it. */
const reasoner = (stack: Stack, image: Uint8Array) => [
  ...reasonAbout(stack),
  ...assertFindings(tryAsserts({ stack, image })),
];

const root = fileURLToPath(new URL("..", import.meta.url));
const inFolder = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));
const folders = [".", "docs", join("docs", "diagnostics"), join("examples", "support-agent")];
const pages = folders.flatMap(inFolder).map((path) => ({
  path,
  text: readFileSync(join(root, path), "utf8"),
}));

/** What the project of the examples registers, where an example is about that. */
const registered = ["search_docs"];

interface Example {
  readonly place: string;
  readonly text: string;
  readonly file: string;
  /** Null: compiles without errors. */
  readonly expected: { readonly severity: string; readonly code: string } | null;
}

const languagePage = join("docs", "language.md");

function examplesOf(path: string, page: string): Example[] {
  return [...page.matchAll(/^```(fms|yaml|json)(?: (error|warning|note) (FMS\d+))?\n([\s\S]*?)^```$/gm)].flatMap(
    (match) => {
      const line = page.slice(0, match.index).split("\n").length;
      const [, form, severity, code, text] = match;
      // Elsewhere JSON and YAML are answers, records and settings of other tools.
      if (form !== "fms" && path !== languagePage) return [];
      const expected = severity === undefined || code === undefined ? null : { severity, code };
      const file = form === "fms" ? "governance.fms" : `governance.fms.${form}`;
      return [{ place: `${path}:${line}`, text: text ?? "", file, expected }];
    },
  );
}

const imports = importsOfPages(root);
const policy = readFileSync(join(root, "examples/support-agent/governance.fms"), "utf8");
const examples = [
  ...pages.flatMap(({ path, text }) => examplesOf(path, text)),
  { place: "examples/support-agent/governance.fms", text: policy, file: "governance.fms", expected: null },
];

for (const { place, text, file, expected } of examples) {
  test(`${place} ${expected === null ? "compiles" : `is ${expected.code}`}`, () => {
    const { diagnostics } = compile(text, {
      file,
      imports,
      reasoner,
      ...(expected?.code === "FMS070" ? { knownTools: registered } : {}),
    });
    const found = diagnostics.map(({ severity, code, message, line }) => `${severity} ${code} ${line}: ${message}`);
    if (expected === null)
      assert.equal(
        found.filter((line) => line.startsWith("error")),
        [],
      );
    else
      assert.ok(
        found.some((line) => line.startsWith(`${expected.severity} ${expected.code} `)),
        found.join("\n") || "nothing",
      );
  });
}

test("the pages have examples, and every code of a diagnostic has one", () => {
  const shown = new Set(examples.map(({ expected }) => expected?.code));
  assert.equal(
    Object.keys(diagnosticCodes).filter((code) => !shown.has(code)),
    [],
  );
});

test("docs/codes.md is the tables of codes", () => {
  const page = readFileSync(join(root, "docs/codes.md"), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, code, meaning]) => `${code}: ${meaning}`);
  const expected = [
    ...Object.entries(codes).map(([code, { meaning }]) => `${code}: ${meaning}`),
    ...Object.entries(sdkCodes).map(([code, meaning]) => `${code}: ${meaning}`),
  ];
  assert.equal(rows, expected);
});

test("docs/diagnostics.md lists every code, each with its page", () => {
  const page = readFileSync(join(root, "docs/diagnostics.md"), "utf8");
  const rows = [...page.matchAll(/^\| \[.*\|$/gm)].map(([row]) => row);
  const expected = Object.entries(diagnosticCodes).map(
    ([code, { severity, title }]) => `| [${code}](diagnostics/${code}.md) | ${severity} | ${title} |`,
  );
  assert.equal(rows, expected);
});

for (const [code, { severity, title }] of Object.entries(diagnosticCodes)) {
  test(`the page of ${code} shows what check prints, and a policy without it`, () => {
    const path = join(root, `docs/diagnostics/${code}.md`);
    const knownTools = code === "FMS070" ? registered : [];
    const page = readFileSync(path, "utf8");
    assert.is(page.split("\n")[0], `# ${code}: ${title}`);
    const shown = page.match(/^```fms (error|warning|note) (FMS\d+)\n([\s\S]*?)^```\n\n```text\n([\s\S]*?)^```$/m);
    const [whole = "", shownSeverity, shownCode, text = "", output = ""] = shown ?? [];
    assert.equal([shownSeverity, shownCode], [severity, code]);
    const { diagnostics, sources } = compile(text, {
      file: "governance.fms",
      knownTools,
      imports,
      reasoner,
    });
    const printed = renderDiagnostics(diagnostics, sources)
      .map((frame) => `${frame}\n`)
      .join("");
    if (process.env.FARAMESH_RENEW === "1") {
      const block = (body: string) => `\`\`\`fms ${severity} ${code}\n${text}\`\`\`\n\n\`\`\`text\n${body}\`\`\``;
      writeFileSync(
        path,
        page.replace(whole, () => block(printed)),
      );
    } else assert.is(output, printed);
    const [, remedy = ""] = page.split("## What to do");
    const [fixed] = examplesOf(path, remedy);
    assert.ok(fixed !== undefined, "the page shows no policy that does without");
    const left = compile(fixed.text, {
      file: "governance.fms",
      knownTools,
      imports,
      reasoner: reasonAbout,
    }).diagnostics.map((diagnostic) => diagnostic.code);
    assert.not.ok(left.includes(code as (typeof left)[number]), `the remedy is ${left.join(", ")} too`);
  });
}

test("links between pages lead to files", () => {
  const links = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)].map((match) => join(dirname(path), match[1] ?? "")),
  );
  assert.ok(links.length > 0);
  assert.equal(
    links.filter((link) => !existsSync(join(root, link))),
    [],
  );
});

test.run();
