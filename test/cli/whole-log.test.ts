// Commands that go through all records find those that were pruned in the archives, byte for byte, and believe no archive that does not
// lead to the log.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { reachBack } from "../../runtime/query/whole-log.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";
import { faramesh, type Outcome } from "./in-process.ts";

const policy = `agent "bot" { default deny rules { permit search_docs } }`;
const asked = [
  ["audit", "export"],
  ["audit", "export", "--format", "csv", "--effect", "deny"],
  ["audit", "ls", "--format", "json"],
  ["audit", "trace", "run-1", "--format", "json"],
  ["explain", "run", "run-1", "--format", "json"],
  ["explain", "rule", "1", "--format", "json"],
] as const;

/** Several segments with two snapshots behind them. */
async function fill(stack: StackUnderTest): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const call = { type: "govern", agent_id: "bot", request_id: "run-1" };
    const calls = Array.from({ length: 40 }, (_, n) => ({
      ...call,
      tool_id: n % 3 === 0 ? "other" : "search_docs",
      args: { n },
    }));
    await stack.send(...calls);
    if (round > 0) await stack.daemon.snapshot();
  }
}

/** What each command says, as a digest; of the log itself as far as it was there before. */
async function answers(dir: string, upTo = Number.POSITIVE_INFINITY): Promise<readonly string[]> {
  const found: string[] = [];
  for (const words of asked) {
    const { code, stdout, stderr } = await faramesh(dir, ...words);
    assert.is(code, 0, `${words.join(" ")}: ${stderr}`);
    const lines = stdout.split("\n").filter((line) => Number(/,"seq":(\d+),/.exec(line)?.[1] ?? 0) <= upTo);
    const plain = lines.map((line) => line.replace(/,$/, "")).join("\n");
    found.push(`${lines.length} lines, ${createHash("sha256").update(plain).digest("hex")}`);
  }
  return found;
}

const archivesOf = ({ daemon }: StackUnderTest): string => join(daemon.walDir, "archive");

test("records that were pruned come out of archives as they were", async () => {
  await onStack(
    policy,
    async (stack) => {
      await fill(stack);
      const last = stack.daemon.governor.ledger.log.lastSeq;
      const before = await answers(stack.dir, last);
      const compacted = await faramesh(stack.dir, "audit", "compact");
      assert.is(compacted.code, 0, compacted.stderr);
      assert.ok(readdirSync(archivesOf(stack)).length > 1);
      assert.equal(await answers(stack.dir, last), before);
      const tiles = await faramesh(stack.dir, "audit", "export", "--format", "tlog-tiles", "--out", "tiled");
      assert.is(tiles.code, 0, tiles.stderr);
      assert.ok(readdirSync(join(stack.dir, "tiled", "tile", "entries")).length > 0);
    },
    { segmentBytes: 20_000 },
  );
});

test("K11 an archive that is missing is said to be, and one that does not lead to the log is not believed", async () => {
  await onStack(
    policy,
    async (stack) => {
      await fill(stack);
      await faramesh(stack.dir, "audit", "compact");
      const [first = "", second = ""] = readdirSync(archivesOf(stack)).sort();
      const bytes = readFileSync(join(archivesOf(stack), first));
      rmSync(join(archivesOf(stack), first));
      const partial = await faramesh(stack.dir, "audit", "export");
      assert.is(partial.code, 0);
      assert.match(partial.stderr, /records 1 to \d+ were pruned, and no archive leads to them/);
      assert.match(partial.stdout.split("\n")[0] ?? "", `"seq":${Number(second.slice(9, 21))},`);
      const tiled = await faramesh(stack.dir, "audit", "export", "--format", "tlog-tiles", "--out", "tiled");
      assert.match(tiled.stderr, /neither in the log nor in its archives/);
      // The first one's records under the second one's name.
      writeFileSync(join(archivesOf(stack), second), bytes);
      const changed: Outcome = await faramesh(stack.dir, "audit", "export");
      assert.is(changed.code, 5, changed.stderr);
      assert.match(changed.stderr, /does not hold record \d+ as it was written/);
    },
    { segmentBytes: 20_000 },
  );
});

test("archives reach back without a gap, whatever overlaps", () => {
  const archive = (firstSeq: number, lastSeq: number) => ({ path: `${firstSeq}`, firstSeq, lastSeq });
  const from = (...all: readonly (readonly [number, number])[]): number =>
    reachBack(
      all.map(([first, last]) => archive(first, last)).sort((a, b) => a.firstSeq - b.firstSeq),
      101,
    ).from;
  assert.is(from(), 101);
  assert.is(from([1, 100]), 1);
  assert.is(from([1, 50], [51, 100]), 1);
  assert.is(from([1, 49], [51, 100]), 51);
  assert.is(from([1, 50], [40, 100], [60, 90]), 1);
  assert.is(from([1, 99]), 101);
});

test.run();
