// One call from request to recorded decision, in the order of the specification. Everything between the first look at
// the state and the append of the record is one synchronous turn: limits, approvals and swaps are exact because no
// other call can come in between. It must never answer a permit that is not recorded.
import { answerOf, type Judgement, turnedDown } from "./answer.ts";
import { consumedBody, newApprovalId, openedBody } from "./approvals.ts";
import type { Reading } from "./clock.ts";
import type { Code } from "./codes.ts";
import { Deadlines } from "./deadlines.ts";
import { decisionBody, type StoredArgs, storedArgs } from "./decision-record.ts";
import type { GovernAnswer } from "./doors/agent-protocol.ts";
import type { Effect } from "./evaluator/types.ts";
import type { FloodGate } from "./flood.ts";
import { follow } from "./follow.ts";
import type { Governor } from "./governor.ts";
import { type Grant, usedBody } from "./grants.ts";
import { claimed, type Identity } from "./identity.ts";
import { inputsOf } from "./inputs.ts";
import type { Json, JsonObject } from "./json.ts";
import { durableCause, Judge, plain } from "./judge.ts";
import { cutText } from "./log/decision.ts";
import { LogFailure } from "./log/failure.ts";
import { requestDigest } from "./log/identity.ts";
import { sha256Hex } from "./log/line.ts";
import { type Asked, Outside } from "./outside.ts";
import { type ActivePolicy, stampOf } from "./policy.ts";
import { orderOf, secretAgain, withSecret } from "./providers/delivery.ts";
import { type RefusedCall, readCall } from "./request.ts";
import { stepOf } from "./steps.ts";
import type { Decided, DecisionCounts, Turn } from "./turn.ts";
import { newActionId } from "./ulid.ts";
import { contextOf, receiptOf, Unjudged } from "./unjudged.ts";

/** Why a call waits, as an approval keeps it. */
const contextLimitBytes = 1024;
/** Approvals named in an APPROVAL_QUEUE_FULL. */
const waitingNamedMax = 10;

/** Denied in audit mode too: either there is nothing to judge, or the machinery itself is what failed. */
const deniedInEveryMode: ReadonlySet<Code> = new Set([
  "BAD_REQUEST",
  "BAD_TOOL_NAME",
  "UNKNOWN_AGENT",
  "DAEMON_NOT_READY",
  "AUDIT_UNAVAILABLE",
  "MACHINE_FAULT",
  "STEP_LIMIT",
  "STATE_UNAVAILABLE",
  "KILL_SWITCH",
  "AGENT_QUIESCED",
]);

/** What the record keeps of the call's own values. */
interface StoredCall extends StoredArgs {
  readonly inputs: JsonObject | null;
}

export class Decider {
  readonly #governor: Governor;
  readonly #judge: Judge;
  readonly #outside: Outside;
  readonly #unjudged: Unjudged;
  readonly #deadlines: Deadlines;

  constructor(governor: Governor) {
    this.#governor = governor;
    this.#judge = new Judge(governor);
    this.#outside = new Outside(governor, this.#judge);
    this.#deadlines = new Deadlines(governor.answerDeadlineMs);
    this.#unjudged = new Unjudged(governor);
  }

  get counts(): Readonly<DecisionCounts> {
    return this.#unjudged.counts;
  }

  /** Answers by code, since the start. */
  get codeCounts(): ReadonlyMap<Code, number> {
    return this.#unjudged.codeCounts;
  }

  /** Writes the counting records of floods. Call now and then, and before the log is closed. */
  recordFloods(): void {
    this.#unjudged.recordFloods();
  }

