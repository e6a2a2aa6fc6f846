// The same faults in a real daemon with four agents at work on it: killed at a system call, among them those that answer, or its segment
// failing. FARAMESH_POINTS and FARAMESH_SEED as in system-calls.test.ts; a point takes seconds here, so there are fewer.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { verifyLog } from "../../runtime/log/verify.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { Random } from "../generate/random.ts";
import { assertBudgets, assertRefusedFromThen, decisionsOf, lost } from "../runtime/answers-on-record.ts";
import { type Call, ClientLoad, loadPolicy } from "../runtime/client-load.ts";
import { DaemonProcess } from "../runtime/daemon-process.ts";
import { attachStrace, ended, type Fault, injection } from "../strace/attach.ts";

interface Kind {
  readonly fault: Fault;
  readonly call: string;
  /** Within the log's folder; null: on anything, an agent's socket too. */
  readonly file: string | null;
  readonly indexMax: number;
}

const segment = "00000001.wal";
const kinds: readonly [Kind, ...Kind[]] = [
  { fault: "KILL", call: "write", file: null, indexMax: 300 },
  { fault: "EIO", call: "fdatasync", file: segment, indexMax: 20 },
  { fault: "KILL", call: "fdatasync", file: segment, indexMax: 20 },
  { fault: "ENOSPC", call: "write", file: segment, indexMax: 60 },
  { fault: "KILL", call: "write", file: segment, indexMax: 60 },
  { fault: "EIO", call: "write", file: segment, indexMax: 60 },
];
const connections = 4;
const pointsPerRound = 6;

const rounds = Math.ceil(
  Math.min(240, Number(process.env.FARAMESH_POINTS ?? Number.POSITIVE_INFINITY)) / pointsPerRound,
);
const seed = Number(process.env.FARAMESH_SEED ?? Date.now() % 1_000_000_000);

test("A03 A04 A05 A06 A07 a daemon under load, killed or failing at a system call: every answer is on record, and none follows an error", async () => {
  process.stdout.write(`seed ${seed}, ${rounds} rounds\n`);
  const random = new Random(seed);
  const daemon = await DaemonProcess.start(loadPolicy);
  const { defaultWalDir: dir } = stackPaths(daemon.dir);
  const calls = new Map<string, Call>();
  try {
    for (let round = 0; round < rounds; round++) {
      const kind = kinds[(seed + round) % kinds.length] ?? kinds[0];
      const index = 1 + random.below(kind.indexMax);
      const name = `round ${round}: ${kind.fault} at ${kind.call} ${index} of ${kind.file ?? "anything"}`;
      const load = await underFault(daemon, kind, index, `s${round}`, random);
      for (const [id, call] of load.calls) calls.set(id, call);
      const [code, signal] = await daemon.ended;
      assert.equal([code, signal], kind.fault === "KILL" ? [null, "SIGKILL"] : [1, null], name);
      assertRefusedFromThen(load.answers);
      const decided = load.answers.flat().filter(({ reason_code }) => reason_code !== "AUDIT_UNAVAILABLE");
      assert.equal(lost(decided, await decisionsOf(dir)), [], name);
      const report = await verifyLog(dir);
      assert.ok(report.ok, `${name}: ${JSON.stringify(report.fault)}`);
      await daemon.again();
      await assertBudgets(daemon.dir, calls, await decisionsOf(dir));
    }
  } finally {
    await daemon.remove();
  }
});

/** Loads the daemon until the fault has ended it. */
async function underFault(
  daemon: DaemonProcess,
  { fault, call, file }: Kind,
  index: number,
  name: string,
  random: Random,
): Promise<ClientLoad> {
  const main = String(daemon.child.pid);
  // Where it counts the calls on one file, whichever thread makes them; else those of the thread that answers.
  const threads = file === null ? [main] : readdirSync(`/proc/${main}/task`);
  const path = file === null ? [] : ["-P", join(stackPaths(daemon.dir).defaultWalDir, file)];
  const options = ["-o", "/dev/null", ...path, "-e", `trace=${call}`, ...injection(fault, call, index)];
  const strace = await attachStrace(main, threads, options);
  const load = await ClientLoad.begin(daemon, name, connections, random);
  await Promise.all([daemon.ended, load.ended]);
  await ended(strace);
  return load;
}

test.run();
