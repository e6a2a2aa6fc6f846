// What the pages say that a policy decides, run: a `calls` block belongs to the policy before it, and its lines are judged
// in their order by one evaluator with state. `+25h` lets time pass; `{…}` are the arguments; `bot:` names an agent,
// `session=…`, `model=…` and `http={…}` other members of the request.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../compiler/index.ts";
import { type EvaluationRequest, loadPolicySync } from "../runtime/evaluator/index.ts";
import { importsOfPages } from "./imports.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folders = [".", "docs", join("docs", "diagnostics")];
/** A Monday noon. */
const startMs = Date.UTC(2026, 5, 1, 12);
const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

interface Claims {
  readonly place: string;
  readonly policy: string;
  readonly lines: readonly string[];
}

function claimsOf(path: string): Claims[] {
  const page = readFileSync(join(root, path), "utf8");
  const found: Claims[] = [];
  let policy: string | null = null;
  for (const match of page.matchAll(/^```(fms|calls)[^\n]*\n([\s\S]*?)^```$/gm)) {
    const [, kind, body = ""] = match;
    const place = `${path}:${page.slice(0, match.index).split("\n").length}`;
    if (kind === "fms") policy = body;
    else if (policy === null) throw new Error(`${place}: these calls stand behind no policy`);
    else found.push({ place, policy, lines: body.split("\n").filter((line) => line.trim() !== "") });
  }
  return found;
}

const line = /^(?:([\w-]+): )?(\S+) (\{.*?\})((?: \w+=(?:\{.*?\}|\S+))*) +→ (permit|deny|defer)(?: ([A-Z_]+))?$/;

function requestOf(text: string, agents: readonly string[]): { request: EvaluationRequest; wanted: string } {
  const [, agent, tool, args, members = "", effect, code] = line.exec(text) ?? [];
  if (tool === undefined || args === undefined) throw new Error(`a call that cannot be read: ${text}`);
  const more = Object.fromEntries(
    [...members.matchAll(/(\w+)=(\{.*?\}|\S+)/g)].map(([, name = "", value = ""]) => [
      name === "session" ? "session_id" : name,
      value.startsWith("{") ? (JSON.parse(value) as unknown) : value,
    ]),
  );
  const request = { agent_id: agent ?? agents[0] ?? "anyone", tool_id: tool, args: JSON.parse(args), ...more };
  return { request: request as EvaluationRequest, wanted: code === undefined ? `${effect}` : `${effect} ${code}` };
}

const pages = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name)),
);
const claims = pages.flatMap(claimsOf);

for (const { place, policy: text, lines } of claims) {
  test(`${place} decides as the page says`, () => {
    const { image } = compile(text, { file: "governance.fms", imports: importsOfPages(root) });
    if (image === undefined) throw new Error("the policy does not compile");
    const policy = loadPolicySync(image, { state: "volatile" });
    let now = startMs;
    policy.activatePhases(now);
    for (const each of lines) {
      const [, count, unit] = /^\+(\d+)([smhd])$/.exec(each) ?? [];
      if (count !== undefined) {
        now += Number(count) * (unitMs[unit ?? ""] ?? Number.NaN);
        continue;
      }
      const { request, wanted } = requestOf(each, policy.info.agents);
      const { effect, code } = policy.decide(request, { now });
      assert.is(wanted.includes(" ") ? `${effect} ${code}` : effect, wanted, each);
    }
  });
}

test("the reference of the language has calls to show", () => {
  assert.ok(claims.filter(({ place }) => place.startsWith(join("docs", "language.md"))).length >= 8);
});

test.run();