  /** Judges a `govern` message; a promise where its record is still to become durable. Never throws or rejects. */
  govern(message: JsonObject, gate: FloodGate, caller = claimed): GovernAnswer | Promise<GovernAnswer> {
    const identity = this.#outside.identify(message, caller);
    if (!(identity instanceof Promise)) return this.#asked(message, gate, identity);
    return identity.then((known) => this.#asked(message, gate, known));
  }

  #asked(message: JsonObject, gate: FloodGate, identity: Identity): GovernAnswer | Promise<GovernAnswer> {
    const asked = this.#outside.ask(message, identity);
    if (!(asked instanceof Promise)) return this.#whenDurable(this.decide(message, gate, identity, asked));
    return asked.then((found) => this.#whenDurable(this.decide(message, gate, identity, found)));
  }

  /** Answers a line that is no request. Never throws or rejects. */
  refuse(refused: RefusedCall, gate: FloodGate, identity = claimed): GovernAnswer | Promise<GovernAnswer> {
    return this.#whenDurable(this.#unjudged.refuse(refused, this.#now(), gate, identity));
  }

  /** The synchronous turn. `asked`: what the call waited for. */
  decide(message: JsonObject, gate: FloodGate, identity = claimed, asked?: Asked): Decided {
    const reading = this.#now();
    const read = readCall(message, this.#governor.dev);
    if (!read.ok) return this.#unjudged.refuse(read.refused, reading, gate, identity);
    const { ledger, calls } = this.#governor;
    const { call, missing, unpriced } = this.#outside.complete(read.call, identity, asked);
    const turn: Turn = {
      call,
      missing,
      unpriced,
      reading,
      gate,
      identity,
      digest: requestDigest(ledger.log.digestKey, call.canonical),
      argsSha256: sha256Hex(call.canonicalArgs),
      actionId: newActionId(reading.wallUs / 1000),
    };
    if (!ledger.isUsable)
      return this.#unjudged.unrecorded(turn, "AUDIT_UNAVAILABLE", "the decision cannot be recorded");
    const { active } = this.#governor.policies;
    if (active === null || this.#governor.state() !== "READY") return this.#unjudged.notReady(turn);
    // In every mode: whose call it is was settled before the policy could say anything.
    if (identity.agentId !== null && identity.agentId !== call.request.agent_id) {
      const reason = identity.unverified ?? "the token that came with this call is another agent's";
      return this.#unjudged.record(turn, plain("deny", "IDENTITY_UNVERIFIED", reason));
    }
    const held = this.#judge.held(turn, active);
    // Before what a call sent again would get: nobody who was stopped is given a permit once more.
    if (held !== null) return this.#conclude(turn, active, held, false);
    if (call.callId !== null) {
      const known = calls.find(call.request.agent_id, call.callId, reading.wallUs);
      if (known !== null && known.digest !== turn.digest) {
        const reason = "this call_id was used for another call within the last minute";
        return this.#conclude(turn, active, plain("deny", "CALL_ID_REUSED", reason), false);
      }
      if (known !== null && !this.#isResolvedDefer(known.answer, reading.wallUs)) {
        const answer = { ...known.answer, args_sha256: turn.argsSha256 };
        const secret = answer.effect === "PERMIT" ? secretAgain(this.#governor, active, turn, answer.action_id) : null;
        return secret === null ? { answer, seq: known.seq } : { answer, seq: known.seq, secret };
      }
    }
    return this.#judged(turn, active);
  }

  #judged(turn: Turn, active: ActivePolicy): Decided {
    let judged: Judgement;
    try {
      judged = this.#judge.judge(turn, active);
    } catch (error) {
      return this.#broken(turn, error);
    }
    const decided = this.#conclude(turn, active, judged, true);
    // It may have stopped between two of its counters: only the log still says what they are.
    if (judged.code === "MACHINE_FAULT" && judged.verdict !== null) this.#governor.fault("the machine stopped");
    return decided;
  }

  #now(): Reading {
    return this.#governor.ledger.clock.now();
  }

  /** A defer is no end: once a person has spoken, the call sent again is judged again. */
  #isResolvedDefer(answer: GovernAnswer, nowUs: number): boolean {
    if (answer.effect !== "DEFER" || answer.approval_id === undefined) return false;
    const approval = this.#governor.approvals.get(answer.approval_id);
    return approval === null || approval.status !== "pending" || approval.expiresUs <= nowUs;
  }

  #whenDurable({ answer, seq, secret }: Decided): GovernAnswer | Promise<GovernAnswer> {
    if (secret !== undefined && seq !== null)
      return this.#waited(answer, seq).then((recorded) => withSecret(this.#governor, recorded, secret));
    return seq === null || this.#governor.ledger.isDurable(seq) ? answer : this.#waited(answer, seq);
  }

