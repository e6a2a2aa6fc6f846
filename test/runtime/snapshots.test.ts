// Snapshots of the daemon's state: a start from one and the records behind it ends in the very state that all records make,
// whatever happened before and wherever the daemon was killed; and one that is missing or spoiled costs time and nothing else.
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { Random } from "../generate/random.ts";
import { imageOf, onStack, StackUnderTest } from "./stack-under-test.ts";

const policies = [1, 2, 3].map(
  (version) => `agent "bot" {
  default deny
  session { max_duration = 30d }
  redact pay args: ["card"]
  permit search
  permit pay if session.sum(pay.amount) + amount <= ${version}000
  defer ask
  defer refund if amount > ${version}
  phase intake { permit read }
  phase work { permit write }
  rate_limit "search": 300 per hour
  budget spend { max = $500 tools = ["pay"] cost = amount }
}`,
);
const policy = policies[0] as string;

const walOf = (dir: string): string => join(dir, "faramesh-wal");
const snapshotsOf = (dir: string): string[] =>
  readdirSync(join(walOf(dir), "snapshots")).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));

/** What a copy of the stack's files, as a kill leaves them, becomes when it is started; `spoil` may change it before. */
async function started(
  from: string,
  spoil: (dir: string) => void = () => {},
): Promise<{ digest: string; marks: string[] }> {
  const stack = new StackUnderTest();
  rmSync(stack.dir, { recursive: true });
  cpSync(from, stack.dir, { recursive: true, filter: (path) => !path.includes(".sock") });
  try {
    spoil(stack.dir);
    await stack.start();
    const digest = stack.daemon.stateDigest();
    const marks = (await stack.records()).flatMap(({ kind }) => (typeof kind === "string" ? [kind] : []));
    return { digest, marks };
  } finally {
    await stack.remove();
  }
}

const withoutSnapshots = (dir: string): void => rmSync(join(walOf(dir), "snapshots"), { recursive: true, force: true });

const histories = 4;
const stepsEach = 40;

async function step(stack: StackUnderTest, random: Random, version: { at: number }): Promise<void> {
  const session = { session_id: `s${random.below(3)}`, call_id: `c${random.below(40)}` };
  const kind = random.below(15);
  if (kind <= 3) await stack.ask(random.pick(["search", "read", "write", "unknown"]), {}, session);
  else if (kind <= 5) await stack.ask("pay", { amount: random.below(400) / 7, card: "4242" }, session);
  else if (kind === 6)
    await stack.ask(random.pick(["ask", "refund"]), { amount: 9007199254740993n.toString() }, session);
  else if (kind === 7) {
    const [id] = stack.daemon.governor.approvals.pendingOf("bot", 1);
    if (id !== undefined) await (random.oneIn(2) ? stack.approve(id) : stack.deny(id, "no"));
  } else if (kind === 8) {
    version.at = (version.at + 1) % policies.length;
    await stack.apply(policies[version.at] as string);
  } else if (kind === 9)
    await stack.send({ type: "phase", agent_id: "bot", session_id: session.session_id, to: "work" });
  else if (kind === 10) await stack.daemon.snapshot();
  else if (kind === 11) await askOperator(stack.dir, "checkpoint", {});
  else if (kind === 12) {
    const { action_id } = await stack.ask("search", {}, { session_id: session.session_id });
    await stack.send({ type: "report", agent_id: "bot", action_id, status: "ok", result: { n: 1 }, cost_usd: 0.5 });
  } else if (kind === 13) {
    const image = imageOf(`agent "bot" {\n  default deny\n  permit ask\n}`);
    const wanted = { agent_id: "bot", image, ttl_seconds: 3600, actor: "ana", reason: "known", uses_max: 2 };
    await askOperator(stack.dir, "grants_add", wanted);
  } else {
    const order = { agent_id: "other", actor: "ana", reason: "test" };
    await askOperator(stack.dir, random.oneIn(2) ? "kill" : "unkill", order);
  }
}

