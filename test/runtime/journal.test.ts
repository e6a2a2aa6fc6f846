// daemon.log: a file that is full is moved to `.1`, over the one before, and one that was moved away is begun anew when told so.
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { journalLimitBytes, openJournal, reopenJournal } from "../../runtime/journal.ts";

const folder = mkdtempSync(join(tmpdir(), "faramesh-journal-"));
const lastOf = (path: string): unknown => JSON.parse(readFileSync(path, "utf8").trimEnd().split("\n").at(-1) ?? "");

test("a full file is moved aside, and two are kept, each for its owner alone", () => {
  const path = join(folder, "full.log");
  const journal = openJournal(path, "info");
  const long = "x".repeat(1024 * 1024);
  const lines = Math.ceil((2.5 * journalLimitBytes) / long.length);
  for (let line = 0; line < lines; line++) journal.info({ line, long }, "long");
  journal.info({ line: lines }, "last");
  assert.is(Reflect.get(Object(lastOf(path)), "line"), lines);
  for (const one of [path, `${path}.1`]) {
    assert.ok(statSync(one).size <= journalLimitBytes + 2 * long.length, one);
    assert.is(statSync(one).mode & 0o777, 0o600);
  }
  assert.throws(() => statSync(`${path}.2`), "ENOENT");
});

test("a file that was moved away is begun anew when told so, and not before", () => {
  const path = join(folder, "moved.log");
  const journal = openJournal(path, "warning");
  journal.warn("first");
  journal.info("not told at this level");
  renameSync(path, `${path}.old`);
  journal.warn("second");
  reopenJournal(journal);
  journal.warn("third");
  const said = (name: string): unknown => Reflect.get(Object(lastOf(name)), "msg");
  assert.equal([said(`${path}.old`), said(path)], ["second", "third"]);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
