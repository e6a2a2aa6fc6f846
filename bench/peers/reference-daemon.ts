// The daemon that a person would write in an afternoon, for comparison: JSON.parse, the workload's rules in JavaScript, and
// the same records, each with the hash of the one before. It checks no names, no duplicate keys, no exact numbers, has no
// approvals, limits, versions or retries, and a disk that fails goes unnoticed. `reference.js <socket> <log file>`.
import { createHmac, hash, randomBytes } from "node:crypto";
import { fdatasync, openSync, writeSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { EvaluationRequest } from "../../runtime/evaluator/index.ts";
import { decide } from "../payments/javascript.ts";

interface Message extends EvaluationRequest {
  readonly call_id?: string;
  readonly args: NonNullable<EvaluationRequest["args"]>;
}

/** As our own durability async: written in the turn of the answer, synced at this interval. */
const SYNC_INTERVAL_MS = 100;
const [path = "", logPath = ""] = process.argv.slice(2);
const file = openSync(logPath, "a");
const key = randomBytes(32);
const codes = { permit: "POLICY_PERMIT", deny: "POLICY_DENY", defer: "POLICY_DEFER" } as const;
const queue: string[] = [];
let prev = hash("sha256", "genesis", "hex");
let seq = 0;
let unsynced = false;

setInterval(() => {
  if (unsynced) fdatasync(file, () => {});
  unsynced = false;
}, SYNC_INTERVAL_MS);

function flush(): void {
  writeSync(file, queue.join(""));
  queue.length = 0;
  unsynced = true;
}

function record(message: Message, id: string, verdict: ReturnType<typeof decide>, startUs: number): string {
  const args = JSON.stringify(message.args);
  const argsSha256 = hash("sha256", args, "hex");
  const body = JSON.stringify({
    action_id: id,
    action_type: "tool_call",
    agent_id: message.agent_id,
    agent_identity: "claimed",
    door: "socket",
    approval_id: null,
    args: message.args,
    call_id: message.call_id ?? null,
    code: codes[verdict.effect],
    cost_usd: null,
    credential_ref: null,
    delegation: null,
    dev: false,
    effect: verdict.effect,
    inputs: null,
    latency_us: performance.now() * 1000 - startUs,
    mode: "enforce",
    mono_us: performance.now() * 1000,
    policy_version: "v1",
    prev,
    reason: "as the rules say",
    redacted: [],
    request_digest: createHmac("sha256", key)
      .update(message.agent_id)
      .update(message.tool_id)
      .update(args)
      .digest("hex"),
    request_id: null,
    rule_digest: null,
    rule_ref: `governance.fms:${verdict.rule}`,
    seq: ++seq,
    session_id: message.session_id ?? "default",
    steps: {},
    tags: [],
    time: new Date().toISOString(),
    tool: message.tool_id,
    type: "decision",
    v: 1,
    would: null,
  });
  prev = hash("sha256", body, "hex");
  if (queue.length === 0) setImmediate(flush);
  queue.push(`{"hash":"${prev}",${body.slice(1)}\n`);
  return argsSha256;
}

function answer(line: string): string {
  const startUs = performance.now() * 1000;
  const message = JSON.parse(line) as Message;
  const verdict = decide(message);
  const id = `action-${randomBytes(13).toString("hex")}`;
  const argsSha256 = record(message, id, verdict, startUs);
  return JSON.stringify({
    call_id: message.call_id ?? id,
    action_id: id,
    effect: verdict.effect.toUpperCase(),
    latency_us: Math.round(performance.now() * 1000 - startUs),
    retry_permitted: verdict.effect === "defer",
    reason: "as the rules say",
    reason_code: codes[verdict.effect],
    rule_ref: `governance.fms:${verdict.rule}`,
    policy_version: "v1",
    args_sha256: argsSha256,
  });
}

function serve(socket: Socket): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) socket.write(`${lines.map(answer).join("\n")}\n`);
  });
}

createServer(serve).listen(path, () => process.stdout.write("ready\n"));
process.stdin.on("end", () => process.exit(0)).resume();
