// The daemon's state from its log, from a snapshot and record by record in their order: which policy is in force, what its
// counters hold, which approvals wait, which calls may still be sent again. It must never judge a call anew, nor pass over
// a policy it cannot load.
import { newAction } from "./actions.ts";
import { type Activation, activationOf } from "./activation.ts";
import { answerOf, turnedDown } from "./answer.ts";
import { retryWindowUs } from "./calls.ts";
import { parseTime } from "./clock.ts";
import type { Code } from "./codes.ts";
import { chargeCost } from "./costs.ts";
import { chargeRecord, usedOf, verdictOf } from "./decision-record.ts";
import type { GovernAnswer } from "./doors/agent-protocol.ts";
import type { Effect, Policy } from "./evaluator/types.ts";
import { type AppliedImage, loadImage } from "./images.ts";
import type { JsonObject } from "./json.ts";
import { noTree } from "./log/merkle.ts";
import type { Rebuilt } from "./log/resume.ts";
import { addHistory } from "./look-back.ts";
import { machineKind } from "./machines.ts";
import { type ActivePolicy, activePolicy } from "./policy.ts";
import { againReason, isTurnedDown } from "./providers/turned-down.ts";
import { repeatSession } from "./session-keeper.ts";
import { restoreState, type StateParts } from "./state.ts";

export interface Recovered extends StateParts {
  readonly policiesDir: string;
  /** The boot that the daemon runs in: monotonic times of others say nothing. */
  readonly bootId: string;
  /** `machineHash`: of the machine that the log names; a daemon decides with its own whatever it is. */
  readonly loadSync: (image: Uint8Array, machineHash: string | null) => Policy;
  /** Microseconds since 1970 at the start: older calls are not remembered. */
  readonly nowUs: number;
}

/** The log holds together and yet says something that cannot be carried out. */
export class RecoveryFailure extends Error {
  readonly code = "STATE_UNRECOVERABLE";
}

/** Codes of denials that stand outside the retry window: they are not the call's own outcome. */
const neverRemembered: ReadonlySet<string> = new Set<Code>([
  "CALL_ID_REUSED",
  "DAEMON_NOT_READY",
  "BAD_REQUEST",
  "KILL_SWITCH",
  "AGENT_QUIESCED",
]);

export class Recovery implements Rebuilt {
  readonly #into: Recovered;
  readonly #images = new Map<string, AppliedImage>();
  #active: ActivePolicy | null = null;

  constructor(into: Recovered) {
    this.#into = into;
  }

  get active(): ActivePolicy | null {
    return this.#active;
  }

