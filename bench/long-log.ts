// A long honest log without a daemon: the log's own writer appends decisions of many agents, with outcomes, costs and
// approvals between them, under a clock of its own. What it writes verifies; nothing in it was judged by a policy.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Judgement } from "../runtime/answer.ts";
import type { Clock } from "../runtime/clock.ts";
import type { decisionBody } from "../runtime/decision-record.ts";
import type { nodeDisk } from "../runtime/disk.ts";
import type { KeyFiles } from "../runtime/key-files.ts";
import type { Log } from "../runtime/log/log.ts";
import type { Call } from "../runtime/request.ts";
import { newActionId } from "../runtime/ulid.ts";
import { calls } from "./payments/decided.ts";

/** The writer as sources or as a bundle. */
export interface Writer {
  readonly Log: typeof Log;
  readonly KeyFiles: typeof KeyFiles;
  readonly nodeDisk: typeof nodeDisk;
  readonly decisionBody: typeof decisionBody;
}

export interface LongLogOptions {
  /** the stack's folder; the log is in `faramesh-wal` below it */
  readonly dir: string;
  /** at least so many records, those of the log itself included */
  readonly records: number;
  readonly segmentBytes?: number;
  /** between two records; 50 ms when absent */
  readonly stepUs?: number;
}

const AGENTS = 20;
const SESSIONS = 500;
/** Records appended before the queue is let go to the file. */
const PER_TURN = 2000;
const DIGEST = "5b3454b7".repeat(8);
/** 2026-05-01T00:00:00Z */
const BEGIN_US = 1_777_593_600_000_000;

type Kind = "permit" | "deny" | "defer";
/** By the last digit of the record's number. */
const effects: readonly Kind[] = [
  "permit",
  "permit",
  "permit",
  "deny",
  "permit",
  "permit",
  "defer",
  "permit",
  "deny",
  "permit",
];
const codes: Record<Kind, Judgement["code"]> = { permit: "POLICY_PERMIT", deny: "POLICY_DENY", defer: "POLICY_DEFER" };

class SteppingClock implements Clock {
  readonly bootId = "00000000-0000-4000-8000-000000000000";
  readonly #stepUs: number;
  #us = 0;
  constructor(stepUs: number) {
    this.#stepUs = stepUs;
  }
  now(): { wallUs: number; monoUs: number; timeRegression: boolean } {
    return { wallUs: BEGIN_US + this.#us, monoUs: this.#us, timeRegression: false };
  }
  step(): void {
    this.#us += this.#stepUs;
  }
  observe(wallUs: number): void {
    this.#us = Math.max(this.#us, wallUs - BEGIN_US);
  }
}

/** Writes the log and closes it cleanly. Returns its directory. */
export async function longLog(writer: Writer, options: LongLogOptions): Promise<string> {
  const walDir = join(options.dir, "faramesh-wal");
  mkdirSync(join(options.dir, ".faramesh/keys"), { recursive: true, mode: 0o700 });
  const clock = new SteppingClock(options.stepUs ?? 50_000);
  const keys = new writer.KeyFiles(writer.nodeDisk, join(options.dir, ".faramesh/keys"));
  const size = options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes };
  const age = { segmentAgeMs: Number.MAX_SAFE_INTEGER };
  const log = await writer.Log.open({ dir: walDir, durability: "async", clock, keys, ...size, ...age });
  const policy = { policy_version: "v1", policy_hash: DIGEST };
  const applied = { version: "v1", policy_hash: DIGEST, image_hash: DIGEST, source_hash: DIGEST };
  log.append({
    type: "policy",
    ...policy,
    body: {
      version: "v1",
      image_hash: DIGEST,
      source_hash: DIGEST,
      actor: "operator",
      change: "apply",
      summary: applied.version,
    },
  });
  while (log.lastSeq < options.records) {
    for (let i = 0; i < PER_TURN && log.lastSeq < options.records; i++) {
      clock.step();
      appendOne(writer, log, policy, clock.now().wallUs);
    }
    while (log.stats().lagBytes > 0 || log.isPressed) await new Promise(setImmediate);
  }
  await log.close();
  return walDir;
}

type Names = { readonly policy_version: string; readonly policy_hash: string };

/** A decision, and where it has them its approval, outcome and cost. */
function appendOne({ decisionBody: body }: Writer, log: Log, policy: Names, nowUs: number): void {
  const index = log.lastSeq;
  const call = callOf(index);
  const effect = effects[index % effects.length] as Kind;
  const actionId = newActionId(nowUs / 1000);
  const approvalId = effect === "defer" ? `apr-${index.toString(16).padStart(32, "0")}` : null;
  const reason = `${effect} by the rule at bench.fms:${6 + (index % 11)}`;
  const decision = body(
    call,
    judgementOf(effect, reason, approvalId, index),
    {
      actionId,
      digest: DIGEST,
      effect,
      would: null,
      stored: { args: call.args, redacted: [] },
      identity: "claimed",
      door: "socket/sdk",
      inputs: null,
      missing: null,
      ruleDigest: DIGEST,
      step: effect === "permit" ? "answer" : "rules",
      latencyUs: 20 + ((index * 7919) % 400),
      mode: "enforce",
      dev: false,
    },
    log.salts,
  );
  log.append({ type: "decision", ...policy, body: decision });
  const { agent_id, tool_id, session_id = "default" } = call.request;
  if (approvalId !== null) {
    const asked = { action_id: actionId, agent_id, request_digest: DIGEST, rule_digest: DIGEST };
    log.append({ type: "approval", ...policy, body: { approval_id: approvalId, change: "opened", ...asked } });
  }
  if (index % 20 !== 0) return;
  const about = { action_id: actionId, agent_id, session_id, tool: tool_id };
  const said = {
    status: "ok",
    result: {},
    redacted: [],
    duration_ms: index % 900,
    provider: null,
    cost_usd: 0.02,
    actor: null,
  };
  log.append({ type: "outcome", ...policy, body: { ...about, ...said } });
}

function judgementOf(effect: Kind, reason: string, approvalId: string | null, index: number): Judgement {
  const rule_ref = `bench.fms:${6 + (index % 11)}`;
  const code = codes[effect];
  const verdict = { effect, code, reason, rule: index % 11, rule_ref, cause: null };
  return { effect, code, reason, verdict: verdict as Judgement["verdict"], approvalId, used: [] };
}

function callOf(index: number): Call {
  const call = calls[index % calls.length] as Call;
  const request = { ...call.request, agent_id: `agent-${index % AGENTS}`, session_id: `session-${index % SESSIONS}` };
  return {
    ...call,
    request,
    requestId: `run-${Math.floor(index / 50)}`,
    costUsd: index % 3 === 0 ? 0.015 : null,
  } as Call;
}
