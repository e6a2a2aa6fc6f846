// An agent that means harm, in another language, on the socket of a daemon in a process of its own: it gets nothing, keeps nobody else
// from being served, and what it tried is on record.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { socketPlaces, stackPaths } from "../../runtime/stack.ts";
import { DaemonProcess } from "../runtime/daemon-process.ts";

const client = fileURLToPath(new URL("../clients/hostile.py", import.meta.url));
const policy = 'agent "bot" {\n  default deny\n  permit search\n  defer ask\n}\n';

interface Outcomes {
  readonly honest: number;
  readonly orders: readonly (string | number)[];
  readonly "self approval": readonly string[];
  readonly "never reads": string;
  readonly many: number;
  readonly "first of many": string;
  readonly flood: Readonly<Record<string, number>>;
}

test("C02 C10 C11 G09 H03 forged orders, own approvals, slow and endless clients and 10,000 connections come to nothing", async () => {
  const daemon = await DaemonProcess.start(policy);
  try {
    const { stdout, code } = await python(socketPlaces(stackPaths(daemon.dir), {}, undefined).agent);
    assert.is(code, 0, stdout);
    const outcomes = JSON.parse(stdout) as Outcomes;
    // After each of the six parts, and twice within the slow one and once within the one that never reads.
    assert.is(outcomes.honest, 9);
    assert.equal(outcomes.orders, [-32600, "OPERATOR_ONLY"]);
    const approval = ["BAD_REQUEST", "POLICY_DEFER", "APPROVAL_MISMATCH", "unknown", "pending"];
    assert.equal(outcomes["self approval"], approval);
    assert.is(outcomes["never reads"], "held back");
    assert.is(outcomes["first of many"], "PERMIT");
    assert.ok(outcomes.many > 1000, `${outcomes.many} connections`);
    assert.equal(Object.keys(outcomes.flood), ["UNKNOWN_AGENT"]);
    const { approvals, daemon: state } = await askOperator(daemon.dir, "status", {});
    assert.equal([state.state, state.policy_version, approvals.pending], ["READY", "v1", 1]);
    assert.is((await daemon.ask("search")).effect, "PERMIT");
    await assertRecorded(stackPaths(daemon.dir).defaultWalDir);
  } finally {
    await daemon.remove();
  }
});

async function assertRecorded(walDir: string): Promise<void> {
  let [refused, permitted] = [0, 0];
  for await (const { value } of readRecords(walDir)) {
    if (value.type === "mark" && value.kind === "operator_refused") refused++;
    if (value.type === "decision" && value.tool === "ask" && value.effect === "permit") permitted++;
  }
  assert.ok(refused > 100, `${refused} forged orders are on record`);
  assert.is(permitted, 0);
  const verified = await verifyLog(walDir);
  assert.ok(verified.ok, JSON.stringify(verified.fault));
}

/** What it printed; where it failed, what it said of that. */
function python(socket: string): Promise<{ stdout: string; code: number | null }> {
  return new Promise((resolve) => {
    const child = spawn("python3", [client, socket], { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("close", (code) => resolve({ stdout: stdout || stderr, code }));
  });
}

test.run();