  async #waited(answer: GovernAnswer, seq: number): Promise<GovernAnswer> {
    try {
      const isInTime = await this.#deadlines.keeps(this.#governor.ledger.durable(seq));
      return isInTime ? answer : turnedDown(answer, "AUDIT_SLOW", "the decision was not on disk in time");
    } catch {
      return turnedDown(answer, "AUDIT_UNAVAILABLE", "the decision cannot be recorded");
    }
  }

  /** Records what was judged and makes the answer. `remember`: the same call sent again gets this answer. */
  #conclude(turn: Turn, active: ActivePolicy, judged: Judgement, remember: boolean): Decided {
    const isAudit = active.mode === "audit" && !deniedInEveryMode.has(judged.code);
    if (!isAudit && judged.effect !== "permit" && !turn.gate.admit(turn.reading.wallUs))
      return this.#unjudged.flood(turn);
    const { request } = turn.call;
    try {
      const tool = active.policy.tool(request.agent_id, request.tool_id);
      const stored = {
        ...storedArgs(turn.call.args, turn.call.canonicalArgs.length, tool, this.#governor.ledger.log.salts),
        inputs: tool === null ? null : inputsOf(request, tool.reads),
      };
      const opened = isAudit
        ? this.#judge.inAudit(judged, turn, active)
        : this.#openApproval(turn, active, judged, stored.args);
      for (const id of opened.used) this.#consume(turn, id);
      if (opened.grant !== undefined) this.#useGrant(turn, opened.grant);
      return this.#record(turn, active, opened, stored, isAudit, remember);
    } catch (error) {
      return this.#broken(turn, error);
    }
  }

  /** The call is denied. What the log refuses is its own affair; anything else is a fault of ours, and nobody knows what it left. */
  #broken(turn: Turn, error: unknown): Decided {
    this.#governor.journal.error({ err: error, action_id: turn.actionId }, "a decision could not be recorded");
    if (!(error instanceof LogFailure)) this.#governor.fault("a call could not be judged or recorded");
    return this.#unjudged.unrecorded(turn, "AUDIT_UNAVAILABLE", "the decision cannot be recorded");
  }

  #record(
    turn: Turn,
    active: ActivePolicy,
    judged: Judgement,
    stored: StoredCall,
    isAudit: boolean,
    remember: boolean,
  ): Decided {
    const { ledger, calls, approvals, dev } = this.#governor;
    const effect: Effect = isAudit ? "permit" : judged.effect;
    const would = isAudit ? judged.effect : null;
    const latencyUs = Math.max(0, ledger.clock.now().monoUs - turn.reading.monoUs);
    const rule = judged.verdict?.rule ?? null;
    const body = decisionBody(
      turn.call,
      judged,
      {
        actionId: turn.actionId,
        identity: turn.identity.recorded,
        door: turn.identity.door,
        digest: turn.digest,
        effect,
        would,
        stored,
        inputs: stored.inputs,
        missing: turn.missing,
        ruleDigest: rule === null ? null : (active.ruleDigests[rule] ?? null),
        step: stepOf(judged, active.ruleSteps),
        latencyUs,
        mode: active.mode,
        dev,
      },
      ledger.log.salts,
    );
    const recorded = ledger.append("decision", stampOf(this.#governor.policies.active), body, turn.reading);
    const { seq } = recorded;
    if (judged.code === "APPROVAL_DENIED" && judged.approvalId !== null) approvals.takeToldDenial(judged.approvalId);
    this.#unjudged.count(effect, judged.code);
    follow(this.#governor, turn, active, { judged, effect, args: stored.args, recorded, latencyUs });
    const answer = answerOf(
      judged,
      contextOf(turn, active, effect, would, latencyUs, receiptOf(this.#governor, recorded)),
    );
    const { callId, request } = turn.call;
    if (remember && callId !== null) {
      calls.remember(request.agent_id, callId, { digest: turn.digest, timeUs: turn.reading.wallUs, seq, answer });
    }
    const { credentialRef: ref } = judged;
    const credential = ref === undefined ? null : active.declarations.credential(request.agent_id, request.tool_id);
    if (ref === undefined || credential === null || effect !== "permit") return { answer, seq };
    return { answer, seq, secret: { order: orderOf(turn, credential, ref, turn.actionId), isFirst: true, isAudit } };
  }

  /** Gives a fresh defer its approval, or denies it when too many wait. */
  #openApproval(turn: Turn, active: ActivePolicy, judged: Judgement, args: Json): Judgement {
    if (judged.effect !== "defer" || judged.approvalId !== null || judged.verdict === null) return judged;
    const { approvals, ledger } = this.#governor;
    const { request } = turn.call;
    if (!approvals.hasRoom(request.agent_id)) {
      const waiting = approvals.pendingOf(request.agent_id, waitingNamedMax);
      const reason = "too many calls of this agent wait for approval";
      return { ...judged, effect: "deny", code: "APPROVAL_QUEUE_FULL", reason, waiting };
    }
    const { verdict } = judged;
    const id = newApprovalId();
    const body = openedBody({
      id,
      agentId: request.agent_id,
      sessionId: request.session_id ?? "default",
      tool: request.tool_id,
      args,
      actionId: turn.actionId,
      digest: turn.digest,
      cause: durableCause(active, verdict.cause),
      ruleDigest: verdict.rule === null ? null : (active.ruleDigests[verdict.rule] ?? null),
      ruleRef: verdict.rule_ref,
      context: cutText(verdict.reason, contextLimitBytes),
      hasHttp: turn.call.http !== null,
      expiresUs: turn.reading.wallUs + active.approvalTtlUs,
    });
    ledger.append("approval", stampOf(this.#governor.policies.active), body, turn.reading);
    approvals.take(body, turn.reading.wallUs);
    approvals.keepHttp(id, turn.call.http);
    return { ...judged, approvalId: id };
  }

  #consume(turn: Turn, id: string): void {
    const { approvals, ledger } = this.#governor;
    const body = consumedBody(id, turn.actionId, turn.digest);
    ledger.append("approval", stampOf(this.#governor.policies.active), body, turn.reading);
    approvals.take(body, turn.reading.wallUs);
  }

  #useGrant(turn: Turn, grant: Grant): void {
    const { grants, ledger } = this.#governor;
    const body = usedBody(grant, turn.actionId, turn.call.request.tool_id);
    ledger.append("grant", stampOf(this.#governor.policies.active), body, turn.reading);
    grants.take(body, turn.reading);
  }
}
