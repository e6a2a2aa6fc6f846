// Standing grants: what an operator has allowed ahead of time, so that a defer becomes a permit without a person. The state is made
// of `grant` records alone. It must never let one be used more often, longer or for another call than it says.
import { randomBytes } from "node:crypto";
import { formatTime, parseTime, type Reading } from "./clock.ts";
import type { GrantStatus, GrantView } from "./doors/views.ts";
import type { EvaluationRequest, Policy } from "./evaluator/types.ts";
import type { Json, JsonObject } from "./json.ts";

/** Grants in force of one agent, and of all. Beyond, adding one is refused. */
export const grantsPerAgentMax = 64;
export const grantsMax = 512;
/** Grants that are over and still shown; the log keeps all. */
export const finishedGrantsMax = 1024;
/** A grant's rule, compiled, in base64. */
export const grantImageLimit = 24 * 1024;
/** No grant stands for longer. */
export const grantTtlLimitSeconds = 366 * 86_400;

export interface Grant {
  readonly id: string;
  readonly agentId: string;
  readonly tool: string;
  /** As the compiler prints it; null: every call of the tool. */
  readonly condition: string | null;
  readonly usesMax: number | null;
  readonly createdUs: number;
  readonly expiresUs: number;
  /** The same moment on the monotonic clock of the boot that it was made in; null in another boot. */
  readonly expiresMonoUs: number | null;
  readonly actor: string;
  readonly reason: string;
  /** The rule that says which calls it is for. Null once it is over: a machine of its own is a mebibyte. */
  rule: Policy | null;
  readonly image: string;
  uses: number;
  status: GrantStatus;
  endedUs: number | null;
  endedBy: string | null;
}

export interface NewGrant {
  readonly id: string;
  readonly agentId: string;
  readonly tool: string;
  readonly condition: string | null;
  readonly image: string;
  readonly usesMax: number | null;
  readonly ttlUs: number;
  readonly expiresUs: number;
  readonly actor: string;
  readonly reason: string;
}

/** When a body was recorded, and whether its monotonic time is of this boot. */
export interface Moment {
  readonly wallUs: number;
  readonly monoUs: number | null;
}

/** `grt-` and 128 random bits. */
export function newGrantId(): string {
  return `grt-${randomBytes(16).toString("hex")}`;
}

export function isGrantId(id: string): boolean {
  return id.startsWith("grt-");
}

export function createdBody(grant: NewGrant): JsonObject {
  return {
    grant_id: grant.id,
    change: "created",
    agent_id: grant.agentId,
    tool: grant.tool,
    condition: grant.condition,
    image: grant.image,
    uses_max: grant.usesMax,
    ttl_us: grant.ttlUs,
    expires: formatTime(grant.expiresUs),
    actor: grant.actor,
    operator_auth: "same-uid",
    reason: grant.reason,
  };
}

export function usedBody({ id, agentId, uses }: Grant, actionId: string, tool: string): JsonObject {
  return { grant_id: id, change: "used", action_id: actionId, agent_id: agentId, tool, uses: uses + 1 };
}

/** One use that was taken for nothing is there again. */
export function returnedBody({ id, agentId, uses }: Grant, actionId: string): JsonObject {
  return { grant_id: id, change: "returned", action_id: actionId, agent_id: agentId, uses: Math.max(0, uses - 1) };
}

export function endedBody(id: string, change: "revoked" | "expired", actor: string | null, reason: string): JsonObject {
  return { grant_id: id, change, ...(actor === null ? {} : { actor, operator_auth: "same-uid", reason }) };
}

export class Grants {
  /** In order of creation. */
  readonly #byId = new Map<string, Grant>();
  readonly #activeByAgent = new Map<string, Grant[]>();
  readonly #finished: string[] = [];
  readonly #load: (image: Uint8Array) => Policy;
  #activeCount = 0;

  /** `load` opens a grant's rule; see `Machine.loadRule`. */
  constructor(load: (image: Uint8Array) => Policy) {
    this.#load = load;
  }

  get(id: string): Grant | null {
    return this.#byId.get(id) ?? null;
  }