  /**
   * Begins with what `stateOf` has kept, or with nothing. Answers the first record that is wanted again: calls of the last minute are not
   * kept, since their records hold all of them. Throws where the state cannot be taken up.
   */
  begin(state: JsonObject | null): number | null {
    const { history, bootId } = this.#into;
    restoreState(this.#into, state, bootId);
    const activation = history.all.at(-1);
    this.#active = null;
    if (state === null || activation === undefined) return null;
    const stored = this.#image(activation.imageHash);
    const policy = this.#load(stored, { ...activation, machineHash: history.machineHash }, "the snapshot");
    policy.restore(Buffer.from(String(state.machine), "base64"));
    this.#active = activePolicy(policy, activation, stored.sources);
    const { calls_from, calls_until_us } = state;
    const isPast = typeof calls_until_us !== "number" || this.#into.nowUs - calls_until_us > retryWindowUs;
    return isPast || typeof calls_from !== "number" ? null : calls_from;
  }

  /** Takes the next record. Throws ImageFailure, LoadFailure or RecoveryFailure: then the daemon may not serve. */
  take(value: () => JsonObject, head: JsonObject, isCovered: boolean): void {
    const timeUs = typeof head.time === "string" ? parseTime(head.time) : undefined;
    if (!isCovered) this.record(value());
    else if (head.type === "decision" && timeUs !== undefined && this.#into.nowUs - timeUs <= retryWindowUs)
      this.#remember(value(), timeUs);
    else if (head.type === "outcome" && timeUs !== undefined && this.#into.nowUs - timeUs <= retryWindowUs)
      this.#turnDown(value());
  }

  record(record: JsonObject): void {
    const timeUs = typeof record.time === "string" ? parseTime(record.time) : undefined;
    if (timeUs === undefined) throw new RecoveryFailure(`record ${String(record.seq)} has no time`);
    const { grants, holds } = this.#into;
    if (record.type === "decision" || record.type === "outcome" || record.type === "cost")
      this.#onAction(record, timeUs);
    if (record.type === "outcome") this.#turnDown(record);
    if (record.type === "decision") this.#decision(record, timeUs);
    else if (record.type === "agent") holds.take(record, timeUs);
    else if (record.type === "grant") {
      const isThisBoot = record.boot_id === this.#into.bootId && typeof record.mono_us === "number";
      grants.take(record, { wallUs: timeUs, monoUs: isThisBoot ? Number(record.mono_us) : null });
    } else if (record.type === "approval") this.#into.approvals.take(record, timeUs);
    else if (record.type === "policy") this.#policy(record, timeUs);
    else if (record.type === "mark" && record.kind === machineKind) this.#machine(record);
    else if (record.type === "mark" && this.#active !== null) addHistory(this.#active.policy, record, timeUs);
    else if (record.type === "phase") {
      this.#into.phaseEnds.take(record);
      if (this.#active !== null) repeatSession(this.#active.policy, record, timeUs);
    }
  }

  /** A permit that was taken back before it was answered stays a denial when its call is sent again. */
  #turnDown(record: JsonObject): void {
    if (!isTurnedDown(record)) return;
    const answered = (answer: GovernAnswer): GovernAnswer =>
      turnedDown(answer, "CREDENTIAL_UNAVAILABLE", againReason(null));
    this.#into.calls.replace(String(record.action_id), answered);
  }

  #policy(record: JsonObject, timeUs: number): void {
    const activation = activationOf(record, timeUs);
    if (activation === null) throw new RecoveryFailure(`record ${String(record.seq)} names no policy`);
    const stored = this.#image(activation.imageHash);
    const policy = this.#load(stored, activation, `record ${String(record.seq)}`);
    if (this.#active !== null) policy.restore(this.#active.policy.snapshot());
    policy.activatePhases(timeUs / 1000);
    this.#into.history.add(activation);
    this.#active = activePolicy(policy, activation, stored.sources);
  }

  /** What may be reported on, what budgets hold of it, and what its session has done. */
  #onAction(record: JsonObject, timeUs: number): void {
    const { actions, progress } = this.#into;
    const id = String(record.action_id);
    if (record.type === "outcome" && typeof record.report_digest === "string") {
      const action = actions.find(id, null);
      if (action !== null && action.reportDigest === null) progress.takeOutcome(id, action);
    }
    if (record.type === "cost" && this.#active !== null) chargeCost(this.#active.policy, record);
    if (record.type === "decision") this.#progress(record, id, timeUs);
    actions.take(record, timeUs);
  }

  #progress(record: JsonObject, id: string, timeUs: number): void {
    const { agent_id, session_id, tool, action_type, request_digest, code, effect } = record;
    // Refused before any policy was asked.
    if (request_digest === "" || code === "DAEMON_NOT_READY" || action_type === "completion_event") return;
    const gates = this.#active?.declarations.gates.get(String(agent_id));
    if (gates === undefined) return;
    const action = newAction(String(agent_id), String(session_id), String(tool), timeUs);
    this.#into.progress.note(gates, action, id, effect as Effect);
  }

  /** Another machine goes on with the same policy and counters. */
  #machine({ detail, seq }: JsonObject): void {
    const { history } = this.#into;
    const sha256 = typeof detail === "object" && detail !== null ? Reflect.get(detail, "sha256") : null;
    history.machineHash = typeof sha256 === "string" ? sha256 : null;
    const active = this.#active;
    if (active === null) return;
    const activation = { ...active.activation, machineHash: history.machineHash };
    const policy = this.#load(this.#image(activation.imageHash), activation, `record ${String(seq)}`);
    policy.restore(active.policy.snapshot());
    this.#active = { ...active, policy };
  }

  #image(imageHash: string): AppliedImage {
    const known = this.#images.get(imageHash);
    if (known !== undefined) return known;
    const stored = loadImage(this.#into.policiesDir, imageHash);
    this.#images.set(imageHash, stored);
    return stored;
  }

  #load({ image }: AppliedImage, { number, policyHash, machineHash }: Activation, namedBy: string): Policy {
    const policy = this.#into.loadSync(image, machineHash);
    if (policy.info.policy_hash === policyHash) return policy;
    throw new RecoveryFailure(`the image of v${number} is not the policy that ${namedBy} names`);
  }

  #decision(record: JsonObject, timeUs: number): void {
    const { approvals } = this.#into;
    const { agent_id, tool, code } = record;
    if (typeof agent_id !== "string" || typeof tool !== "string") return;
    if (code === "APPROVAL_DENIED" && typeof record.approval_id === "string")
      approvals.takeToldDenial(record.approval_id);
    if (code === "POLICY_PERMIT") {
      if (this.#active === null) throw new RecoveryFailure(`record ${String(record.seq)} permits without a policy`);
    }
    if (this.#active !== null) chargeRecord(this.#active.policy, record, timeUs);
    this.#remember(record, timeUs);
  }

  #remember(record: JsonObject, timeUs: number): void {
    const { calls, nowUs } = this.#into;
    const { agent_id, tool, call_id, request_digest, code } = record;
    if (typeof agent_id !== "string" || typeof tool !== "string") return;
    if (typeof call_id !== "string" || typeof request_digest !== "string" || request_digest === "") return;
    if (nowUs - timeUs > retryWindowUs || neverRemembered.has(String(code))) return;
    const seq = Number(record.seq);
    calls.remember(agent_id, call_id, { digest: request_digest, timeUs, seq, answer: recordedAnswer(record) });
  }
}

/** The answer as it was given, but for what only the call itself can tell (args_sha256). */
function recordedAnswer(record: JsonObject): ReturnType<typeof answerOf> {
  const text = (name: string): string | null => (typeof record[name] === "string" ? (record[name] as string) : null);
  const verdict = verdictOf(record);
  const judgement = {
    effect: verdict.effect,
    code: verdict.code,
    reason: verdict.reason,
    verdict,
    approvalId: text("approval_id"),
    used: usedOf(record.steps ?? null),
  };
  return answerOf(judgement, {
    callId: text("call_id"),
    actionId: text("action_id") ?? "",
    effect: record.effect as Effect,
    would: text("would") as Effect | null,
    version: text("policy_version"),
    policyHash: text("policy_hash"),
    argsSha256: null,
    latencyUs: typeof record.latency_us === "number" ? record.latency_us : 0,
    receipt: { seq: Number(record.seq), leaf: text("hash") ?? "", ...noTree },
  });
}
