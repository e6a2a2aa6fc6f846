// What an operator may ask, carried out: status, apply, rollback, approvals, stop. Every change is a record before it is
// an answer, and names who asked. It knows nothing of sockets, and must never be reached without the token.
import type { Logger } from "pino";
import { type Approval, expiredBody, type Resolution, resolvedBody, viewOf } from "./approvals.ts";
import type { Decider } from "./decide.ts";
import { storedArgs } from "./decision-record.ts";
import { listAgents, orderAgent, showAgent } from "./desk-agents.ts";
import { listCredentials, probeCredential } from "./desk-credentials.ts";
import { addGrant, listGrants, recordExpiredGrants, revokeGrant } from "./desk-grants.ts";
import { pruneLog } from "./desk-prune.ts";
import { eraseSalts } from "./desk-salts.ts";
import { supervise } from "./desk-supervised.ts";
import { createToken, listTokens, revokeToken } from "./desk-tokens.ts";
import { actorOf, optionalText, Refusal, reasonOf, resolutionOf } from "./desk-words.ts";
import { type OperatorErrorCode, type OperatorRefusal, operatorTypes, type SourceText } from "./doors/protocol.ts";
import type { ApplyAnswer, ApprovalStatus } from "./doors/views.ts";
import type { Policy } from "./evaluator/types.ts";
import type { Governor } from "./governor.ts";
import { everyAgent, type HoldChange, holdChanges } from "./holds.ts";
import { ImageFailure } from "./images.ts";
import { canonicalJson, type Json, type JsonObject } from "./json.ts";
import type { PolicyStamp } from "./ledger.ts";
import { cutText } from "./log/decision.ts";
import { LogFailure } from "./log/failure.ts";
import { canonicalCall, requestDigest } from "./log/identity.ts";
import type { VerifierKey } from "./log/note.ts";
import { TokenFailure, type TokenPlace } from "./pkcs11.ts";
import { PolicyRefusal, stampOf, versionView } from "./policy.ts";
import { takeCost, takeReport } from "./reports.ts";
import { keepSession } from "./session-keeper.ts";
import { tokenPlaceOf } from "./signer-keys.ts";
import { type StatusSources, statusOf } from "./status.ts";
import type { Supervisor } from "./supervisor.ts";

const summaryLimitBytes = 1024;
const sourcesMax = 1024;

/** What the desk may do to the daemon around it. */
export interface House extends StatusSources {
  readonly governor: Governor;
  readonly decider: Decider;
  readonly journal: Logger;
  /** Opens the rule of a standing grant. Throws LoadFailure. */
  readonly loadRule: (image: Uint8Array) => Policy;
  readonly supervisor: Supervisor;
  /** A policy came into force: timers, state. */
  onActivated(): void;
  /** Puts a new signing key in force, on a token where one is named; null where nothing is signed. */
  rotateKey(token: TokenPlace | null): Promise<VerifierKey | null>;
  /** Begins to drain; returns at once. */
  beginStop(): void;
}

type Handler = (message: JsonObject) => object | Promise<object>;

export class Desk {
  readonly #house: House;
  readonly #handlers: ReadonlyMap<string, Handler>;

