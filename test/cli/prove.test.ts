// audit prove and what audit verify holds against it: proofs, receipts, periods; run as a user runs them.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parsePinnedKeys } from "../../runtime/pinned-keys.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";
import { cli, cliJson } from "./run-cli.ts";

const policy = `agent "bot" { default deny rules { permit search_docs } }`;
const checkProof = fileURLToPath(new URL("../clients/check-proof.mjs", import.meta.url));

const keyOf = ({ dir }: StackUnderTest): string =>
  parsePinnedKeys(readFileSync(join(dir, "faramesh.vkey"), "utf8"), "faramesh.vkey")[0]?.text ?? "";

/** What the independent check prints; null when it refuses. */
function checked(file: string, key: string): string | null {
  try {
    return execFileSync(process.execPath, [checkProof, file, key], { encoding: "utf8", stdio: "pipe" });
  } catch {
    return null;
  }
}

test("prove gives a file that holds without the log, by our check and by one that shares nothing with it", async () => {
  await onStack(policy, async (stack) => {
    for (let index = 0; index < 5; index++) await stack.ask("search_docs");
    const { action_id = "" } = await stack.ask("other", { amount: 7 });
    const out = join(stack.dir, "denied.tlog-proof");
    assert.is((await cli(stack.dir, "audit", "prove", action_id, "--out", out)).code, 0);
    assert.is((await cli(stack.dir, "audit", "prove", action_id, "--out", out)).code, 1, "never over a file");
    const entry = checked(out, keyOf(stack));
    assert.is((JSON.parse(entry ?? "{}") as { action_id?: string }).action_id, action_id);
    const report = await cliJson(stack.dir, "audit", "verify", "--proof", out);
    assert.equal([report.ok, report.included, report.signed], [true, true, true]);
    await stack.stop();
    const text = readFileSync(out, "utf8");
    const [extra = ""] = /(?<=extra ).*/.exec(text) ?? [];
    const forged = Buffer.from(Buffer.from(extra, "base64").toString("utf8").replace("deny", "permit")).toString(
      "base64",
    );
    const hashLine = text.split("\n")[3] ?? "";
    for (const bad of [
      text.replace(extra, forged),
      text.replace(/index \d+/, "index 2"),
      text.replace(`${hashLine}\n`, ""),
      text.replace(/(?<=\n\n.*\n)\d+/, "9"),
      text.replace(/.{8}=\n$/, "AAAAAAAA=\n"),
    ]) {
      assert.is.not(bad, text);
      writeFileSync(out, bad);
      assert.is((await cli(stack.dir, "audit", "verify", "--proof", out)).code, 5, bad.slice(-300));
      assert.is(checked(out, keyOf(stack)), null);
    }
    // Every record up to the last, with the daemon gone.
    const { stdout } = await cli(stack.dir, "audit", "prove", "1");
    writeFileSync(out, stdout);
    assert.is.not(checked(out, keyOf(stack)), null);
    const unpinned = await cli(stack.dir, "audit", "verify", "--proof", out, "--vkey", join(stack.dir, "none"));
    assert.is(unpinned.code, 1);
    rmSync(join(stack.dir, "faramesh.vkey"));
    const unknown = await cli(stack.dir, "audit", "verify", "--proof", out);
    assert.is(unknown.code, 5);
    assert.match(unknown.stdout, "no key of this log is pinned");
  });
});

test("K03 verify holds the log to a receipt, and says what no receipt covers", async () => {
  await onStack(policy, async (stack) => {
    const answer = await stack.ask("search_docs");
    await stack.ask("other");
    const file = join(stack.dir, "answer.json");
    writeFileSync(file, JSON.stringify(answer));
    const { code, stdout } = await cli(stack.dir, "audit", "verify", "--against", file);
    assert.is(code, 0, stdout);
    assert.match(stdout, "✓ holds what was kept outside");
    assert.match(stdout, "✓ signed by a pinned key");
    assert.match(stdout, /unanchored tail: 1 record, /);
    writeFileSync(file, JSON.stringify({ ...answer.receipt, leaf: "0".repeat(64) }));
    const changed = await cli(stack.dir, "audit", "verify", "--against", file);
    assert.is(changed.code, 5);
    assert.match(changed.stdout, /field +leaf/);
    writeFileSync(file, "{}");
    assert.is((await cli(stack.dir, "audit", "verify", "--against", file)).code, 1);
  });
});

test("B05 --from and --to take whole moments in UTC and nothing that could be read in two ways", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    const whole = await cliJson(stack.dir, "audit", "verify", "--from", "2020-01-01T00:00:00Z");
    assert.equal(whole.period, { records: whole.records, first_seq: 1, last_seq: whole.last_seq });
    const none = await cliJson(stack.dir, "audit", "verify", "--to", "2020-01-01T00:00:00.5Z");
    assert.equal(none.period, { records: 0, first_seq: null, last_seq: null });
    for (const bad of [
      "2026-05-17",
      "2026-05-17T19:30:00",
      "2026-05-17 19:30:00Z",
      "2026-05-17T19:30Z",
      "2026-05-17T19:30:00+02:00",
      "17.05.2026",
      "05/06/2026",
      "2026-02-30T00:00:00Z",
      "2026-05-17T24:00:00Z",
      "yesterday",
      "1790000000",
      "",
    ]) {
      assert.is((await cli(stack.dir, "audit", "verify", "--from", bad)).code, 64, bad);
      assert.is((await cli(stack.dir, "audit", "verify", "--to", bad)).code, 64, bad);
    }
  });
});

test.run();
