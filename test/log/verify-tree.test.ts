// `audit verify` against whoever can write every file of the log and has not its key: records, chain and head are made to fit
// again after each change, so that only the tree, its signatures and what was kept outside can tell.

import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import { checkpointText, originOf, parseCheckpoint } from "../../runtime/log/checkpoint.ts";
import { createHead } from "../../runtime/log/head.ts";
import { genesisHash } from "../../runtime/log/line.ts";
import { Frontier } from "../../runtime/log/merkle.ts";
import {
  cosignature,
  cosignedText,
  parseNote,
  parseVerifierKey,
  renderNote,
  signatureLine,
  type VerifierKey,
  verifierKey,
} from "../../runtime/log/note.ts";
import type { Anchor } from "../../runtime/log/tree-fault.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import type { VerifyReport } from "../../runtime/log/verify-report.ts";
import { append, open, temporaryDir } from "./fixture.ts";

interface Signed {
  readonly dir: string;
  readonly keyDir: string;
  readonly key: VerifierKey;
}

async function signedLog(counts: readonly number[]): Promise<Signed> {
  const root = temporaryDir();
  const [dir, keyDir] = [join(root, "log"), join(root, "keys")];
  for (const path of [dir, keyDir]) mkdirSync(path, { mode: 0o700 });
  let key: VerifierKey | undefined;
  for (const count of counts) {
    const log = await open(dir, { keys: new KeyFiles(nodeDisk, keyDir) });
    key = log.signer?.key;
    await append(log, count);
    await log.close();
  }
  if (key === undefined) throw new Error("the log is not signed");
  return { dir, keyDir, key };
}

function copyOf(dir: string): string {
  const copy = temporaryDir();
  cpSync(dir, copy, { recursive: true });
  return copy;
}

const wal = (dir: string): string => join(dir, "00000001.wal");
const linesOf = (dir: string): string[] => readFileSync(wal(dir), "utf8").trimEnd().split("\n");