  constructor(house: House) {
    this.#house = house;
    this.#handlers = new Map<string, Handler>([
      ["ping", () => ({ ok: true, state: house.state(), pid: process.pid })],
      ["status", () => statusOf(house)],
      ["apply", (message) => this.#apply(message)],
      ["rollback", (message) => this.#rollback(message)],
      ["history", () => this.#history()],
      ["stop", () => this.#stop()],
      ["checkpoint", () => this.#checkpoint()],
      ["rotate_key", (message) => this.#rotateKey(message)],
      ["erase_salts", (message) => eraseSalts(house.governor, message)],
      ["prune", (message) => this.#prune(message)],
      ["approvals_list", (message) => this.#list(message)],
      ["approvals_show", (message) => ({ ok: true, approval: this.#view(this.#approval(message)) })],
      ["approve_defer", (message) => this.#resolve(message, resolutionOf(message))],
      ["deny", (message) => this.#resolve(message, "denied")],
      ["phase", (message) => this.#session(message)],
      ["session", (message) => this.#session(message)],
      ["report", (message) => this.#report(message, takeReport)],
      ["cost", (message) => this.#report(message, takeCost)],
      ["credentials_list", (message) => listCredentials(house.governor, message)],
      ["credential_probe", (message) => this.#serving(() => probeCredential(house.governor, message))],
      ["agents_list", () => listAgents(house.governor)],
      ["agents_show", (message) => showAgent(house.governor, message)],
      ["supervisor", (message) => this.#serving(() => supervise(house.governor, house.supervisor, message))],
      ...holdChanges.map((change): [string, Handler] => [change, (message) => this.#order(change, message)]),
      ["grants_add", (message) => this.#addGrant(message)],
      ["grants_list", (message) => listGrants(house.governor, message)],
      ["grants_revoke", (message) => this.#revokeGrant(message)],
      ["tokens_create", (message) => this.#serving(() => createToken(house.governor, message))],
      ["tokens_list", () => listTokens(house.governor)],
      ["tokens_revoke", (message) => this.#serving(() => revokeToken(house.governor, message))],
    ]);
  }

  /** Carries out one request whose token was right. Never rejects. */
  async handle(type: string, message: JsonObject): Promise<object> {
    const handler = this.#handlers.get(type);
    if (handler === undefined) {
      const known = Object.hasOwn(operatorTypes, type);
      return refusalOf("UNKNOWN_TYPE", known ? `\`${type}\` is not supported yet` : `there is no request \`${type}\``);
    }
    try {
      return await handler(message);
    } catch (error) {
      return this.#refusal(type, error);
    }
  }

  #refusal(type: string, error: unknown): OperatorRefusal {
    if (error instanceof Refusal || error instanceof PolicyRefusal) return refusalOf(error.code, error.message);
    if (error instanceof TokenFailure) return refusalOf("UNSUPPORTED", error.message);
    if (error instanceof ImageFailure) return refusalOf("NOT_FOUND", error.message);
    if (error instanceof LogFailure) return refusalOf("AUDIT_UNAVAILABLE", error.message);
    this.#house.journal.error({ err: error, type }, "an operator's request failed");
    return refusalOf("INTERNAL", error instanceof Error ? error.message : String(error));
  }

  async #apply(message: JsonObject): Promise<ApplyAnswer> {
    const { policies, ledger } = this.#house.governor;
    const image = Buffer.from(this.#text(message, "image", Number.MAX_SAFE_INTEGER), "base64");
    if (image.length === 0) throw new Refusal("BAD_REQUEST", "`image` is empty");
    const first = policies.active === null;
    const summary = cutText(optionalText(message.summary) ?? "", summaryLimitBytes);
    this.#checkServing();
    const result = await policies.apply(image, sourcesOf(message.sources), actorOf(message), summary);
    if (result.seq !== null) await ledger.durable(result.seq);
    if (result.changed) this.#house.onActivated();
    const { activation, version } = result.active;
    return {
      ok: true,
      version,
      policy_hash: activation.policyHash,
      image_hash: activation.imageHash,
      changed: result.changed,
      swapped: result.changed && !first,
      first,
      phases_started: result.phasesStarted,
    };
  }

  async #rollback(message: JsonObject): Promise<object> {
    const { policies, ledger } = this.#house.governor;
    const wanted = optionalText(message.to);
    const number = wanted === null ? null : /^v?([1-9][0-9]{0,14})$/.exec(wanted);
    if (wanted !== null && number === null) throw new Refusal("BAD_REQUEST", `\`${wanted}\` is no version: v17`);
    this.#checkServing();
    const to = number === null ? null : Number(number[1]);
    const note = cutText(optionalText(message.note) ?? "", summaryLimitBytes);
    const result = await policies.rollback(to, actorOf(message), note);
    if (result.seq !== null) await ledger.durable(result.seq);
    if (result.changed) this.#house.onActivated();
    const { activation, version } = result.active;
    const { policyHash: policy_hash, imageHash: image_hash } = activation;
    return { ok: true, version, from_version: result.from, policy_hash, image_hash, changed: result.changed };
  }

  #history(): object {
    const { history, active } = this.#house.governor.policies;
    return { ok: true, versions: history.all.map((activation) => versionView(activation, active)) };
  }

  async #checkpoint(): Promise<object> {
    const { log } = this.#house.governor.ledger;
    await log.checkpoint("asked");
    if (log.treeHead === null || log.stats().checkpointFailures > 0) {
      throw new Refusal("AUDIT_UNAVAILABLE", "the checkpoint could not be written; it is tried again each second");
    }
    return { ok: true, size: log.treeHead.size, root: log.treeHead.root };
  }

  async #rotateKey({ token: _, ...message }: JsonObject): Promise<object> {
    this.#checkServing();
    const { pkcs11 = null } = message;
    const isObject = typeof pkcs11 === "object" && pkcs11 !== null && !Array.isArray(pkcs11);
    const token = isObject ? tokenPlaceOf(pkcs11 as JsonObject) : null;
    if (pkcs11 !== null && token === null) {
      throw new Refusal(
        "BAD_REQUEST",
        "a token is named by `module` (a path), `token` (its label), and `pinEnv` or `pinFile`",
      );
    }
    const key = await this.#house.rotateKey(token);
    if (key === null) throw new Refusal("UNSUPPORTED", "this log is not signed");
    return { ok: true, key: key.text };
  }

  #prune(message: JsonObject): Promise<object> {
    this.#checkServing();
    return pruneLog(this.#house.governor, message);
  }

  #stop(): object {
    // After the answer is on its way.
    setImmediate(() => this.#house.beginStop());
    return { ok: true, pid: process.pid };
  }

  #list(message: JsonObject): object {
    const status = optionalText(message.status) as ApprovalStatus | null;
    const agent = optionalText(message.agent_id);
    const views = this.#house.governor.approvals.list().map((approval) => this.#view(approval));
    const wanted = views.filter((view) => {
      return (status === null || view.status === status) && (agent === null || view.agent_id === agent);
    });
    return { ok: true, approvals: wanted };
  }

  /** The first resolution in log order wins: look, append and take are one synchronous turn. */
  async #resolve(message: JsonObject, change: "approved" | "denied"): Promise<object> {
    const { approvals, ledger } = this.#house.governor;
    this.#checkServing();
    const approval = this.#approval(message);
    const reading = ledger.clock.now();
    if (approval.status !== "pending" || approval.expiresUs <= reading.wallUs) {
      const { status } = viewOf(approval, reading.wallUs);
      throw new Refusal("ALREADY_RESOLVED", `${approval.id} is ${status}${byWhom(approval)}`);
    }
    const args = message.args ?? null;
    const resolution: Resolution = {
      id: approval.id,
      change,
      actor: actorOf(message),
      reason: reasonOf(message),
      ...(change === "approved" && args !== null ? { narrowed: this.#narrowed(approval, args) } : {}),
    };
    const body = resolvedBody(resolution);
    const { seq } = ledger.append("approval", this.#stamp(), body, reading);
    approvals.take(body, reading.wallUs);
    await ledger.durable(seq);
    return { ok: true, approval: this.#view(approval) };
  }

  /** The narrowed form is another call: it gets its own digest, and is stored as redacted as any call's arguments. */
  #narrowed(approval: Approval, args: Json): NonNullable<Resolution["narrowed"]> {
    if (typeof args !== "object" || args === null || Array.isArray(args)) {
      throw new Refusal("BAD_REQUEST", "`args` must be an object");
    }
    if (approval.hasHttp && approval.http === null) {
      throw new Refusal("UNSUPPORTED", "this call's http part is not known any more: approve or deny it as it is");
    }
    const { ledger, policies } = this.#house.governor;
    const whole = args as JsonObject;
    const canonicalArgs = canonicalJson(whole);
    const canonical = canonicalCall(approval.agentId, approval.tool, canonicalArgs, approval.http);
    const tool = policies.active?.policy.tool(approval.agentId, approval.tool) ?? null;
    return {
      digest: requestDigest(ledger.log.digestKey, canonical),
      args: storedArgs(whole, canonicalArgs.length, tool, ledger.log.salts).args,
    };
  }

  /** Writes down what time has ended: approvals and standing grants. */
  recordExpired(): void {
    const { approvals, ledger } = this.#house.governor;
    if (!ledger.isUsable) return;
    const reading = ledger.clock.now();
    for (const { id } of approvals.due(reading.wallUs)) {
      const body = expiredBody(id);
      ledger.append("approval", this.#stamp(), body, reading);
      approvals.take(body, reading.wallUs);
    }
    recordExpiredGrants(this.#house.governor);
  }

  async #order(change: HoldChange, message: JsonObject): Promise<object> {
    this.#checkServing();
    const answer = await orderAgent(this.#house.governor, change, message);
    // Its calls are denied already: nobody waits for its processes.
    if (change === "kill")
      void this.#house.supervisor.stop(message.agent_id === everyAgent ? null : String(message.agent_id));
    return answer;
  }

  #addGrant(message: JsonObject): Promise<object> {
    this.#checkServing();
    return addGrant(this.#house.governor, this.#house.loadRule, message);
  }

  #revokeGrant(message: JsonObject): Promise<object> {
    this.#checkServing();
    return revokeGrant(this.#house.governor, message);
  }

  /** An operator's word on what became of a call, or on what it cost: it settles either way. */
  async #report(message: JsonObject, take: typeof takeReport): Promise<object> {
    const { governor } = this.#house;
    this.#checkServing();
    if (governor.policies.active === null) throw new Refusal("NOT_READY", "no policy is active");
    const reporter = { kind: "operator", actor: actorOf(message) } as const;
    const reported = take(governor, governor.policies.active, message, reporter);
    if (!reported.ok) throw new Refusal(reported.code, reported.message);
    if (reported.seq !== null) await governor.ledger.durable(reported.seq);
    return { ok: true, ...reported.answer };
  }

  async #session(message: JsonObject): Promise<object> {
    const { policies, ledger } = this.#house.governor;
    this.#checkServing();
    if (policies.active === null) throw new Refusal("NOT_READY", "no policy is active");
    const actor = actorOf(message);
    const kept = keepSession(policies.active, ledger, message, { kind: "operator", actor });
    if (!kept.ok) throw new Refusal("BAD_REQUEST", kept.message);
    if (kept.seq !== null) await ledger.durable(kept.seq);
    return { ok: true, ...kept.answer };
  }

  #serving<T>(order: () => T): T {
    this.#checkServing();
    return order();
  }

  #checkServing(): void {
    const state = this.#house.state();
    if (state === "READY" || state === "INITIALIZING") return;
    throw new Refusal("NOT_READY", `the daemon is ${state}`);
  }

  #stamp(): PolicyStamp {
    return stampOf(this.#house.governor.policies.active);
  }

  #view(approval: Approval): ReturnType<typeof viewOf> {
    return viewOf(approval, this.#house.governor.ledger.clock.now().wallUs);
  }

  #approval(message: JsonObject): Approval {
    // `defer_token` is the word of existing clients.
    const id = optionalText(message.id) ?? optionalText(message.defer_token) ?? optionalText(message.approval_id);
    if (id === null) throw new Refusal("BAD_REQUEST", "`id` is missing");
    const approval = this.#house.governor.approvals.get(id);
    if (approval === null) throw new Refusal("NOT_FOUND", "there is no such approval");
    return approval;
  }

  #text(message: JsonObject, name: string, limitLength: number): string {
    const value = message[name];
    if (typeof value !== "string" || value.length > limitLength)
      throw new Refusal("BAD_REQUEST", `\`${name}\` must be a string`);
    return value;
  }
}

function byWhom(approval: Approval): string {
  return approval.resolvedBy === null ? "" : ` (by ${approval.resolvedBy})`;
}

function sourcesOf(value: Json | undefined): readonly SourceText[] {
  if (!Array.isArray(value) || value.length > sourcesMax) throw new Refusal("BAD_REQUEST", "`sources` must be a list");
  return (value as readonly Json[]).map((source) => {
    const { file, text } = (typeof source === "object" && source !== null ? source : {}) as JsonObject;
    if (typeof file !== "string" || typeof text !== "string") {
      throw new Refusal("BAD_REQUEST", "a source has a `file` and a `text`");
    }
    return { file, text };
  });
}

export function refusalOf(code: OperatorErrorCode, message: string): OperatorRefusal {
  return { ok: false, code, message };
}
