// Checkpoints, tiles and keys of a running log: what lies on disk is checked by code that shares nothing with what wrote it.
import { createHash, createPublicKey, verify } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import type { LogFailure } from "../../runtime/log/failure.ts";
import type { Log } from "../../runtime/log/log.ts";
import { consistencyProof, includes, inclusionProof, isConsistent } from "../../runtime/log/merkle.ts";
import type { LogOptions } from "../../runtime/log/options.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { subtreesOnDisk } from "../../runtime/log/tile-reader.ts";
import { tilePath } from "../../runtime/log/tiles.ts";
import {
  append,
  copyOf,
  diskError,
  failureOfOpen,
  faultyDisk,
  heldDisk,
  mark,
  open,
  segmentPath,
  temporaryDir,
} from "./fixture.ts";

interface Place {
  readonly dir: string;
  readonly keyDir: string;
}

function place(): Place {
  const root = temporaryDir();
  for (const name of ["log", "keys"]) mkdirSync(join(root, name), { mode: 0o700 });
  return { dir: join(root, "log"), keyDir: join(root, "keys") };
}

const keysOf = ({ keyDir }: Place): KeyFiles => new KeyFiles(nodeDisk, keyDir);

function openSigned(at: Place, options: Partial<LogOptions> = {}): Promise<Log> {
  return open(at.dir, { keys: keysOf(at), ...options });
}

/** All in one turn, and waits until they are on disk and their hashes in the tree. */
async function appendMany(log: Log, count: number): Promise<void> {
  for (let index = 0; index < count; index++) log.append(mark(index));
  await log.durable(log.lastSeq);
  await pause(20);
}

async function recordsOf(dir: string): Promise<JsonObject[]> {
  const records: JsonObject[] = [];
  for await (const { value } of readRecords(dir)) records.push(value);
  return records;
}

/** MTH of RFC 6962 over bytes. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0] ?? Buffer.alloc(0);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const both = [rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split))];
  return createHash("sha256")
    .update(Buffer.concat([Buffer.of(1), ...both]))
    .digest();
}

/** Leaf hashes from the stored bytes: SHA-256 of 0x00 and the line with its first member cut out. */
function leavesOf(dir: string): Buffer[] {
  const names = readdirSync(dir).filter((name) => name.endsWith(".wal"));
  const lines = names.sort().flatMap((name) => readFileSync(join(dir, name), "latin1").split("\n").slice(0, -1));
  return lines.map((line) => {
    const entry = Buffer.from(`\0{${line.slice(75)}`, "latin1");
    return createHash("sha256").update(entry).digest();
  });
}

interface Read {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  readonly isSigned: boolean;
}

/** Reads a checkpoint and checks its one signature with a key as it is written in a vkey. */
function readCheckpoint(text: string, vkey: string): Read {
  const [origin = "", size, root = "", empty, line = ""] = text.split("\n");
  assert.is(empty, "");
  const [dash, name, signature = ""] = line.split(" ");
  const [keyName, id, key = ""] = [vkey.split("+")[0], vkey.split("+")[1], vkey.split("+").slice(2).join("+")];
  const raw = Buffer.from(key, "base64").subarray(1);
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
  const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
  const bytes = Buffer.from(signature, "base64");
  const expectedId = createHash("sha256").update(`${keyName}\n\x01`).update(raw).digest("hex").slice(0, 8);
  assert.equal([dash, name, id], ["—", origin, expectedId]);
  const isSigned =
    bytes.toString("hex", 0, 4) === id &&
    verify(null, Buffer.from(`${origin}\n${size}\n${root}\n`), publicKey, bytes.subarray(4));
  return { origin, size: Number(size), root: Buffer.from(root, "base64"), isSigned };
}

const checkpointOf = (dir: string): string => readFileSync(join(dir, "checkpoint"), "utf8");

/** The checkpoint on disk covers `size` records, is signed, and the tiles make its root. */
function holds(dir: string, vkey: string, size: number): void {
  const read = readCheckpoint(checkpointOf(dir), vkey);
  assert.ok(read.isSigned);
  assert.is(read.size, size);
  const leaves = leavesOf(dir).slice(0, size);
  assert.is(read.root.toString("hex"), rootOf(leaves).toString("hex"));
  const subtree = subtreesOnDisk(nodeDisk, dir, size);
  for (const index of [0, 1, Math.floor(size / 2), size - 1]) {
    const leaf = leaves[index]?.toString("hex") ?? "";
    const root = read.root.toString("hex");
    if (index < size) assert.ok(includes({ index, size, leaf, root, proof: inclusionProof(index, size, subtree) }));
  }
}

