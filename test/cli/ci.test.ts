// The recipes for pipelines work as written: each is read as the YAML that it is, and its command lines are run, in their order,
// against an example stack. What git does between them is done by hand.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { faramesh, inFolder } from "./in-process.ts";

const page = readFileSync(new URL("../../docs/ci.md", import.meta.url), "utf8");
const example = fileURLToPath(new URL("../../examples/support-agent", import.meta.url));
const command = /^npx faramesh ([^>]+?)(?: > \S+)?$/;

/** The lines of shell of a recipe, wherever in it they stand. */
function linesOf(value: unknown): string[] {
  if (typeof value === "string") return value.split("\n").filter((line) => /^(npx|npm|git) /.test(line));
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(linesOf) : [];
}

const recipes = [...page.matchAll(/^## (.+)\n[\s\S]*?^```yaml\n([\s\S]*?)^```$/gm)].map(([, name = "", text = ""]) => ({
  name,
  lines: linesOf(parse(text)),
}));

test("the page has its recipes", () => {
  assert.equal(
    recipes.map(({ name, lines }) => [name, lines.filter((line) => command.test(line)).length]),
    [
      ["GitHub Actions", 6],
      ["GitLab CI", 6],
      ["pre-commit", 3],
    ],
  );
});

/** The example, as `fmt` leaves it: a repository that runs the recipes has its policy so. */
async function layOut(dir: string): Promise<void> {
  cpSync(example, dir, { recursive: true });
  assert.is((await faramesh(dir, "fmt")).code, 0);
  await faramesh(dir, "test", "--update");
}

/** Runs a recipe; `change` is what the branch does to the policy. Returns the first command that failed, with its code. */
async function runRecipe(lines: readonly string[], change: (text: string) => string): Promise<string | null> {
  let failed: string | null = null;
  await inFolder(async (dir) => {
    await layOut(dir);
    const path = join(dir, "governance.fms");
    const base = readFileSync(path, "utf8");
    writeFileSync(path, change(base));
    for (const line of lines) {
      if (/^git checkout -q ("origin\/|FETCH_HEAD$)/.test(line)) writeFileSync(path, base);
      else if (line.startsWith("git checkout ")) writeFileSync(path, change(base));
      const words = command.exec(line)?.[1]?.split(" ");
      if (words === undefined) continue;
      const { code, stdout, stderr } = await faramesh(dir, ...words);
      if (code === 0) continue;
      failed = `${words.join(" ")}: ${code}`;
      assert.not.match(stdout + stderr, /a fault of ours|there is no (option|command)/);
      break;
    }
  });
  return failed;
}

const charge = "permit stripe/charge if amount < $500";
const card = "permit charge_card if amount <= $100";

/** What a branch does, and at which command each recipe that has the command stops. */
const changes: readonly {
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly fails: RegExp;
}[] = [
  { what: "an unchanged policy", from: charge, to: charge, fails: /^null$/ },
  { what: "a layout of its own", from: charge, to: `  ${charge}`, fails: /^fmt --check: 1$/ },
  {
    what: "a pattern that is none",
    from: charge,
    to: `${charge} and currency matches "("`,
    fails: /^check .*--offline.*: 1$/,
  },
  { what: "another answer to a tested call", from: charge, to: charge.replace("500", "501"), fails: /^test\b.*: 1$/ },
  { what: "an opening", from: card, to: `${card}.50`, fails: /^plan --no-new-access: 2$/ },
];

for (const { name, lines } of recipes) {
  for (const { what, from, to, fails } of changes) {
    // A commit is not held up by what it opens: that is for the pull request.
    const stops = lines.some((line) => line.includes("plan")) || !fails.source.includes("plan") ? fails : /^null$/;
    test(`${name}: ${what}`, async () => {
      const change = (text: string): string => {
        assert.ok(text.includes(from));
        return text.replace(from, () => to);
      };
      assert.match(String(await runRecipe(lines, change)), stops);
    });
  }
}

test("every command line of the page's text is one that there is", async () => {
  for (const [, words = ""] of page.matchAll(/(?:`| {4}npx )faramesh ([a-z]+ [^`\n]*)/g)) {
    if (words.includes("--watch")) continue;
    await inFolder(async (dir) => {
      await layOut(dir);
      assert.is((await faramesh(dir, ...words.split(" "))).code, 0, words);
    });
  }
});

test.run();
