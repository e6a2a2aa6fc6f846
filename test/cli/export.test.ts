// audit export: what comes out is what is stored, safe in a spreadsheet, and verifiable by whoever reads tiled logs.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { csvCell, csvColumns, csvRow } from "../../cli/csv.ts";
import { onStack } from "../runtime/stack-under-test.ts";
import { cli } from "./run-cli.ts";

const policy = `agent "bot" { default deny rules { permit search_docs } }`;

/** Cells of CSV by RFC 4180. */
function cellsOf(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)?.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
    if (end === "\r\n") rows.push([]);
  }
  return rows.slice(0, -1);
}

test("I03 a cell never begins as a formula does, and every text comes back", () => {
  const texts = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "'quoted",
    "''",
    'say "hi"',
    "a,b",
    "two\nlines",
    "two\r\nlines",
    "",
    " =1",
    "plain",
    '"=1"',
    "\u2028",
  ];
  for (const text of texts) {
    const [row = []] = cellsOf(csvRow([text, "next"]));
    assert.not.match(csvCell(text).replace(/^"/, ""), /^[=+\-@\t\r]/);
    assert.is((row[0] ?? "").replace(/^'/, ""), text, JSON.stringify(text));
    assert.is(row[1], "next");
  }
});

test("I04 jsonl and json are the stored bytes, csv a row for each record", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs", { q: "=cmd|' /C calc'!A0" });
    await stack.ask("other");
    const stored = readFileSync(join(stack.daemon.walDir, "00000001.wal"), "utf8");
    assert.is((await cli(stack.dir, "audit", "export")).stdout, stored);
    assert.is((await cli(stack.dir, "audit", "export", "--format", "jsonl")).stdout, stored);
    const denied = cellsOf((await cli(stack.dir, "audit", "export", "--format", "csv", "--effect", "deny")).stdout);
    assert.equal(denied[0], [...csvColumns]);
    assert.equal(
      denied.slice(1).map((row) => [row[csvColumns.indexOf("tool")], row[csvColumns.indexOf("effect")]]),
      [["other", "deny"]],
    );
    assert.is((await cli(stack.dir, "audit", "export", "--format", "xml")).code, 64);
    assert.is((await cli(stack.dir, "audit", "export", "--format", "tlog-tiles")).code, 64);
  });
});

function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0] ?? Buffer.alloc(0);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const both = [rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split))];
  return createHash("sha256")
    .update(Buffer.concat([Buffer.of(1), ...both]))
    .digest();
}

test("tlog-tiles: every entry of the bundles hashes to its place in the tiles, and all of them to the root", async () => {
  await onStack(policy, async (stack) => {
    const calls = Array.from({ length: 300 }, (_, index) => {
      return { type: "govern", call_id: `c${index}`, agent_id: "bot", tool_id: "search_docs", args: { index } };
    });
    await stack.send(...calls);
    await stack.stop();
    const out = join(stack.dir, "published");
    assert.is((await cli(stack.dir, "audit", "export", "--format", "tlog-tiles", "--out", out)).code, 0);
    assert.is((await cli(stack.dir, "audit", "export", "--format", "tlog-tiles", "--out", out)).code, 1);
    const filtered = ["--format", "tlog-tiles", "--out", "more", "--effect", "deny"];
    assert.is((await cli(stack.dir, "audit", "export", ...filtered)).code, 64);
    const [, size = "", root = ""] = readFileSync(join(out, "checkpoint"), "utf8").split("\n");
    const width = Number(size) - 256;
    const leaves: Buffer[] = [];
    for (const name of ["000", `001.p/${width}`]) {
      const bundle = readFileSync(join(out, "tile/entries", name));
      for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) {
        const entry = bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at));
        leaves.push(createHash("sha256").update(Buffer.of(0)).update(entry).digest());
      }
      const tile = readFileSync(join(out, "tile/0", name));
      assert.ok(tile.equals(Buffer.concat(leaves.slice(name === "000" ? 0 : 256))), name);
    }
    assert.is(leaves.length, Number(size));
    assert.is(rootOf(leaves).toString("base64"), root);
    assert.ok(readFileSync(join(out, "tile/1/000.p/1")).equals(rootOf(leaves.slice(0, 256))));
  });
});

test.run();