/** Writes the records with hashes, prev and seq that fit, and a head that fits them. */
function forge(dir: string, change: (lines: string[]) => string[]): void {
  const logId = String(JSON.parse(linesOf(dir)[0] ?? "").log_id);
  let prev = genesisHash(logId);
  const forged = change(linesOf(dir)).map((line, index) => {
    const rest = line
      .slice(75)
      .replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`)
      .replace(/"seq":\d+/, `"seq":${index + 1}`);
    prev = createHash("sha256").update(`\0{${rest}`).digest("hex");
    return `{"hash":"${prev}",${rest}\n`;
  });
  writeFileSync(wal(dir), forged.join(""));
  rmSync(join(dir, "head"));
  createHead(nodeDisk, dir, logId, {
    ackedSeq: forged.length,
    lastHash: prev,
    tree: null,
    segment: 1,
    cleanStop: false,
  });
}

/** The tree of the records as they stand now. */
function headOf(dir: string, size = linesOf(dir).length): { size: number; root: string; leaf: string } {
  const tree = new Frontier();
  const leaves = linesOf(dir).slice(0, size);
  for (const line of leaves) tree.append(line.slice(9, 73));
  return { size, root: tree.root(), leaf: leaves.at(-1)?.slice(9, 73) ?? "" };
}

/** The checkpoint of the records as they stand, by any key under any name. */
function signAs(dir: string, origin: string, name = origin): string {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const key = verifierKey(name, "log", Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
  const text = checkpointText({ origin, ...headOf(dir) });
  return renderNote(text, [signatureLine(key, sign(null, Buffer.from(text), privateKey))]);
}

async function verify(
  dir: string,
  pinned: readonly VerifierKey[] | null,
  against: readonly Anchor[] = [],
): Promise<VerifyReport> {
  return verifyLog(dir, { pinned, against });
}

const failed = (report: VerifyReport): string[] =>
  report.checks.filter(({ ok }) => ok === false).map(({ name }) => name);

const receiptAt = (dir: string, seq: number, size = seq): Anchor => ({
  name: "receipt.json",
  size,
  root: headOf(dir, size).root,
  record: { seq, leaf: linesOf(dir)[seq - 1]?.slice(9, 73) ?? "" },
});

const base = await signedLog([5, 300, 3]);
const { key } = base;
const origin = key.name;
const records = linesOf(base.dir).length;
const checkpointFile = (dir: string): string => join(dir, "checkpoint");

test("A34 an honest log holds in every check, with and without keys", async () => {
  const report = await verify(base.dir, [key]);
  assert.equal(
    report.checks.map(({ name, ok }) => [name, ok]),
    [
      ["files", true],
      ["chain", true],
      ["tail", true],
      ["head", true],
      ["policy", true],
      ["checkpoint", true],
      ["signature", true],
      ["tiles", true],
    ],
  );
  assert.equal([report.ok, report.signedRecords, report.notChecked], [true, records, []]);
  assert.is(report.unanchored.records, records, "its own signature is no outside anchor");
  const unpinned = await verify(base.dir, null);
  assert.equal([unpinned.ok, unpinned.signedRecords], [true, 0]);
  assert.match(unpinned.notChecked.join(), /no keys are pinned/);
});

test("K01 K02 changed, removed, added and swapped records, with a chain made to fit", async () => {
  const changes: readonly ((lines: string[]) => string[])[] = [
    (lines) => lines.map((line, index) => (index === 3 ? line.replace('"detail":2', '"detail":9') : line)),
    (lines) => lines.filter((_, index) => index !== 4),
    (lines) => lines.flatMap((line, index) => (index === 4 ? [line, line] : [line])),
    (lines) => [...lines.slice(0, 3), lines[4] ?? "", lines[3] ?? "", ...lines.slice(5)],
    (lines) => lines.slice(0, -1),
    (lines) => lines.filter((line) => !line.includes('"type":"checkpoint"')),
  ];
  for (const change of changes) {
    const dir = copyOf(base.dir);
    forge(dir, change);
    const report = await verify(dir, [key]);
    assert.equal([report.ok, report.fault?.message === undefined], [false, false], String(change));
    assert.ok(
      failed(report).some((name) => ["chain", "checkpoint", "tiles"].includes(name)),
      failed(report).join(),
    );
  }
});

test("K03 a tail behind the last checkpoint that was changed is told as unanchored, and found by a receipt", async () => {
  const dir = copyOf(base.dir);
  // As a crash leaves it: records behind the stored checkpoint.
  const log = await open(dir, { keys: new KeyFiles(nodeDisk, base.keyDir) });
  const checkpoint = readFileSync(checkpointFile(dir));
  await append(log, 4);
  await log.close();
  writeFileSync(checkpointFile(dir), checkpoint);
  forge(dir, (lines) => lines.slice(0, -1));
  const size = linesOf(dir).length;
  const receipt = receiptAt(dir, size, size - 4);
  const before = await verify(dir, [key], [receipt]);
  assert.equal([before.ok, before.unanchored.records], [true, 0]);
  forge(dir, (lines) =>
    lines.map((line, index) => (index === size - 1 ? line.replace('"detail":3', '"detail":8') : line)),
  );
  const silent = await verify(dir, [key]);
  assert.equal([silent.ok, silent.signedRecords, silent.unanchored.records], [true, size - 4, size]);
  const caught = await verify(dir, [key], [receipt]);
  assert.equal([caught.ok, failed(caught), caught.fault?.field], [false, ["against"], "leaf"]);
  forge(dir, (lines) => lines.slice(0, -1));
  const cut = await verify(dir, [key], [receipt]);
  assert.equal([cut.ok, cut.fault?.field, cut.fault?.file], [false, "size", "receipt.json"]);
});

test("K04 K07 an older state of the log, honest in itself, does not hold what was seen of the later one", async () => {
  const early = await signedLog([4]);
  const old = copyOf(early.dir);
  const log = await open(early.dir, { keys: new KeyFiles(nodeDisk, early.keyDir) });
  await append(log, 9);
  await log.close();
  const later = receiptAt(early.dir, 12);
  const note = parseNote(readFileSync(checkpointFile(early.dir)));
  const says = note === null ? null : parseCheckpoint(note.text);
  if (note === null || says === null) throw new Error("no checkpoint");
  assert.ok((await verify(old, [early.key])).ok, "nothing in it tells");
  assert.not.ok((await verify(old, [early.key], [later])).ok);
  const kept: Anchor = { name: "kept", size: says.size, root: says.root, signed: { note, origin: says.origin } };
  assert.not.ok((await verify(old, [early.key], [kept])).ok);
  const whole = await verify(early.dir, [early.key], [kept]);
  assert.equal([whole.ok, whole.unanchored.records], [true, 0]);
  // The old checkpoint under the later records.
  writeFileSync(checkpointFile(early.dir), readFileSync(checkpointFile(old)));
  const replayed = await verify(early.dir, [early.key]);
  assert.equal([replayed.ok, replayed.fault?.field], [false, "size"], "a record speaks of a later one");
  rmSync(checkpointFile(early.dir));
  assert.is((await verify(early.dir, [early.key])).fault?.message, "it is gone");
});

test("K05 signatures of other keys, names, logs and too many of them", async () => {
  const text = readFileSync(checkpointFile(base.dir), "utf8");
  const [body = "", line = ""] = [text.slice(0, text.indexOf("\n\n") + 2), text.slice(text.indexOf("\n\n") + 2)];
  const other = signAs(base.dir, origin);
  const otherLine = other.slice(other.indexOf("\n\n") + 2);
  // The right name and id before a signature that is another's.
  const raw = Buffer.from(otherLine.split(" ")[2] ?? "", "base64");
  const stolenId = signatureLine(key, raw.subarray(4));
  const bad: readonly (readonly [string, string])[] = [
    ["another key", other],
    ["another name", signAs(base.dir, origin, "faramesh/log/else")],
    ["another origin", signAs(base.dir, "faramesh/log/else")],
    ["a false signature beside the right one", `${body}${line}${stolenId}`],
    ["seventeen", `${body}${line}${otherLine.repeat(16)}`],
    ["none", body],
  ];
  for (const [name, note] of bad) {
    const dir = copyOf(base.dir);
    writeFileSync(checkpointFile(dir), note);
    const report = await verify(dir, [key]);
    assert.not.ok(report.ok, name);
  }
  const good = copyOf(base.dir);
  writeFileSync(checkpointFile(good), `${body}${otherLine.repeat(15)}${line}`);
  assert.ok((await verify(good, [key])).ok, "signatures of unknown keys are passed over");
  const foreign = verifierKey("faramesh/log/else", "log", Buffer.alloc(32, 7));
  assert.match((await verify(base.dir, [foreign])).fault?.message ?? "", /another log/);
});

test("K06 a checkpoint is read strictly", () => {
  const root = Buffer.alloc(32, 1).toString("base64");
  const text = (size: string, more = ""): string => `o\n${size}\n${root}\n${more}`;
  for (const size of ["0", "1", "9007199254740991"]) assert.ok(parseCheckpoint(text(size)), size);
  assert.ok(parseCheckpoint(text("1", "an extension\n")));
  for (const size of [
    "01",
    "-1",
    "+1",
    " 1",
    "1 ",
    "",
    "0x1",
    "1e3",
    "1.0",
    "9007199254740992",
    "99999999999999999999",
  ]) {
    assert.is(parseCheckpoint(text(size)), null, size);
  }
  for (const bad of [
    "",
    "o\n1\n",
    `o\r\n1\r\n${root}\r\n`,
    text("1", "\n"),
    text("1").slice(0, -1),
    `\n1\n${root}\n`,
  ]) {
    assert.is(parseCheckpoint(bad), null, JSON.stringify(bad));
  }
  assert.is(parseCheckpoint(text("1").replace(root, root.slice(4))), null);
  const note = readFileSync(checkpointFile(base.dir), "utf8");
  assert.ok(parseNote(Buffer.from(note)));
  for (const bad of [
    note.replaceAll("\n", "\r\n"),
    note.replace("\n\n", "\n"),
    note.slice(0, -1),
    `${note}\n`,
    note.replace("—", "-"),
    note.replace("— ", "—  "),
    note.replace(/=\n$/, "\n"),
    `\u0000${note}`,
    `${note}${"x".repeat(70_000)}`,
  ]) {
    assert.is(parseNote(Buffer.from(bad)), null, JSON.stringify(bad.slice(0, 60)));
  }
  assert.is(parseNote(Buffer.concat([Buffer.of(0xff), Buffer.from(note)])), null);
});

test("keys are read strictly", () => {
  assert.is(parseVerifierKey(key.text)?.text, key.text);
  const [name, id, ...rest] = key.text.split("+");
  for (const bad of [
    "",
    "x",
    `${name}+00000000+${rest.join("+")}`,
    `${name}+${id}+AAAA`,
    `a b+${id}+${rest.join("+")}`,
  ]) {
    assert.is(parseVerifierKey(bad), null, bad);
  }
});

test("K09 a key that was not in force, and a period without its checkpoint", async () => {
  const { dir, keyDir, key: first } = await signedLog([2]);
  const keys = new KeyFiles(nodeDisk, keyDir);
  const old = keys.current();
  const log = await open(dir, { keys });
  await append(log, 2);
  const second = await log.rotateKey();
  await append(log, 2);
  await log.close();
  if (second === null) throw new Error("no key");
  for (const pinned of [[first], [first, second]]) {
    const report = await verify(dir, pinned);
    assert.equal([report.ok, report.signedRecords], [true, linesOf(dir).length], "the old key has named the new one");
  }
  const late = await verify(dir, [second]);
  assert.equal([late.ok, late.notChecked.length], [true, 1], "what the old key signed cannot be checked without it");
  const text = checkpointText({ origin: first.name, ...headOf(dir) });
  const note = renderNote(text, [signatureLine(first, await old.sign(Buffer.from(text)))]);
  const spent = copyOf(dir);
  writeFileSync(checkpointFile(spent), note);
  assert.match((await verify(spent, [first])).fault?.message ?? "", /not in force/);
  const quiet = copyOf(dir);
  forge(quiet, (lines) => {
    const stop = lines.at(-1) ?? "";
    return [
      ...lines.slice(0, -1),
      stop.replace(/"mono_us":(\d+)/, (_, us: string) => `"mono_us":${Number(us) + 3_000_000_000}`),
    ];
  });
  const { gaps } = await verify(quiet, [first]);
  assert.is(gaps.length, 1);
  assert.match(gaps[0] ?? "", /no checkpoint for 3000 s .* due every 300 s/);
});

test("a tile that was changed is found, one that is missing is told", async () => {
  const tile = join("tile", "0", "000");
  const changed = copyOf(base.dir);
  const bytes = readFileSync(join(changed, tile));
  bytes[40] = (bytes[40] ?? 0) ^ 1;
  writeFileSync(join(changed, tile), bytes);
  const report = await verify(changed, [key]);
  assert.equal([report.ok, failed(report), report.fault?.file], [false, ["tiles"], "tile/0/000"]);
  const missing = copyOf(base.dir);
  rmSync(join(missing, tile));
  const told = await verify(missing, [key]);
  assert.is(told.ok, true);
  assert.match(told.notChecked.join(), /1 tiles that are missing/);
  const none = copyOf(base.dir);
  rmSync(join(none, "tile"), { recursive: true });
  assert.match((await verify(none, [key])).notChecked.join(), /tiles: there are none/);
});

test("K13 links, pipes and huge files in the places of tiles and checkpoints end in a report, not in a wait", async () => {
  const places = ["checkpoint", "checkpoint.witnessed", join("tile", "0", "000")];
  for (const place of places) {
    const put: readonly ((path: string) => void)[] = [
      (path) => symlinkSync("/dev/zero", path),
      (path) => assert.is(spawnSync("mkfifo", [path]).status, 0),
      (path) => mkdirSync(path),
      (path) => {
        writeFileSync(path, "");
        truncateSync(path, 10 * 1024 ** 3);
      },
    ];
    for (const make of put) {
      const dir = copyOf(base.dir);
      rmSync(join(dir, place), { force: true });
      make(join(dir, place));
      const before = readdirSync(dir, { recursive: true, encoding: "utf8" }).sort();
      const report = await verify(dir, [key]);
      assert.is(report.ok, place === "checkpoint.witnessed", `${place} ${String(make)}`);
      assert.equal(readdirSync(dir, { recursive: true, encoding: "utf8" }).sort(), before);
    }
  }
});

test("K14 the records of another log do not pass for this one's", async () => {
  const other = await signedLog([5]);
  const dir = copyOf(base.dir);
  for (const name of readdirSync(other.dir)) {
    if (!existsSync(join(dir, name)) || name.endsWith(".wal") || name === "head" || name === "log.json") {
      cpSync(join(other.dir, name), join(dir, name), { recursive: true });
    }
  }
  assert.not.ok((await verify(dir, [key])).ok);
  cpSync(join(other.dir, "checkpoint"), join(dir, "checkpoint"));
  assert.not.ok((await verify(dir, [key])).ok);
});

test("a pinned witness anchors what it has signed, and shows a log that is another", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const x = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const witness = verifierKey("witness.example/w1", "witness", x);
  const text = checkpointText({ origin, ...headOf(base.dir, 8) });
  const seconds = 1_790_000_000;
  const bytes = cosignature(seconds, sign(null, Buffer.from(cosignedText(text, seconds)), privateKey));
  const dir = copyOf(base.dir);
  writeFileSync(join(dir, "checkpoint.witnessed"), renderNote(text, [signatureLine(witness, bytes)]));
  assert.is((await verify(dir, [key, witness])).unanchored.records, records - 8);
  assert.is((await verify(dir, [key])).unanchored.records, records, "a witness that nobody pinned vouches for nothing");
  assert.is(origin, originOf(String(JSON.parse(linesOf(dir)[0] ?? "").log_id)));
  forge(dir, (lines) => lines.map((line, index) => (index === 3 ? line.replace('"detail":2', '"detail":9') : line)));
  for (const name of ["checkpoint", "tile"]) rmSync(join(dir, name), { recursive: true });
  assert.ok((await verify(dir, [key, witness])).checks.some(({ name, ok }) => name !== "chain" && ok === false));
});

test("A33 no false alarm while checkpoints are written", async () => {
  const { dir, keyDir, key: own } = await signedLog([1]);
  const log = await open(dir, { keys: new KeyFiles(nodeDisk, keyDir) });
  let isOver = false;
  const writing = (async () => {
    for (let round = 0; round < 8; round++) {
      await append(log, 40);
      await log.checkpoint("asked");
    }
    isOver = true;
  })();
  let runs = 0;
  while (!isOver) {
    const report = await verify(dir, [own]);
    assert.ok(report.ok, JSON.stringify(report.fault));
    runs++;
  }
  await writing;
  await log.close();
  assert.ok(runs > 0);
});

test.run();
