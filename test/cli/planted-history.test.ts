// A recorded history in which each call was planted: a known count of every transition and of every cause for which a call cannot be
// judged again, as plan tells them, and what --strict-replay makes of them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";
import { faramesh } from "./in-process.ts";

const effects = ["permit", "defer", "deny"] as const;
type Effect = (typeof effects)[number];

/** Every pair of effects with how many calls of it are planted, none twice. */
const planted = effects.flatMap((from, i) => effects.map((to, j) => ({ from, to, count: 1 + i * 3 + j })));
const toolOf = ({ from, to }: { from: Effect; to: Effect }): string => `${from}/${to}`;

const agentOf = (rules: readonly string[]): string => `agent "bot" {\n  default deny\n  ${rules.join("\n  ")}\n}\n`;
const secret = ["permit vault", 'redact vault args: ["pin"]'];
const before = agentOf([...planted.map((one) => `${one.from} ${toolOf(one)}`), ...secret]);
const after = agentOf([
  ...planted.map((one) => `${one.to} ${toolOf(one)}`),
  'permit vault if pin == "0000"',
  secret[1] ?? "",
]);

async function plant(stack: StackUnderTest): Promise<void> {
  for (const one of planted)
    for (let n = 0; n < one.count; n++) {
      assert.is((await stack.ask(toolOf(one), { n })).effect, one.from.toUpperCase());
    }
  for (const pin of ["0000", "1111"]) await stack.ask("vault", { pin });
  for (let n = 0; n < 3; n++) await stack.ask("vault", {}, { agent_id: "stranger" });
  await stack.ask("vault", {}, { session_id: "x".repeat(5_000) });
}

const calls = planted.reduce((sum, { count }) => sum + count, 0);
const unreplayable = 6;

interface Plan {
  readonly replay: {
    readonly total: number;
    readonly not_replayable: number;
    readonly not_replayable_why: readonly object[];
    readonly transitions: Readonly<Record<string, readonly { readonly tool: string; readonly count: number }[]>>;
  };
}

test("every transition and every cause has its count; --strict-replay goes by the transitions alone", () =>
  onStack(before, async (stack) => {
    await plant(stack);
    const run = async (text: string, ...words: string[]): Promise<{ code: number; stdout: string }> => {
      writeFileSync(join(stack.dir, "governance.fms"), text);
      return faramesh(stack.dir, "plan", ...words);
    };
    const { code, stdout } = await run(after, "--strict-replay", "--format", "json");
    assert.is(code, 2);
    const { replay } = JSON.parse(stdout) as Plan;
    const moved = planted.filter(({ from, to }) => from !== to);
    assert.equal(
      replay.transitions,
      Object.fromEntries(moved.map((one) => [`${one.from}_to_${one.to}`, [{ tool: toolOf(one), count: one.count }]])),
    );
    assert.equal([replay.total, replay.not_replayable], [calls + unreplayable, unreplayable]);
    assert.equal(replay.not_replayable_why, [
      { tool: "vault", why: "other agent", count: 3 },
      { tool: "vault", why: "not kept", count: 2 },
      { tool: "vault", why: "not judged", count: 1 },
    ]);
    const { stdout: text } = await run(after);
    for (const one of moved) {
      const share = ((one.count / calls) * 100).toFixed(1).replace(/\.0$/, "");
      const call = one.count === 1 ? "1 call" : `${one.count} calls`;
      assert.match(text, new RegExp(`^${toolOf(one)} +${one.from} → ${one.to} ${call} \\(${share}%\\)$`, "m"));
    }
    assert.match(text, `6 calls of ${calls + unreplayable} could not be replayed:`);
    assert.match(text, /^ {2}vault 2 calls: what a rule reads was not kept$/m);
    // What cannot be judged is no difference; it is told all the same.
    const blind = await run(before.replace("permit vault", 'permit vault if pin == "0000"'), "--strict-replay");
    assert.is(blind.code, 0);
    assert.match(blind.stdout, /^vault +permit → deny 0 calls\n6 calls of/m);
    assert.is((await run(before, "--strict-replay", "--since", "24h")).code, 0);
    assert.is((await run(before.replace("permit/", "permit-/"), "--since", "yesterday")).code, 64);
  }));

test.run();