  list(): readonly Grant[] {
    return [...this.#byId.values()];
  }

  get activeCount(): number {
    return this.#activeCount;
  }

  hasRoom(agentId: string): boolean {
    return this.#activeCount < grantsMax && (this.#activeByAgent.get(agentId)?.length ?? 0) < grantsPerAgentMax;
  }

  /** The oldest grant in force that is for this call; null without one. A condition that cannot be judged is not met. */
  fitting(request: EvaluationRequest, { wallUs, monoUs }: Reading): Grant | null {
    const active = this.#activeByAgent.get(request.agent_id);
    if (active === undefined) return null;
    for (const grant of active) {
      if (isOver(grant, wallUs, monoUs)) continue;
      const verdict = grant.rule?.decide(request, { now: wallUs / 1000 });
      if (verdict?.effect === "permit" && verdict.rule === 0) return grant;
    }
    return null;
  }

  /** Those in force whose time is over and that no record calls expired yet. */
  due({ wallUs, monoUs }: Reading): readonly Grant[] {
    const due: Grant[] = [];
    for (const active of this.#activeByAgent.values()) due.push(...active.filter((one) => isOver(one, wallUs, monoUs)));
    return due;
  }

  /** Takes the body of a `grant` record: just appended, or read back from the log. Throws LoadFailure for a rule that cannot be opened. */
  take(body: JsonObject, moment: Moment): void {
    const id = textOf(body.grant_id);
    if (body.change === "created") {
      this.#add(grantOf(id, body, moment, this.#load));
      return;
    }
    const grant = this.#byId.get(id);
    if (grant === undefined) return;
    if (body.change === "used") {
      grant.uses = numberOf(body.uses) ?? grant.uses + 1;
      if (grant.usesMax !== null && grant.uses >= grant.usesMax) this.#end(grant, "used_up", moment.wallUs, null);
    } else if (body.change === "returned") {
      grant.uses = numberOf(body.uses) ?? grant.uses;
      if (grant.status === "used_up") this.#revive(grant);
    } else if (body.change === "revoked") this.#end(grant, "revoked", moment.wallUs, textOf(body.actor));
    else if (body.change === "expired") this.#end(grant, "expired", moment.wallUs, null);
  }

  save(): JsonObject {
    const grants = this.list().map((grant) => ({
      ...createdBody({ ...grant, ttlUs: grant.expiresUs - grant.createdUs }),
      created_us: grant.createdUs,
      expires_mono_us: grant.expiresMonoUs,
      uses: grant.uses,
      status: grant.status,
      ended_us: grant.endedUs,
      ended_by: grant.endedBy,
    }));
    return { grants };
  }

  /** Replaces all by what `save` gave; `isSameBoot`: monotonic times still count. */
  restore(saved: JsonObject, isSameBoot: boolean): void {
    this.#byId.clear();
    this.#activeByAgent.clear();
    this.#finished.length = 0;
    this.#activeCount = 0;
    for (const one of (saved.grants ?? []) as readonly JsonObject[]) {
      const moment = { wallUs: numberOf(one.created_us) ?? 0, monoUs: null };
      const read = grantOf(textOf(one.grant_id), one, moment, this.#load);
      const grant = { ...read, expiresMonoUs: isSameBoot ? numberOf(one.expires_mono_us) : null };
      grant.uses = numberOf(one.uses) ?? 0;
      this.#add(grant);
      const status = textOf(one.status) as GrantStatus;
      const endedBy = typeof one.ended_by === "string" ? one.ended_by : null;
      if (status !== "active") this.#end(grant, status, numberOf(one.ended_us) ?? 0, endedBy);
    }
  }

  #add(grant: Grant): void {
    this.#byId.set(grant.id, grant);
    this.#enter(grant);
  }

  #enter(grant: Grant): void {
    const active = this.#activeByAgent.get(grant.agentId);
    if (active === undefined) this.#activeByAgent.set(grant.agentId, [grant]);
    else active.push(grant);
    this.#activeCount++;
  }

  #end(grant: Grant, status: GrantStatus, timeUs: number, by: string | null): void {
    if (grant.status !== "active") return;
    grant.status = status;
    grant.rule = null;
    grant.endedUs = timeUs;
    grant.endedBy = by;
    const left = (this.#activeByAgent.get(grant.agentId) ?? []).filter((one) => one !== grant);
    if (left.length === 0) this.#activeByAgent.delete(grant.agentId);
    else this.#activeByAgent.set(grant.agentId, left);
    this.#activeCount--;
    this.#finished.push(grant.id);
    if (this.#finished.length > finishedGrantsMax) this.#byId.delete(this.#finished.shift() ?? "");
  }

  #revive(grant: Grant): void {
    const at = this.#finished.indexOf(grant.id);
    if (at >= 0) this.#finished.splice(at, 1);
    grant.status = "active";
    grant.rule = this.#load(imageBytes(grant.image));
    grant.endedUs = null;
    this.#enter(grant);
  }
}

function imageBytes(base64: string): Uint8Array {
  return Buffer.from(base64, "base64");
}

function isOver(grant: Grant, wallUs: number, monoUs: number): boolean {
  // A wall clock that is set back, or stands still, must not lengthen a grant.
  return grant.expiresUs <= wallUs || (grant.expiresMonoUs !== null && grant.expiresMonoUs <= monoUs);
}

function grantOf(id: string, body: JsonObject, moment: Moment, load: (image: Uint8Array) => Policy): Grant {
  const ttlUs = numberOf(body.ttl_us) ?? 0;
  return {
    id,
    agentId: textOf(body.agent_id),
    tool: textOf(body.tool),
    condition: typeof body.condition === "string" ? body.condition : null,
    usesMax: numberOf(body.uses_max),
    createdUs: moment.wallUs,
    // A time that cannot be read has passed.
    expiresUs: parseTime(textOf(body.expires)) ?? 0,
    expiresMonoUs: moment.monoUs === null ? null : moment.monoUs + ttlUs,
    actor: textOf(body.actor),
    reason: textOf(body.reason),
    rule: load(imageBytes(textOf(body.image))),
    image: textOf(body.image),
    uses: 0,
    status: "active",
    endedUs: null,
    endedBy: null,
  };
}

/** As shown to people. A grant whose time is over is shown as expired before its record says so. */
export function grantView(grant: Grant, { wallUs, monoUs }: Reading): GrantView {
  const isExpired = grant.status === "active" && isOver(grant, wallUs, monoUs);
  return {
    id: grant.id,
    agent_id: grant.agentId,
    tool: grant.tool,
    condition: grant.condition,
    status: isExpired ? "expired" : grant.status,
    uses: grant.uses,
    uses_max: grant.usesMax,
    created_at: formatTime(grant.createdUs),
    created_by: grant.actor,
    reason: grant.reason,
    expires_at: formatTime(grant.expiresUs),
    ended_at: grant.endedUs === null ? null : formatTime(grant.endedUs),
    ended_by: grant.endedBy,
  };
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: Json | undefined): number | null {
  return typeof value === "number" ? value : null;
}