test("a checkpoint at start and at the end covers every record, in all modes of durability", async () => {
  for (const durability of ["group", "each", "async"] as const) {
    const at = place();
    const log = await openSigned(at, { durability });
    assert.is(log.treeHead?.size, 1);
    const vkey = log.signer?.key.text ?? "";
    holds(at.dir, vkey, 1);
    await append(log, 20);
    await log.close();
    holds(at.dir, vkey, 22);
    const records = await recordsOf(at.dir);
    assert.equal(
      records.filter(({ type }) => type === "checkpoint").map(({ cause, seq }) => [cause, seq]),
      [
        ["start", 1],
        ["stop", 22],
      ],
    );
    assert.is(readCheckpoint(String(records.at(-1)?.previous), vkey).size, 1);
    assert.is(statSync(join(at.keyDir, "log.key")).mode & 0o777, 0o600);
  }
});

test("tiles have the layout and the bytes that the specification wants", async () => {
  assert.is(tilePath(0, 1_234_067, 256), "tile/0/x001/x234/067");
  assert.is(tilePath(1, 0, 17), "tile/1/000.p/17");
  assert.is(tilePath("entries", 1000, 3), "tile/entries/x001/000.p/3");
  const at = place();
  const log = await openSigned(at);
  for (let index = 0; index < 66_000; index++) {
    log.append(mark(index));
    if (index % 5000 === 0) await log.durable(log.lastSeq);
  }
  await log.close();
  const leaves = leavesOf(at.dir);
  // On a slow machine a checkpoint falls due on the way, and is a record more.
  const size = leaves.length;
  assert.ok(size >= 66_002 && size < 66_040, `${size}`);
  const names = readdirSync(join(at.dir, "tile"), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => statSync(join(at.dir, "tile", name)).isFile()).sort();
  // 257 full tiles of leaves, one of the rest; one full tile above with one of 1; one of 1 at the top.
  const level0 = Array.from({ length: 257 }, (_, index) => `0/${String(index).padStart(3, "0")}`);
  assert.equal(files, [...level0, `0/257.p/${size - 65_792}`, "1/000", "1/001.p/1", "2/000.p/1"].sort());
  assert.ok(readFileSync(join(at.dir, "tile/0/003")).equals(Buffer.concat(leaves.slice(768, 1024))));
  const level1 = readFileSync(join(at.dir, "tile/1/000"));
  assert.ok(level1.subarray(32, 64).equals(rootOf(leaves.slice(256, 512))));
  assert.ok(readFileSync(join(at.dir, "tile/2/000.p/1")).equals(rootOf(leaves.slice(0, 65_536))));
  const subtree = subtreesOnDisk(nodeDisk, at.dir, size);
  const root = rootOf(leaves).toString("hex");
  for (const fromSize of [1, 255, 256, 257, 65_535, 65_536, 65_537, 66_001]) {
    const fromRoot = rootOf(leaves.slice(0, fromSize)).toString("hex");
    const proof = consistencyProof(fromSize, size, subtree);
    assert.ok(isConsistent({ fromSize, fromRoot, size, root, proof }), `${fromSize}`);
  }
});

test("a start goes on where the log stopped, and writes what is missing of the tiles", async () => {
  const at = place();
  const first = await openSigned(at);
  await append(first, 600);
  await first.close();
  const vkey = first.signer?.key.text ?? "";
  const whole = readFileSync(join(at.dir, "tile/0/001"));
  rmSync(join(at.dir, "tile/0/000"));
  const damaged = Buffer.from(whole);
  damaged[5] = (damaged[5] ?? 0) ^ 1;
  writeFileSync(join(at.dir, "tile/0/001"), damaged);
  const second = await openSigned(at);
  await second.close();
  assert.ok(readFileSync(join(at.dir, "tile/0/001")).equals(whole));
  holds(at.dir, vkey, 605);
  const repaired = (await recordsOf(at.dir)).filter(({ kind }) => kind === "tiles_repaired");
  assert.equal(
    repaired.map(({ detail }) => detail),
    [{ tiles: 1 }],
  );
});

