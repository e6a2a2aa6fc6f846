// Holds the pages for users to the code: examples compile (or fail as they say), tables list what the code has, links lead
// somewhere.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { diagnosticCodes } from "../compiler/diagnostic.ts";
import { compile } from "../compiler/index.ts";
import { codes } from "../runtime/codes.ts";
import { sdkCodes } from "../runtime/sdk/index.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const inFolder = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));
const pages = [...inFolder("."), ...inFolder("docs"), ...inFolder("examples/support-agent")].map((path) => ({
  path,
  text: readFileSync(join(root, path), "utf8"),
}));

interface Example {
  readonly place: string;
  readonly text: string;
  readonly file: string;
  /** Null: compiles without errors. */
  readonly expected: { readonly severity: string; readonly code: string } | null;
}

const languagePage = join("docs", "language.md");

function examplesOf(path: string, page: string): Example[] {
  return [...page.matchAll(/^```(fms|yaml|json)(?: (error|warning) (FMS\d+))?\n([\s\S]*?)^```$/gm)].flatMap((match) => {
    const line = page.slice(0, match.index).split("\n").length;
    const [, form, severity, code, text] = match;
    // Elsewhere JSON and YAML are answers, records and settings of other tools.
    if (form !== "fms" && path !== languagePage) return [];
    const expected = severity === undefined || code === undefined ? null : { severity, code };
    const file = form === "fms" ? "governance.fms" : `governance.fms.${form}`;
    return [{ place: `${path}:${line}`, text: text ?? "", file, expected }];
  });
}

const policy = readFileSync(join(root, "examples/support-agent/governance.fms"), "utf8");
const examples = [
  ...pages.flatMap(({ path, text }) => examplesOf(path, text)),
  { place: "examples/support-agent/governance.fms", text: policy, file: "governance.fms", expected: null },
];

for (const { place, text, file, expected } of examples) {
  test(`${place} ${expected === null ? "compiles" : `is ${expected.code}`}`, () => {
    const { diagnostics } = compile(text, { file });
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

test("docs/diagnostics.md has one section for each code", () => {
  const page = readFileSync(join(root, "docs/diagnostics.md"), "utf8");
  const headings = [...page.matchAll(/^## (.*)$/gm)].map((match) => match[1]);
  const expected = Object.entries(diagnosticCodes).map(
    ([code, { severity, title }]) => `${code} (${severity}): ${title}`,
  );
  assert.equal(headings, expected);
});

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
