// Files that are put in place whole: keys, tokens, policies, packs. What stands beside them beforehand, and what goes wrong on the
// way, must change nothing.
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Disk, nodeDisk, replaceFile, replaceFileAside } from "../../runtime/disk.ts";
import { diskError, faultyDisk } from "../log/fixture.ts";

async function inFolder(work: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-replace-"));
  const mask = process.umask(0);
  try {
    await work(dir);
  } finally {
    process.umask(mask);
    rmSync(dir, { recursive: true });
  }
}

const ways = [
  ["at once", async (disk: Disk, path: string, bytes: Buffer) => replaceFile(disk, path, bytes)],
  ["aside", replaceFileAside],
] as const;

for (const [way, replace] of ways) {
  test(`J04 a temporary file has a name of its own, in the same folder, made anew and private, ${way}`, () =>
    inFolder(async (dir) => {
      const path = join(dir, "key");
      const made: string[] = [];
      const disk: Disk = {
        ...nodeDisk,
        open: (name, mode) => {
          assert.is(mode, "create");
          const file = nodeDisk.open(name, mode);
          made.push(name);
          assert.is(statSync(name).mode & 0o777, 0o600);
          return file;
        },
      };
      for (let i = 0; i < 20; i++) await replace(disk, path, Buffer.from(`content ${i}`));
      assert.is(new Set(made).size, 20);
      for (const name of made) {
        assert.is(dirname(name), dir);
        assert.match(name, /\.key\.[0-9a-f]{16}\.new$/);
      }
      assert.equal(readdirSync(dir), ["key"]);
      assert.is(readFileSync(path, "utf8"), "content 19");
      assert.is(statSync(path).mode & 0o777, 0o600);
    }));

  test(`J04 a link in the file's own place is replaced, and what it leads to is left alone, ${way}`, () =>
    inFolder(async (dir) => {
      const [path, target] = [join(dir, "key"), join(dir, "target")];
      writeFileSync(target, "another's");
      symlinkSync(target, path);
      await replace(nodeDisk, path, Buffer.from("ours"));
      assert.is(lstatSync(path).isFile(), true);
      assert.equal([readFileSync(path, "utf8"), readFileSync(target, "utf8")], ["ours", "another's"]);
    }));

  for (const call of ["write", "dataSync"] as const) {
    test(`A07 a disk that fails at ${call} leaves the old content and nothing beside it, ${way}`, () =>
      inFolder(async (dir) => {
        const path = join(dir, "key");
        writeFileSync(path, "old");
        const disk = faultyDisk((made) => {
          if (made === call) throw diskError("ENOSPC");
          return undefined;
        });
        let code: unknown = null;
        try {
          await replace(disk, path, Buffer.from("new"));
        } catch (error) {
          code = Reflect.get(Object(error), "code");
        }
        // Only one of the ways waits aside.
        const isAsked = call === "write" || way === "aside";
        assert.is(code, isAsked ? "ENOSPC" : null);
        assert.is(readFileSync(path, "utf8"), isAsked ? "old" : "new");
        assert.equal(readdirSync(dir), ["key"]);
      }));
  }
}

test("J04 what is to be made anew is not made through a link, nor over a file", () =>
  inFolder((dir) => {
    const [path, target] = [join(dir, "new"), join(dir, "target")];
    symlinkSync(target, path);
    assert.throws(() => nodeDisk.open(path, "create"), /EEXIST/);
    assert.is(existsSync(target), false);
    writeFileSync(target, "another's");
    assert.throws(() => nodeDisk.open(target, "create"), /EEXIST/);
  }));

test.run();
