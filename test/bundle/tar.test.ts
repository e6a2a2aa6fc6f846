// The tar of bundles: what goes in comes out, byte for byte the same each time; what another tool, or somebody with bad
// intent, writes is refused by name. Headers here are made by hand, without the code under test.
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  entryLimitBytes,
  nameProblem,
  readTar,
  type TarEntry,
  TarFailure,
  writeTar,
} from "../../runtime/bundle/tar.ts";

interface RawHeader {
  readonly name: string;
  readonly type?: string;
  readonly size?: string;
  readonly body?: string;
  readonly magic?: string;
  readonly mode?: string;
  readonly uid?: string;
  readonly mtime?: string;
  readonly link?: string;
  readonly prefix?: string;
  readonly sum?: string;
}

/** One entry with its padding; every field may be a lie. */
function raw(given: RawHeader): Buffer {
  const body = Buffer.from(given.body ?? "", "latin1");
  const block = Buffer.alloc(512);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(given.name, 0, "latin1");
  block.write(given.mode ?? "0000644\0", 100, "latin1");
  block.write(given.uid ?? "0000000\0", 108, "latin1");
  block.write("0000000\0", 116, "latin1");
  block.write(given.size ?? octal(body.length, 11), 124, "latin1");
  block.write(given.mtime ?? octal(0, 11), 136, "latin1");
  block.write(given.type ?? "0", 156, "latin1");
  block.write(given.link ?? "", 157, "latin1");
  block.write(given.magic ?? "ustar\x0000", 257, "latin1");
  block.write(given.prefix ?? "", 345, "latin1");
  block.write("        ", 148, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(given.sum ?? `${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([block, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

const end = Buffer.alloc(1024);
const archive = (...headers: readonly RawHeader[]): Buffer => Buffer.concat([...headers.map(raw), end]);

function refusal(bytes: Uint8Array): string {
  try {
    readTar(bytes);
  } catch (error) {
    if (error instanceof TarFailure) return error.message;
    throw error;
  }
  return "taken";
}

const plain = (entries: readonly TarEntry[]): (readonly [string, string])[] =>
  entries.map(({ name, bytes }) => [name, Buffer.from(bytes).toString("latin1")]);

test("what is written comes back, in the order of names, and writing it again gives the same bytes", () => {
  const long = `${"folder-of-many-letters/".repeat(6)}${"f".repeat(90)}.fms`;
  const entries = [
    { name: "b/two", bytes: Buffer.alloc(512, 0x32) },
    { name: "a", bytes: Buffer.from("one") },
    { name: long, bytes: Buffer.alloc(0) },
    { name: "b/one", bytes: Buffer.alloc(1025, 0x31) },
  ];
  const bytes = writeTar(entries);
  const back = readTar(bytes);
  assert.equal(
    back.map(({ name }) => name),
    ["a", "b/one", "b/two", long],
  );
  assert.ok(writeTar([...back].reverse()).equals(bytes));
  assert.equal(plain(readTar(archive({ name: "a", body: "one" }))), [["a", "one"]]);
  assert.equal(readTar(writeTar([])), []);
});

const refused: readonly (readonly [string, RegExp, Uint8Array])[] = [
  ["J01 an absolute name", /`\/etc\/passwd`, whose name is absolute/, archive({ name: "/etc/passwd" })],
  ["J01 a name that leads out", /leads out of its folder/, archive({ name: "policy/../../x" })],
  ["J02 a name that leads out at once", /leads out of its folder/, archive({ name: "../x" })],
  ["J02 a name that leads out at the end", /leads out of its folder/, archive({ name: "policy/.." })],
  ["J01 a name that leads out by the other field", /leads out/, archive({ name: "x", prefix: "a/.." })],
  ["J01 a backslash", /has a backslash/, archive({ name: "..\\x" })],
  ["J01 a drive", /names a drive/, archive({ name: "C:x" })],
  ["J01 a device of Windows", /name of a device/, archive({ name: "policy/CON.fms" })],
  ["J01 an empty name", /not as faramesh bundle writes it/, archive({ name: "" })],
  ["J01 an empty part", /characters that names/, archive({ name: "a//b" })],
  ["J01 a control character", /characters that names/, archive({ name: "a\nb" })],
  ["J01 bytes behind a NUL in a name", /not as faramesh bundle writes it/, archive({ name: "a\0/../../x" })],
  ["J01 a symbolic link", /`l`, a symbolic link/, archive({ name: "l", type: "2", link: "/etc" })],
  ["J01 a hard link", /`l`, a hard link/, archive({ name: "l", type: "1", link: "a" })],
  ["J01 a device", /`d`, a device/, archive({ name: "d", type: "3" })],
  ["J01 a block device", /`d`, a device/, archive({ name: "d", type: "4" })],
  ["J01 a pipe", /`p`, a pipe/, archive({ name: "p", type: "6" })],
  ["J01 a folder", /`d`, a folder/, archive({ name: "d", type: "5" })],
  ["J01 another path by PAX", /an extended header/, archive({ name: "x", type: "x", body: "17 path=../evil\n" })],
  ["J01 another path for all by PAX", /a global extended header/, archive({ name: "x", type: "g", body: "x" })],
  ["J01 a long name of GNU", /a GNU long name/, archive({ name: "././@LongLink", type: "L", body: "../x" })],
  ["J01 a long link of GNU", /a GNU long link/, archive({ name: "x", type: "K", body: "../x" })],
  ["J01 a sparse file", /a sparse file/, archive({ name: "s", type: "S" })],
  ["J01 a type of none", /something else than a file/, archive({ name: "s", type: "\0" })],
  ["J01 a name twice", /has `a` twice/, archive({ name: "a" }, { name: "a" })],
  ["J01 names that differ in case", /are one where case does not count/, archive({ name: "A" }, { name: "a" })],
  ["J01 folders that differ in case", /as a file and as a folder/, archive({ name: "A" }, { name: "a/b" })],
  ["J01 a file that is a folder too", /as a file and as a folder/, archive({ name: "a" }, { name: "a/b" })],
  ["J01 a size beyond the end", /ends within `a`/, archive({ name: "a", size: "00000010000\0" })],
  ["J01 a size over the limit", /is over \d+ bytes/, archive({ name: "a", size: "77777777777\0" })],
  ["J01 a size in base 256", /a size that is no number/, archive({ name: "a", size: "\x80\0\0\0\0\0\0\0\0\0\0\x01" })],
  ["J01 a negative size", /a size that is no number/, archive({ name: "a", size: "-0000000001\0" })],
  ["J01 a size with blanks", /a size that is no number/, archive({ name: "a", size: "         0 \0" })],
  ["J01 a wrong sum", /whose sum is wrong/, archive({ name: "a", sum: "0000000\0" })],
  ["J01 the old format", /no tar of the format ustar/, archive({ name: "a", magic: "\0\0\0\0\0\0\0\0" })],
  ["J01 the format of GNU", /no tar of the format ustar/, archive({ name: "a", magic: "ustar  \0" })],
  ["J01 a time", /not as faramesh bundle writes it/, archive({ name: "a", mtime: "00000000001\0" })],
  ["J01 an owner", /not as faramesh bundle writes it/, archive({ name: "a", uid: "0000001\0" })],
  ["J01 a mode that sets the user", /not as faramesh bundle writes it/, archive({ name: "a", mode: "0004755\0" })],
  ["J01 another order", /not as faramesh bundle writes it/, archive({ name: "b" }, { name: "a" })],
  ["J01 bytes behind the end", /not as faramesh/, Buffer.concat([archive({ name: "a" }), raw({ name: "b" }), end])],
  ["J01 no end", /not as faramesh bundle writes it/, raw({ name: "a" })],
  ["J01 half a block", /does not end with a whole block/, archive({ name: "a" }).subarray(0, 700)],
  ["J01 nothing", /not as faramesh bundle writes it/, Buffer.alloc(0)],
  ["J01 compressed", /no tar of the format ustar/, Buffer.concat([Buffer.of(0x1f, 0x8b), Buffer.alloc(510)])],
];

for (const [name, says, bytes] of refused) {
  test(`${name} is refused`, () => {
    assert.match(refusal(bytes), says);
  });
}

test("J01 bytes hidden in the gap behind a file are refused", () => {
  const bytes = archive({ name: "a", body: "one" });
  bytes[512 + 100] = 1;
  assert.match(refusal(bytes), "not as faramesh bundle writes it");
});

test("J01 too many files are refused before they are kept", () => {
  const one = raw({ name: "a" });
  assert.match(refusal(Buffer.concat([...Array.from({ length: 2001 }, () => one), end])), "more than 2000 files");
});

test("what cannot be read back is not written", () => {
  for (const name of ["../x", "/x", "a\\b", "x".repeat(101), `${"a".repeat(160)}/b`, "über", "a/./b", "a."])
    assert.throws(
      () => writeTar([{ name, bytes: Buffer.alloc(0) }]),
      (error: unknown) => error instanceof TarFailure,
    );
  assert.throws(
    () => writeTar([{ name: "a", bytes: new Uint8Array(entryLimitBytes + 1) }]),
    (error: unknown) => error instanceof TarFailure,
  );
  for (const name of ["governance.fms", "imports/h.example/p/1.0.0-rc.1+b/pack.fms.sig", "a/b_c-d/e.f"])
    assert.is(nameProblem(name), null);
});

test("J01 ten thousand spoiled archives are refused or are the same archive again", () => {
  const good = writeTar([
    { name: "bundle.json", bytes: Buffer.from("{}") },
    { name: "policy/governance.fms", bytes: Buffer.alloc(600, 0x61) },
    { name: "policy/packs/pay.fms", bytes: Buffer.alloc(512, 0x62) },
  ]);
  let state = 20_261_123;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
  let taken = 0;
  for (let turn = 0; turn < 10_000; turn++) {
    const bytes = Buffer.from(good);
    for (let count = random(3) + 1; count > 0; count--) bytes[random(bytes.length)] = random(256);
    if (random(2) === 0) {
      const at = 512 * random(3);
      const header = bytes.subarray(at, at + 512);
      header.write("        ", 148, "latin1");
      const sum = header.reduce((total, byte) => total + byte, 0);
      header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    }
    const cut = random(8) === 0 ? bytes.subarray(0, 512 * random(bytes.length / 512)) : bytes;
    if (refusal(cut) !== "taken") continue;
    taken += 1;
    const names = readTar(cut).map(({ name }) => nameProblem(name));
    assert.ok(names.every((problem) => problem === null));
    assert.ok(writeTar(readTar(cut)).equals(cut));
  }
  assert.ok(taken > 0 && taken < 10_000, `${taken} taken`);
});

test.run();
