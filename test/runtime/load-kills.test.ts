// A daemon that is killed again and again while eight agents have calls in flight. What it has answered is on record after each kill,
// and what it has charged is what the records say.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { faramesh } from "../cli/in-process.ts";
import { Random } from "../generate/random.ts";
import { assertBudgets, decisionsOf, lost } from "./answers-on-record.ts";
import { type Call, ClientLoad, loadPolicy } from "./client-load.ts";
import { askOn, DaemonProcess } from "./daemon-process.ts";

const connections = 8;
const rounds = Number(process.env.FARAMESH_KILLS ?? 4);
const seed = Number(process.env.FARAMESH_SEED ?? Date.now() % 1_000_000_000);

test("A02 A03 A04 H02 H07 kill -9 under load, again and again: every answer is on record, each permit charged once", async () => {
  process.stdout.write(`seed ${seed}\n`);
  const random = new Random(seed);
  const daemon = await DaemonProcess.start(loadPolicy);
  const answers: GovernAnswer[] = [];
  const calls = new Map<string, Call>();
  let unanswered = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      const load = await ClientLoad.begin(daemon, `r${round}`, connections, random);
      await load.reach(1 + random.below(1500));
      daemon.child.kill("SIGKILL");
      await Promise.all([daemon.ended, load.ended]);
      answers.push(...load.answers.flat());
      for (const [id, call] of load.calls) calls.set(id, call);
      const report = await verifyLog(stackPaths(daemon.dir).defaultWalDir);
      assert.ok(report.ok, JSON.stringify(report.fault));

      await daemon.again();
      const decisions = await decisionsOf(stackPaths(daemon.dir).defaultWalDir);
      assert.equal(lost(answers, decisions), []);
      await assertBudgets(daemon.dir, calls, decisions);
      unanswered += await askAgain(daemon, load, decisions);
      await assertBudgets(daemon.dir, calls, decisions);
    }
    process.stdout.write(`${answers.length} answers, ${unanswered} decisions asked for again\n`);
    const replayed = await faramesh(daemon.dir, "audit", "verify", "--replay");
    assert.is(replayed.code, 0, replayed.stdout + replayed.stderr);
  } finally {
    await daemon.remove();
  }
});

/** Asks again for what was recorded and never answered: the answer is the recorded one. Gives how many there were. */
async function askAgain(
  daemon: DaemonProcess,
  load: ClientLoad,
  decisions: ReadonlyMap<string, JsonObject>,
): Promise<number> {
  const answered = new Set(load.answers.flat().map(({ call_id }) => call_id));
  const open = [...decisions].filter(
    ([, { call_id }]) => load.calls.has(String(call_id)) && !answered.has(String(call_id)),
  );
  const socket = await daemon.connect();
  for (const [id, { call_id, session_id, effect }] of open) {
    if (effect !== "permit") continue;
    const call = load.calls.get(String(call_id));
    assert.ok(call !== undefined);
    const answer = await askOn(socket, call.tool_id, call.args, {
      call_id: call.call_id,
      session_id: String(session_id),
    });
    assert.equal([answer.action_id, answer.effect], [id, "PERMIT"]);
  }
  socket.destroy();
  return open.length;
}

test.run();