test("K07 K04 a start refuses records that its checkpoint does not fit, and changes nothing", async () => {
  const at = place();
  const log = await openSigned(at);
  await append(log, 5);
  const old = copyOf(at.dir);
  await append(log, 5);
  await log.close();
  // The records and the head of before, under the checkpoint of later.
  for (const name of ["00000001.wal", "head"]) writeFileSync(join(at.dir, name), readFileSync(join(old, name)));
  const before = readFileSync(segmentPath(at.dir));
  assert.is((await failureOfOpen(at.dir, { keys: keysOf(at) }))?.code, "TAIL_LOST");
  assert.ok(readFileSync(segmentPath(at.dir)).equals(before));
  const text = checkpointOf(at.dir);
  for (const bad of [
    text.replace(/\n\d+\n/, "\n4\n"),
    text.slice(0, -20),
    "",
    text.replace("log/", "log/x"),
    `${text}\n`,
  ]) {
    writeFileSync(join(at.dir, "checkpoint"), bad);
    assert.is((await failureOfOpen(at.dir, { keys: keysOf(at) }))?.code, "CORRUPT");
  }
  rmSync(join(at.dir, "checkpoint"));
  const again = await openSigned(at);
  await again.close();
  const missing = (await recordsOf(at.dir)).filter(({ kind }) => kind === "checkpoint_missing");
  assert.is(missing.length, 1, "the records told of no checkpoint, but the head did");
});

test("a checkpoint that is gone is told in the log", async () => {
  const at = place();
  const log = await openSigned(at);
  await log.close();
  rmSync(join(at.dir, "checkpoint"));
  await (await openSigned(at)).close();
  assert.is((await recordsOf(at.dir)).filter(({ kind }) => kind === "checkpoint_missing").length, 1);
});

test("a rotation is signed by the old key, and the new one signs from then on", async () => {
  const at = place();
  const log = await openSigned(at);
  const old = log.signer?.key.text ?? "";
  await append(log, 3);
  const next = await log.rotateKey();
  assert.is.not(next?.text, old);
  assert.not.ok(existsSync(join(at.keyDir, "log.next.key")));
  holds(at.dir, next?.text ?? "", 6);
  await log.close();
  const records = await recordsOf(at.dir);
  const { detail } = records[4] ?? {};
  const note = String((detail as JsonObject).note);
  const [start, origin, named] = note.split("\n");
  assert.equal([start, named], ["faramesh/key-rotation/v1", next?.text]);
  assert.is(origin, `faramesh/log/${log.logId}`);
  // The same check as for a checkpoint, whose text has three lines too.
  const [name, id, ...key] = old.split("+");
  const signature = Buffer.from(note.trimEnd().split(" ").at(-1) ?? "", "base64");
  const der = Buffer.concat([
    Buffer.from("302a300506032b6570032100", "hex"),
    Buffer.from(key.join("+"), "base64").subarray(1),
  ]);
  const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
  assert.equal([name, signature.toString("hex", 0, 4)], [origin, id]);
  assert.ok(verify(null, Buffer.from(`${start}\n${origin}\n${named}\n`), publicKey, signature.subarray(4)));
  const again = await openSigned(at);
  assert.equal(again.signer, { ...again.signer, isNamed: true });
  assert.is(again.signer?.key.text, next?.text);
  await again.close();
});

test("a rotation that a crash cut short ends one way or the other", async () => {
  // Before its record was on disk: the new key was never named.
  const at = place();
  const log = await openSigned(at);
  const old = log.signer?.key.text;
  await log.close();
  keysOf(at).makeNext();
  const second = await openSigned(at);
  assert.is(second.signer?.key.text, old);
  assert.not.ok(existsSync(join(at.keyDir, "log.next.key")));
  // Behind it: the old key is still in place.
  const before = readFileSync(join(at.keyDir, "log.key"));
  const next = await second.rotateKey();
  await second.close();
  writeFileSync(join(at.keyDir, "log.next.key"), readFileSync(join(at.keyDir, "log.key")));
  writeFileSync(join(at.keyDir, "log.key"), before);
  const third = await openSigned(at);
  assert.is(third.signer?.key.text, next?.text);
  await third.close();
});

test("a key that nobody named is told in the log", async () => {
  const at = place();
  await (await openSigned(at)).close();
  rmSync(join(at.keyDir, "log.key"));
  const log = await openSigned(at);
  assert.is(log.signer?.isNamed, false);
  await log.close();
  const replaced = (await recordsOf(at.dir)).filter(({ kind }) => kind === "key_replaced");
  assert.equal(
    replaced.map(({ detail }) => detail),
    [{ to: log.signer?.key.text }],
  );
  const again = await openSigned(at);
  assert.is(again.signer?.isNamed, true, "from then on the checkpoint bears its signature");
  await again.close();
});

