// `audit compact` on a daemon that runs: what goes is archived, still asked, shown and proven, and the rest goes on.
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";
import { farameshWith } from "./in-process.ts";

const policy = `agent "bot" { default deny rules { permit search_docs } }`;
const small = { segmentBytes: 20_000 };
const kept = `runtime { wal_retention = "1s" } ${policy}`;

async function cli(dir: string, ...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return farameshWith(dir, {}, words);
}

async function json(dir: string, ...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await cli(dir, ...words, "--format", "json");
  assert.is(code, 0, `${words.join(" ")}: ${stderr}${stdout}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Calls enough for several segments, with two snapshots behind them. Answers the first call's action id. */
async function fill(stack: StackUnderTest): Promise<string> {
  const first = await stack.ask("search_docs", { n: 1.1 });
  for (let round = 0; round < 3; round++) {
    const calls = Array.from({ length: 40 }, (_, n) => ({
      type: "govern",
      agent_id: "bot",
      tool_id: n % 3 === 0 ? "other" : "search_docs",
      args: { n, text: "ä€😀\u0007" },
    }));
    await stack.send(...calls);
    if (round > 0) await stack.daemon.snapshot();
  }
  return first.action_id ?? "";
}

const walFiles = (stack: StackUnderTest): string[] =>
  readdirSync(stack.daemon.walDir).filter((name) => name.endsWith(".wal"));
const archiveOf = (stack: StackUnderTest): string => join(stack.daemon.walDir, "archive");
test("what goes is archived, asked, shown and proven as before, and the daemon goes on", async () => {
  await onStack(
    policy,
    async (stack) => {
      const { dir } = stack;
      const id = await fill(stack);
      const all =
        "select count(*) as n, min(seq) as first, sum(latency_us) as us, string_agg(hash order by seq) as hashes from decisions";
      const before = (await json(dir, "audit", "query", all)).rows;
      const stats = await json(dir, "audit", "stats");
      const history = await json(dir, "history");
      const shown = await json(dir, "audit", "show", id);
      const plan = await json(dir, "audit", "compact", "--dry-run");
      assert.ok(existsSync(join(stack.daemon.walDir, "00000001.wal")));
      assert.ok((plan.segments as string[]).length > 1, JSON.stringify(plan));
      const done = await json(dir, "audit", "compact", "--reason", "room");
      assert.equal(done.segments, plan.segments);
      assert.not.ok(existsSync(join(stack.daemon.walDir, "00000001.wal")));
      assert.is(readdirSync(archiveOf(stack)).length, (plan.segments as string[]).length);
      assert.equal((await json(dir, "audit", "query", all)).rows, before);
      assert.equal(await json(dir, "audit", "stats"), stats);
      assert.equal(await json(dir, "history"), history);
      assert.equal((await json(dir, "audit", "show", id)).record, shown.record);
      const verified = await json(dir, "audit", "verify");
      assert.is(verified.ok, true);
      assert.equal((verified.pruned as { archived: boolean }).archived, true);
      await json(dir, "audit", "prove", id, "--out", "old.tlog-proof");
      assert.is((await json(dir, "audit", "verify", "--proof", "old.tlog-proof")).ok, true);
      assert.equal((await json(dir, "audit", "compact")).segments, []);
      await stack.restart();
      assert.is((await stack.ask("search_docs")).effect, "PERMIT");
      assert.equal(
        (await json(dir, "audit", "query", all.replace("decisions", "decisions where seq < 100"))).rows !== undefined,
        true,
      );
      const replayed = await json(dir, "audit", "verify", "--replay");
      assert.is((replayed.replay as { mismatched: number }).mismatched, 0);
    },
    small,
  );
});

test("an archive that is not what the log holds stops the prune; one that is there already is taken", async () => {
  await onStack(
    policy,
    async (stack) => {
      await fill(stack);
      const { dir } = stack;
      const { segments } = await json(dir, "audit", "compact", "--dry-run");
      const done = await json(dir, "audit", "compact", "--keep-size", "1gb");
      assert.equal(done.segments, []);
      // As a crash between archive and prune leaves it: archived, and all still there.
      const copies = walFiles(stack).map((name) => [name, readFileSync(join(stack.daemon.walDir, name))] as const);
      const { archiveSegment } = await import("../../runtime/query/archive-segment.ts");
      const { defaultLimits } = await import("../../runtime/query/duck.ts");
      const { nodeDisk } = await import("../../runtime/disk.ts");
      const { listSegments } = await import("../../runtime/log/segments.ts");
      const { recordAt } = await import("../../runtime/log/record-at.ts");
      const { readLogId } = await import("../../runtime/log/identity.ts");
      const { walDir } = stack.daemon;
      const [one, two] = listSegments(nodeDisk, walDir);
      if (one === undefined || two === undefined) throw new Error("too few segments");
      const lastSeq = Number(recordAt(nodeDisk, two, 0)?.seq) - 1;
      const logId = readLogId(nodeDisk, walDir) ?? "";
      const { file } = await archiveSegment(nodeDisk, walDir, logId, one, lastSeq, defaultLimits);
      const path = join(archiveOf(stack), file);
      const whole = readFileSync(path);
      truncateSync(path, whole.length - 10);
      assert.is.not((await cli(dir, "audit", "compact")).code, 0);
      assert.is(walFiles(stack).length >= copies.length, true);
      writeFileSync(path, whole);
      assert.equal((await json(dir, "audit", "compact")).segments, segments);
    },
    small,
  );
});

test("without archives a pruned record is gone, and that is said", async () => {
  await onStack(
    policy,
    async (stack) => {
      const id = await fill(stack);
      const { dir } = stack;
      await json(dir, "audit", "compact", "--no-archive");
      assert.not.ok(existsSync(archiveOf(stack)));
      const shown = await cli(dir, "audit", "show", id);
      assert.is(shown.code, 1);
      assert.match(shown.stderr, /pruned/);
      assert.match((await cli(dir, "audit", "verify")).stdout, /what was pruned is recorded and signed/);
      const tiled = await cli(dir, "audit", "export", "--format", "tlog-tiles", "--out", "tiled");
      assert.match(tiled.stderr, /neither in the log nor in its archives/);
      assert.is(tiled.code, 5);
      for (const words of [["audit", "tail", "--no-follow"], ["audit", "ls"], ["audit", "export"], ["history"]]) {
        assert.is((await cli(dir, ...words)).code, 0, words.join(" "));
      }
    },
    small,
  );
});

test("K11 a pruned log whose first segment is taken away is refused by each command that reads", async () => {
  await onStack(
    policy,
    async (stack) => {
      await fill(stack);
      const { dir } = stack;
      await json(dir, "audit", "compact");
      await stack.stop();
      const wal = join(dir, "faramesh-wal");
      const [first] = readdirSync(wal).filter((name) => name.endsWith(".wal"));
      rmSync(join(wal, first as string));
      for (const words of [
        ["audit", "verify"],
        ["audit", "export"],
        ["audit", "ls"],
      ]) {
        assert.is((await cli(dir, ...words)).code, 5, words.join(" "));
      }
    },
    small,
  );
});

test("`wal_retention` lets the daemon prune by itself; nothing that is younger goes", async () => {
  await onStack(
    policy,
    async (stack) => {
      await fill(stack);
      await stack.daemon.prune();
      assert.ok(existsSync(join(stack.daemon.walDir, "00000001.wal")), "no retention is set");
      await stack.apply(kept.replace("1s", "30d"));
      await stack.daemon.prune();
      assert.ok(existsSync(join(stack.daemon.walDir, "00000001.wal")), "all is younger");
      await stack.apply(kept);
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await stack.daemon.prune();
      assert.not.ok(existsSync(join(stack.daemon.walDir, "00000001.wal")));
      assert.is((await json(stack.dir, "audit", "verify")).ok, true);
      const prunes = (await stack.records()).filter(({ type }) => type === "prune");
      assert.equal(
        prunes.map(({ actor, reason }) => [actor, reason]),
        [["daemon", "wal_retention"]],
      );
    },
    small,
  );
});

test("without a daemon nothing goes", async () => {
  await onStack(
    policy,
    async (stack) => {
      await fill(stack);
      await stack.stop();
      const { code, stderr } = await cli(stack.dir, "audit", "compact");
      assert.is(code, 1);
      assert.match(stderr, /does not run/);
    },
    small,
  );
});

test.run();
