// Calls that no policy is asked about: they cannot be read, come before the daemon is ready, flood it, or cannot be recorded. All are
// denied, counted, and on record as far as the log takes them.
import { type AnswerContext, answerOf, type Judgement } from "./answer.ts";
import type { Reading } from "./clock.ts";
import type { Code } from "./codes.ts";
import { decisionBody, storedArgs } from "./decision-record.ts";
import type { Receipt } from "./doors/agent-protocol.ts";
import type { Effect } from "./evaluator/types.ts";
import type { FloodGate } from "./flood.ts";
import type { Governor } from "./governor.ts";
import type { Identity } from "./identity.ts";
import { plain } from "./judge.ts";
import { noTree } from "./log/merkle.ts";
import type { Appended } from "./log/options.ts";
import { type ActivePolicy, stampOf } from "./policy.ts";
import type { Call, RefusedCall } from "./request.ts";
import { stepOf } from "./steps.ts";
import type { Decided, DecisionCounts, Turn } from "./turn.ts";
import { newActionId } from "./ulid.ts";

export class Unjudged {
  readonly counts: DecisionCounts = { permit: 0, defer: 0, deny: 0 };
  readonly codeCounts = new Map<Code, number>();
  readonly #governor: Governor;
  readonly #flooded = new Set<FloodGate>();

  constructor(governor: Governor) {
    this.#governor = governor;
  }

  /** A line or a request that cannot be judged: denied in every mode, and recorded as far as it can be read. */
  refuse(refused: RefusedCall, reading: Reading, gate: FloodGate, identity: Identity): Decided {
    const call: Call = {
      callId: refused.callId,
      requestId: null,
      approvalId: null,
      actionType: "tool_call",
      tags: [],
      costUsd: null,
      usage: null,
      price: null,
      args: {},
      http: null,
      delegation: null,
      canonical: "",
      canonicalArgs: "",
      argsText: "{}",
      request: { agent_id: refused.agentId, session_id: refused.sessionId, tool_id: refused.tool },
    };
    const actionId = newActionId(reading.wallUs / 1000);
    const asked = { missing: null, unpriced: null };
    const turn: Turn = { call, reading, digest: "", argsSha256: "", actionId, gate, identity, ...asked };
    if (!this.#governor.ledger.isUsable) {
      return this.unrecorded(turn, "AUDIT_UNAVAILABLE", "the decision cannot be recorded");
    }
    return this.record(turn, plain("deny", refused.code, refused.message));
  }

  notReady(turn: Turn): Decided {
    const state = this.#governor.state();
    const reason =
      state === "READY" || state === "INITIALIZING" ? "no policy is active yet" : "the daemon is not ready";
    // While it ends, the log is being closed.
    if (state !== "INITIALIZING") return this.unrecorded(turn, "DAEMON_NOT_READY", reason);
    return this.record(turn, plain("deny", "DAEMON_NOT_READY", reason));
  }

  record(turn: Turn, judged: Judgement): Decided {
    if (!turn.gate.admit(turn.reading.wallUs)) return this.flood(turn);
    const { ledger, dev } = this.#governor;
    const { active } = this.#governor.policies;
    const mode = active?.mode ?? "enforce";
    const latencyUs = Math.max(0, ledger.clock.now().monoUs - turn.reading.monoUs);
    const stored = storedArgs(turn.call.args, turn.call.canonicalArgs.length, null, ledger.log.salts);
    try {
      const { actionId, digest } = turn;
      const facts = {
        actionId,
        identity: turn.identity.recorded,
        door: turn.identity.door,
        digest,
        effect: "deny",
        would: null,
        stored,
        inputs: null,
        missing: null,
        ruleDigest: null,
        step: stepOf(judged, []),
        latencyUs,
        mode,
        dev,
      } as const;
      const recorded = ledger.append(
        "decision",
        stampOf(this.#governor.policies.active),
        decisionBody(turn.call, judged, facts, ledger.log.salts),
        turn.reading,
      );
      this.count("deny", judged.code);
      const context = contextOf(turn, active, "deny", null, latencyUs, receiptOf(this.#governor, recorded));
      return { answer: answerOf(judged, context), seq: recorded.seq };
    } catch (error) {
      this.#governor.journal.error({ err: error, action_id: turn.actionId }, "a refusal could not be recorded");
      return this.unrecorded(turn, "AUDIT_UNAVAILABLE", "the decision cannot be recorded");
    }
  }

  count(effect: Effect, code: Code): void {
    this.counts[effect]++;
    this.codeCounts.set(code, (this.codeCounts.get(code) ?? 0) + 1);
  }

  flood(turn: Turn): Decided {
    this.#flooded.add(turn.gate);
    return this.unrecorded(turn, "FLOODED", "too many denied calls on this connection");
  }

  unrecorded(turn: Turn, code: Code, reason: string): Decided {
    this.count("deny", code);
    const context = contextOf(turn, this.#governor.policies.active, "deny", null, 0, null);
    return { answer: answerOf(plain("deny", code, reason), context), seq: null };
  }

  /** Writes the counting records of floods. Call now and then, and before the log is closed. */
  recordFloods(): void {
    for (const gate of this.#flooded) {
      const count = gate.take();
      this.#flooded.delete(gate);
      if (count === null || !this.#governor.ledger.isUsable) continue;
      const detail = { denials: count.denials, first_us: count.firstUs, last_us: count.lastUs };
      const { ledger } = this.#governor;
      ledger.append("mark", stampOf(this.#governor.policies.active), { kind: "flooded", detail }, ledger.clock.now());
    }
  }
}

export function receiptOf({ ledger }: Governor, { seq, hash }: Appended): Receipt {
  const { size, root } = ledger.log.treeHead ?? noTree;
  return { seq, leaf: hash, size, root };
}

export function contextOf(
  turn: Turn,
  active: ActivePolicy | null,
  effect: Effect,
  would: Effect | null,
  latencyUs: number,
  receipt: Receipt | null,
): AnswerContext {
  return {
    callId: turn.call.callId,
    actionId: turn.actionId,
    effect,
    would,
    version: active?.version ?? null,
    policyHash: active?.activation.policyHash ?? null,
    argsSha256: turn.argsSha256 === "" ? null : turn.argsSha256,
    latencyUs,
    receipt,
  };
}
