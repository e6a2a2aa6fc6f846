// Approvals: who waits for a person, what the person said, what was used. The state is made of `approval` records alone:
// a running daemon and one that starts again take the same bodies through `take`. It must never resolve one by itself.
import { randomBytes } from "node:crypto";
import { formatTime, parseTime } from "./clock.ts";
import type { ApprovalEvent } from "./doors/protocol.ts";
import type { ApprovalStatus, ApprovalView } from "./doors/views.ts";
import { canonicalJson, type Json, type JsonObject } from "./json.ts";

/** Approvals of one agent that wait or stand unused. Beyond, a defer is denied: none is dropped to make room. */
export const liveApprovalsPerAgentMax = 256;
/** The same over all agents. */
export const liveApprovalsMax = 4096;
/** Finished approvals kept in memory, for lists and for naming a second use; the log keeps all. */
export const finishedApprovalsMax = 1024;
/** Characters of a waiting call's http part that are kept. */
const keptHttpLimit = 16 * 1024;

export interface Approval {
  readonly id: string;
  readonly agentId: string;
  readonly sessionId: string;
  readonly tool: string;
  readonly args: Json;
  readonly actionId: string;
  /** The call it is bound to: the one that was deferred, or the narrowed form that was approved instead. */
  digest: string;
  readonly cause: string;
  readonly ruleRef: string | null;
  readonly context: string;
  readonly openedUs: number;
  readonly expiresUs: number;
  status: ApprovalStatus;
  resolvedUs: number | null;
  resolvedBy: string | null;
  reason: string | null;
  narrowedArgs: Json;
  usedUs: number | null;
  /** The deferred call has an http part; `http` is that part where it is still known. */
  readonly hasHttp: boolean;
  http: JsonObject | null;
  /** A denial is told once. */
  denialTold: boolean;
}

export interface Opening {
  readonly id: string;
  readonly agentId: string;
  readonly sessionId: string;
  readonly tool: string;
  /** Redacted. */
  readonly args: Json;
  readonly actionId: string;
  readonly digest: string;
  readonly cause: string;
  readonly ruleDigest: string | null;
  readonly ruleRef: string | null;
  readonly context: string;
  readonly hasHttp: boolean;
  readonly expiresUs: number;
}

export interface Resolution {
  readonly id: string;
  readonly change: "approved" | "denied";
  readonly actor: string;
  readonly reason: string;
  readonly narrowed?: { readonly digest: string; readonly args: Json };
}

/** `apr-` and 128 random bits. */
export function newApprovalId(): string {
  return `apr-${randomBytes(16).toString("hex")}`;
}

export function openedBody(opening: Opening): JsonObject {
  return {
    approval_id: opening.id,
    change: "opened",
    action_id: opening.actionId,
    agent_id: opening.agentId,
    session_id: opening.sessionId,
    tool: opening.tool,
    args: opening.args,
    request_digest: opening.digest,
    cause: opening.cause,
    rule_digest: opening.ruleDigest,
    rule_ref: opening.ruleRef,
    context: opening.context,
    has_http: opening.hasHttp,
    expires: formatTime(opening.expiresUs),
  };
}

export function resolvedBody(resolution: Resolution): JsonObject {
  const { narrowed } = resolution;
  return {
    approval_id: resolution.id,
    change: resolution.change,
    actor: resolution.actor,
    operator_auth: "same-uid",
    reason: resolution.reason,
    ...(narrowed === undefined ? {} : { request_digest: narrowed.digest, narrowed_args: narrowed.args }),
  };
}

export function consumedBody(id: string, actionId: string, digest: string): JsonObject {
  return { approval_id: id, change: "consumed", action_id: actionId, request_digest: digest };
}

/** The use was for nothing: the approval stands again. */
export function returnedBody(id: string, actionId: string, actor: string): JsonObject {
  return { approval_id: id, change: "returned", action_id: actionId, actor, operator_auth: "same-uid" };
}

export function expiredBody(id: string): JsonObject {
  return { approval_id: id, change: "expired" };
}

export class Approvals {
  /** In order of opening. */
  readonly #byId = new Map<string, Approval>();
  /** Those that can still change a call's outcome, by the call they are bound to. */
  readonly #live = new Map<string, Approval[]>();
  readonly #liveByAgent = new Map<string, number>();
  #liveCount = 0;
  readonly #finished: string[] = [];
  readonly #listeners = new Set<(event: ApprovalEvent) => void>();

  get(id: string): Approval | null {
    return this.#byId.get(id) ?? null;
  }