for (const code of ["ENOSPC", "EIO", "EROFS"]) {
  test(`A10 ${code} while tiles and checkpoints are written: decisions go on, and it is made good`, async () => {
    const at = place();
    const state = { fails: false };
    const disk = faultyDisk((_, path) => {
      if (state.fails && !path.endsWith(".wal") && !path.endsWith("head")) throw diskError(code);
      return undefined;
    });
    const log = await openSigned(at, { disk });
    state.fails = true;
    await append(log, 300);
    await log.checkpoint("asked");
    assert.is(log.stats().checkpointFailures, 1);
    assert.is(log.treeHead?.size, 1);
    await append(log, 300);
    assert.is(log.state, "open");
    state.fails = false;
    await log.checkpoint("asked");
    assert.is(log.stats().checkpointFailures, 0);
    holds(at.dir, log.signer?.key.text ?? "", 603);
    await log.close();
    const names = readdirSync(at.dir, { recursive: true, encoding: "utf8" });
    assert.equal(
      names.filter((name) => name.endsWith(".new")),
      [],
    );
  });
}

test("tiles that wait for a slow disk hold writers back, refuse more at the bound and end nothing", async () => {
  const at = place();
  const { disk, hold, release } = heldDisk((path) => path.includes("/tile/"));
  const log = await openSigned(at, { disk, backlogRecords: 4096 });
  hold();
  let relieved = 0;
  log.onRelief(() => relieved++);
  await appendMany(log, 1024);
  assert.ok(log.isPressed);
  assert.is(relieved, 0);
  await appendMany(log, 4096 - 1024);
  assert.throws(
    () => log.append(mark("one more")),
    (error: LogFailure) => error.code === "OVERLOADED" && /tiles of 4096 records/.test(error.message),
  );
  // Longer than the log waits between two looks at its tiles.
  await pause(2500);
  assert.equal([log.state, log.stats().checkpointFailures, relieved], ["open", 0, 0]);
  release();
  while (relieved === 0) await pause(20);
  assert.not(log.isPressed);
  await append(log, 1);
  await log.checkpoint("asked");
  holds(at.dir, log.signer?.key.text ?? "", log.lastSeq);
  await log.close();
});

test("A10 a disk that takes no tiles ends the log at the bound, whatever time has passed", async () => {
  const at = place();
  const disk = faultyDisk((_, path) => {
    if (path.includes("/tile/")) throw diskError("EIO");
    return undefined;
  });
  const log = await openSigned(at, { disk, backlogRecords: 512 });
  await appendMany(log, 1024);
  await log.checkpoint("asked");
  assert.is(log.state, "latched");
});

test("A10 past the bound nothing is recorded any more", async () => {
  const at = place();
  const state = { fails: false };
  const disk = faultyDisk((_, path) => {
    if (state.fails && path.includes("checkpoint")) throw diskError("ENOSPC");
    return undefined;
  });
  const log = await openSigned(at, { disk });
  state.fails = true;
  for (let count = 0; count < 59; count++) await log.checkpoint("asked");
  assert.is(log.state, "open");
  await log.checkpoint("asked");
  assert.is(log.state, "latched");
  assert.throws(() => log.append(mark("later")), /could be written for too long/);
  await log.close();
});

test("A21 what a crash leaves between tiles and checkpoint is completed at the next start", async () => {
  const at = place();
  const log = await openSigned(at);
  const vkey = log.signer?.key.text ?? "";
  await append(log, 300);
  const early = checkpointOf(at.dir);
  const head = readFileSync(join(at.dir, "head"));
  await log.close();
  // The old checkpoint over new tiles, and no word of a clean stop.
  writeFileSync(join(at.dir, "checkpoint"), early);
  writeFileSync(join(at.dir, "head"), head);
  writeFileSync(join(at.dir, ".checkpoint.0011223344556677.new"), "half");
  const again = await openSigned(at);
  holds(at.dir, vkey, 303);
  await again.close();
  assert.equal(
    (await recordsOf(at.dir)).filter(({ type, kind }) => type === "mark" && kind !== "test"),
    [],
  );
});

test.run();
