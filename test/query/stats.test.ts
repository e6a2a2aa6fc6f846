// audit stats and audit trace: what they count is what the lines say.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as writer from "../../bench/log-entry.ts";
import { longLog } from "../../bench/long-log.ts";
import { sparkline } from "../../cli/render.ts";
import type { Statistics } from "../../runtime/query/statistics.ts";
import { faramesh } from "../cli/in-process.ts";
import { onStack } from "../runtime/stack-under-test.ts";

interface Line {
  readonly type: string;
  readonly effect: string;
  readonly tool: string;
  readonly agent_id: string;
  readonly code: string;
  readonly latency_us: number;
  readonly cost_usd: number | null;
  readonly time: string;
}

const dir = mkdtempSync(join(tmpdir(), "faramesh-test-"));
let decisions: readonly Line[] = [];
test.before(async () => {
  const walDir = await longLog(writer, { dir, records: 2_000, segmentBytes: 1024 * 1024, stepUs: 400_000 });
  decisions = readdirSync(walDir)
    .filter((name) => name.endsWith(".wal"))
    .flatMap((name) => readFileSync(join(walDir, name), "utf8").split("\n").slice(0, -1))
    .map((line) => JSON.parse(line) as Line)
    .filter(({ type }) => type === "decision");
});
test.after(() => rmSync(dir, { recursive: true }));

async function stats(...words: string[]): Promise<Statistics> {
  const { code, stdout, stderr } = await faramesh(dir, "audit", "stats", "--format", "json", ...words);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Statistics;
}

function counted(lines: readonly Line[], name: (line: Line) => string): { name: string; count: number }[] {
  const sums = new Map<string, number>();
  for (const line of lines) sums.set(name(line), (sums.get(name(line)) ?? 0) + 1);
  const all = [...sums].map(([one, count]) => ({ name: one, count }));
  return all.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)).slice(0, 10);
}

test("stats counts what the lines say", async () => {
  const found = await stats();
  assert.is(found.decisions, decisions.length);
  assert.is(found.first, decisions[0]?.time);
  assert.is(found.last, decisions.at(-1)?.time);
  assert.equal(
    found.effects,
    counted(decisions, (line) => line.effect),
  );
  assert.equal(
    found.tools,
    counted(decisions, (line) => line.tool),
  );
  assert.equal(
    found.agents,
    counted(decisions, (line) => line.agent_id),
  );
  assert.equal(
    found.codes,
    counted(decisions, (line) => line.code),
  );
  const denied = decisions.filter(({ effect }) => effect === "deny");
  assert.equal(
    found.denied.map(({ tool, count }) => ({ name: tool, count })),
    counted(denied, (line) => line.tool),
  );
  const latencies = decisions.map((line) => line.latency_us).sort((a, b) => a - b);
  assert.is(found.latency_us?.max, latencies.at(-1));
  assert.is(found.latency_us?.p50, latencies[Math.ceil(latencies.length * 0.5) - 1]);
  const permits = decisions.filter(({ effect }) => effect === "permit");
  const mills = permits.reduce((sum, line) => sum + Math.round((line.cost_usd ?? 0) * 1000), 0);
  assert.is(Math.round(Number(found.spent_usd) * 1000), mills);
  assert.is(
    found.rate.counts.reduce((sum, count) => sum + count, 0),
    decisions.length,
  );
  assert.is(found.approvals.opened, decisions.filter(({ effect }) => effect === "defer").length);
  assert.is(found.approvals.waited_seconds, null);
});

test("stats of a time counts that time alone", async () => {
  const middle = decisions[700]?.time ?? "";
  assert.is((await stats("--since", middle)).decisions, decisions.length - 700);
  assert.is((await stats("--until", middle)).decisions, 700);
  const none = await stats("--until", "2020-01-01T00:00:00Z");
  assert.equal([none.decisions, none.first, none.latency_us, none.spent_usd], [0, null, null, "0"]);
  assert.equal(none.rate.counts, []);
  assert.is((await faramesh(dir, "audit", "stats", "--until", "2020-01-01T00:00:00Z")).stdout, "0 decisions\n");
  assert.is((await faramesh(dir, "audit", "stats", "--since", "soon")).code, 64);
});

test("stats as text draws calls over time and names what is denied", async () => {
  const { stdout } = await faramesh(dir, "audit", "stats");
  assert.match(stdout, /calls {5}[▁▂▃▄▅▆▇█]+ {2}\d+ min each/);
  assert.match(stdout, /denied\n {2}mail\/send POLICY_DENY +\d+/);
});

test("a sparkline shows nothing for none and something for one", () => {
  assert.is(sparkline([0, 1, 50, 100]), " ▁▄█");
  assert.is(sparkline([]), "");
  assert.is(sparkline([0, 0]), "  ");
});

const hostile = "run\u001b]52;c;aGk=\u0007\u202e\nDENY";

test("I01 I02 trace prints one run's calls in order with what became of them, each on its line", async () => {
  const policy = 'agent "bot" { default deny rules { permit read defer pay } }';
  await onStack(policy, async (stack) => {
    const first = await stack.ask("read", {}, { request_id: hostile });
    const deferred = await stack.ask("pay", { to: hostile }, { request_id: hostile });
    await stack.ask("read", {}, { request_id: "another" });
    await faramesh(stack.dir, "approvals", "approve", deferred.approval_id ?? "", "--reason", "fine\u202e");
    const again = await stack.ask("pay", { to: hostile }, { request_id: hostile });
    const { code, stdout } = await faramesh(stack.dir, "audit", "trace", hostile);
    assert.is(code, 0);
    assert.not.match(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    const lines = stdout.trimEnd().split("\n");
    const calls = lines.filter((line) => line.startsWith("["));
    assert.equal(
      calls.map((line) => /action-\w+/.exec(line)?.[0]),
      [first.action_id, deferred.action_id, again.action_id],
    );
    assert.match(stdout, /PERMIT[\s\S]*DEFER[\s\S]*├ .*approval {2}apr-\w+ {2}opened[\s\S]*approved[\s\S]*PERMIT/);
    const json = await faramesh(stack.dir, "audit", "trace", "bot/default", "--format", "json");
    assert.is((JSON.parse(json.stdout) as { calls: unknown[] }).calls.length, 4);
    const one = await faramesh(stack.dir, "audit", "trace", first.action_id);
    assert.is(one.stdout.split("\n").length, 2);
    assert.is((await faramesh(stack.dir, "audit", "trace", "nobody")).code, 1);
  });
});

test("A33 stats and trace of a torn copy", async () => {
  const copy = mkdtempSync(join(tmpdir(), "faramesh-test-"));
  try {
    cpSync(dir, copy, { recursive: true });
    const walDir = join(copy, "faramesh-wal");
    const active = join(
      walDir,
      readdirSync(walDir)
        .filter((name) => name.endsWith(".wal"))
        .at(-1) ?? "",
    );
    writer.nodeDisk.open(active, "append").write(Buffer.from('{"hash":"12'), 0, 11, null);
    const { code } = await faramesh(copy, "audit", "stats");
    assert.is(code, 0);
    assert.is((await faramesh(copy, "audit", "trace", "agent-2/session-2")).code, 0);
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test.run();