  /** The unexpired approvals that bear on the call with this digest. */
  liveFor(digest: string, nowUs: number): readonly Approval[] {
    const live = this.#live.get(digest);
    return live === undefined ? [] : live.filter((approval) => approval.expiresUs > nowUs);
  }

  hasRoom(agentId: string): boolean {
    return this.#liveCount < liveApprovalsMax && (this.#liveByAgent.get(agentId) ?? 0) < liveApprovalsPerAgentMax;
  }

  /** Some that wait for a person, of one agent. */
  pendingOf(agentId: string, limit: number): readonly string[] {
    const ids: string[] = [];
    for (const one of this.#byId.values()) {
      if (ids.length >= limit) break;
      if (one.agentId === agentId && one.status === "pending") ids.push(one.id);
    }
    return ids;
  }

  hasPending(agentId: string, nowUs: number): boolean {
    if (!this.#liveByAgent.has(agentId)) return false;
    return this.list().some((one) => one.agentId === agentId && one.status === "pending" && one.expiresUs > nowUs);
  }

  /**
   * The http part of a waiting call, for narrowing it. It may hold secrets, so it is kept in memory only, and only a
   * small one: after a restart such a call can be approved or denied, not narrowed.
   */
  keepHttp(id: string, http: JsonObject | null): void {
    const approval = this.#byId.get(id);
    if (approval !== undefined && http !== null && canonicalJson(http).length <= keptHttpLimit) approval.http = http;
  }

  list(): readonly Approval[] {
    return [...this.#byId.values()];
  }

  /** Live ones whose time is over and that no record calls expired yet. */
  due(nowUs: number): readonly Approval[] {
    const due: Approval[] = [];
    for (const group of this.#live.values()) for (const one of group) if (one.expiresUs <= nowUs) due.push(one);
    return due;
  }

  pending(nowUs: number): { readonly count: number; readonly oldestUs: number | null } {
    let count = 0;
    let oldestUs: number | null = null;
    for (const group of this.#live.values()) {
      for (const one of group) {
        if (one.status !== "pending" || one.expiresUs <= nowUs) continue;
        count++;
        if (oldestUs === null || one.openedUs < oldestUs) oldestUs = one.openedUs;
      }
    }
    return { count, oldestUs };
  }

  onChange(listener: (event: ApprovalEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes the body of an `approval` record: just appended, or read back from the log. Unknown ids are passed over. */
  take(body: JsonObject, timeUs: number): void {
    const id = textOf(body.approval_id);
    if (body.change === "opened") {
      this.#open(id, body, timeUs);
      return;
    }
    const approval = this.#byId.get(id);
    if (approval === undefined) return;
    if (body.change === "approved" || body.change === "denied") this.#resolve(approval, body, timeUs);
    else if (body.change === "consumed") this.#finish(approval, "used", timeUs);
    else if (body.change === "returned") this.#revive(approval);
    else if (body.change === "expired" || body.change === "revoked") this.#finish(approval, "expired", timeUs);
  }

  /** A decision with the operator's denial was recorded: the next identical call defers anew. */
  takeToldDenial(id: string): void {
    const approval = this.#byId.get(id);
    if (approval === undefined || approval.status !== "denied" || approval.denialTold) return;
    approval.denialTold = true;
    this.#leave(approval);
  }

  /** All that the records say; the http parts of waiting calls, which no record holds, are left out. */
  save(): JsonObject {
    const approvals = [...this.#byId.values()].map((approval) => ({ ...approval, http: null }));
    return { approvals, finished: [...this.#finished] };
  }

  /** Replaces all by what `save` gave. Nobody is told. */
  restore(saved: JsonObject): void {
    this.#byId.clear();
    this.#live.clear();
    this.#liveByAgent.clear();
    this.#liveCount = 0;
    this.#finished.length = 0;
    this.#finished.push(...((saved.finished ?? []) as readonly string[]));
    const over = new Set(this.#finished);
    for (const approval of (saved.approvals ?? []) as unknown as readonly Approval[]) {
      this.#byId.set(approval.id, approval);
      if (!over.has(approval.id)) this.#enter(approval);
    }
  }

  #open(id: string, body: JsonObject, timeUs: number): void {
    const approval: Approval = {
      id,
      agentId: textOf(body.agent_id),
      sessionId: textOf(body.session_id),
      tool: textOf(body.tool),
      args: body.args ?? null,
      actionId: textOf(body.action_id),
      digest: textOf(body.request_digest),
      cause: textOf(body.cause),
      ruleRef: typeof body.rule_ref === "string" ? body.rule_ref : null,
      context: textOf(body.context),
      openedUs: timeUs,
      // A time that cannot be read has passed.
      expiresUs: parseTime(textOf(body.expires)) ?? 0,
      status: "pending",
      resolvedUs: null,
      resolvedBy: null,
      reason: null,
      narrowedArgs: null,
      usedUs: null,
      hasHttp: body.has_http === true,
      http: null,
      denialTold: false,
    };
    this.#byId.set(id, approval);
    this.#enter(approval);
    this.#tell("created", approval);
  }

  #resolve(approval: Approval, body: JsonObject, timeUs: number): void {
    if (approval.status !== "pending") return;
    approval.status = body.change === "approved" ? "approved" : "denied";
    approval.resolvedUs = timeUs;
    approval.resolvedBy = textOf(body.actor);
    approval.reason = textOf(body.reason);
    if (typeof body.request_digest === "string") {
      this.#unindex(approval);
      approval.digest = body.request_digest;
      approval.narrowedArgs = body.narrowed_args ?? null;
      this.#index(approval);
    }
    this.#tell(approval.status, approval);
  }

  #finish(approval: Approval, status: "used" | "expired", timeUs: number): void {
    if (approval.status === "used" || approval.status === "expired") return;
    const wasLive = !(approval.status === "denied" && approval.denialTold);
    // A denial whose time is over stays a denial; it only no longer bears on calls.
    if (approval.status === "denied") approval.denialTold = true;
    else approval.status = status;
    if (status === "used") approval.usedUs = timeUs;
    if (wasLive) this.#leave(approval);
    this.#tell(status, approval);
  }

  /** A used one stands again, as approved. */
  #revive(approval: Approval): void {
    if (approval.status !== "used") return;
    const at = this.#finished.indexOf(approval.id);
    if (at >= 0) this.#finished.splice(at, 1);
    approval.status = "approved";
    approval.usedUs = null;
    this.#enter(approval);
    this.#tell("approved", approval);
  }

  #enter(approval: Approval): void {
    this.#index(approval);
    this.#liveCount++;
    this.#liveByAgent.set(approval.agentId, (this.#liveByAgent.get(approval.agentId) ?? 0) + 1);
  }

  #index(approval: Approval): void {
    const group = this.#live.get(approval.digest);
    if (group === undefined) this.#live.set(approval.digest, [approval]);
    else group.push(approval);
  }

  #unindex(approval: Approval): void {
    const group = this.#live.get(approval.digest) ?? [];
    const left = group.filter((one) => one !== approval);
    if (left.length === 0) this.#live.delete(approval.digest);
    else this.#live.set(approval.digest, left);
  }

  #leave(approval: Approval): void {
    approval.http = null;
    this.#unindex(approval);
    this.#liveCount--;
    const left = (this.#liveByAgent.get(approval.agentId) ?? 1) - 1;
    if (left === 0) this.#liveByAgent.delete(approval.agentId);
    else this.#liveByAgent.set(approval.agentId, left);
    this.#finished.push(approval.id);
    if (this.#finished.length > finishedApprovalsMax) this.#byId.delete(this.#finished.shift() ?? "");
  }

  #tell(event: ApprovalEvent["event"], approval: Approval): void {
    if (this.#listeners.size === 0) return;
    const view = viewOf(approval, 0);
    for (const listener of this.#listeners) listener({ event, approval: view });
  }
}

/** As shown to people. An approval whose time is over is shown as expired before its record says so. */
export function viewOf(approval: Approval, nowUs: number): ApprovalView {
  const isLive = approval.status === "pending" || approval.status === "approved";
  const time = (us: number | null): string | null => (us === null ? null : formatTime(us));
  return {
    id: approval.id,
    agent_id: approval.agentId,
    session_id: approval.sessionId,
    tool: approval.tool,
    args: approval.args,
    deferred_at: formatTime(approval.openedUs),
    expires_at: formatTime(approval.expiresUs),
    rule_ref: approval.ruleRef,
    context: approval.context,
    status: isLive && approval.expiresUs <= nowUs ? "expired" : approval.status,
    cause: approval.cause,
    request_digest: approval.digest,
    resolved_at: time(approval.resolvedUs),
    resolved_by: approval.resolvedBy,
    reason: approval.reason,
    narrowed_args: approval.narrowedArgs,
    used_at: time(approval.usedUs),
  };
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