for (let seed = 1; seed <= histories; seed++) {
  test(`H07 history ${seed}: killed anywhere, a snapshot and its tail make the state that all records make`, async () => {
    const random = new Random(seed);
    const version = { at: 0 };
    await onStack(policy, async (stack) => {
      for (let at = 0; at < stepsEach; at++) {
        await step(stack, random, version);
        if (!random.oneIn(8)) continue;
        const digest = stack.daemon.stateDigest();
        const fromSnapshot = await started(stack.dir);
        const fromAll = await started(stack.dir, withoutSnapshots);
        assert.equal([fromSnapshot.digest, fromAll.digest], [digest, digest], `after step ${at}`);
      }
      const before = stack.daemon.stateDigest();
      await stack.restart();
      assert.is(stack.daemon.stateDigest(), before, "after a stop");
    });
  });
}

const spoilings: Readonly<Record<string, (path: string) => void>> = {
  missing: (path) => rmSync(path),
  torn: (path) => truncateSync(path, Math.floor(readFileSync(path).length / 2)),
  empty: (path) => writeFileSync(path, ""),
  edited: (path) => writeFileSync(path, readFileSync(path, "utf8").replace(/"at_seq":(\d+)/, '"at_seq":$1 ')),
  "another's": (path) => writeFileSync(path, "{}"),
};

for (const [how, spoil] of Object.entries(spoilings)) {
  test(`a snapshot that is ${how} is passed over for an earlier one, and none left for the whole log`, async () => {
    await onStack(policy, async (stack) => {
      for (let turn = 0; turn < 3; turn++) {
        await stack.ask("pay", { amount: 1, card: "1" });
        await stack.ask("ask");
        await stack.daemon.snapshot();
      }
      await stack.ask("search");
      const digest = stack.daemon.stateDigest();
      const names = snapshotsOf(stack.dir);
      assert.is(names.length, 3);
      const last = (dir: string): void => spoil(join(walOf(dir), "snapshots", names.at(-1) ?? ""));
      const all = (dir: string): void => {
        for (const name of names) spoil(join(walOf(dir), "snapshots", name));
      };
      const marked = how === "missing" ? 0 : 1;
      for (const [spoiled, count] of [
        [last, marked],
        [all, 3 * marked],
      ] as const) {
        const after = await started(stack.dir, spoiled);
        assert.is(after.digest, digest);
        assert.is(after.marks.filter((kind) => kind === "snapshot_unfit").length, count);
      }
    });
  });
}

test("a snapshot that no record names does not count, whatever its file says", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search");
    await stack.daemon.snapshot();
    await stack.ask("search");
    const digest = stack.daemon.stateDigest();
    const after = await started(stack.dir, (dir) => {
      const [name = ""] = snapshotsOf(dir).slice(-1);
      const folder = join(walOf(dir), "snapshots");
      const forged = readFileSync(join(folder, name), "utf8").replace('"machine":"', '"machine":"AAAA');
      const sha256 = createHash("sha256").update(forged).digest("hex");
      writeFileSync(join(folder, `${Number.parseInt(name, 10)}-${sha256}.json`), forged);
      rmSync(join(folder, name));
    });
    assert.is(after.digest, digest);
    assert.is(after.marks.filter((kind) => kind === "snapshot_unfit").length, 1);
  });
});

test("tiles or a checkpoint that are gone are made anew from all records, not from a snapshot", async () => {
  await onStack(policy, async (stack) => {
    for (let turn = 0; turn < 5; turn++) await stack.ask("search");
    await stack.daemon.snapshot();
    await stack.stop();
    rmSync(join(walOf(stack.dir), "tile"), { recursive: true });
    await stack.start();
    assert.ok((await askOperator(stack.dir, "checkpoint", {})).size > 5);
  });
});

test("A03 a call sent again within its minute gets its answer after a start from a snapshot", async () => {
  await onStack(policy, async (stack) => {
    const call = { call_id: "once" };
    const first = await stack.ask("pay", { amount: 2, card: "1" }, call);
    await stack.daemon.snapshot();
    await stack.restart();
    const again = await stack.ask("pay", { amount: 2, card: "1" }, call);
    assert.is(again.action_id, first.action_id);
    assert.is((await stack.ask("pay", { amount: 3, card: "1" }, call)).reason_code, "CALL_ID_REUSED");
  });
});

test("the newest three snapshots stay on disk", async () => {
  await onStack(policy, async (stack) => {
    for (let turn = 0; turn < 6; turn++) {
      await stack.ask("search");
      await stack.daemon.snapshot();
    }
    assert.is(snapshotsOf(stack.dir).length, 3);
  });
});

test.run();
