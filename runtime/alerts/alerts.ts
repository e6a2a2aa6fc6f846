// Tells people what a policy's `alert` blocks ask for, beside the decisions: it hears what is on record, queues what fits, and
// delivers with patience. It must never delay or change a decision, nor throw into one.
import type { Logger } from "pino";
import type { DecisionHint, FeedEvent, FeedKind, Feeds } from "../feeds.ts";
import type { Environment } from "../fixed-settings.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Ledger } from "../ledger.ts";
import { type Policies, stampOf } from "../policy.ts";
import { deliver } from "./deliver.ts";
import type { AlertQueue, QueuedAlert } from "./queue.ts";
import { secretVariable, shownTarget, type TargetRef, targetOf, targetRefOf } from "./target.ts";

/** Targets that are delivered to at the same time. */
const targetsAtOnce = 4;
/** 1 s, 2 s, 4 s … up to this: twelve tries take about half an hour. */
const longestPauseMs = 300_000;
export const triesMax = 12;
/** Alerts that one target is told at each tick: a delivery costs the daemon more time than a decision does. */
export const deliveriesPerTick = 32;
/** How often the alerts that were not taken are put on record together. */
const droppedRecordMs = 60_000;
const textLimit = 512;

interface Patience {
  tries: number;
  dueUs: number;
}

export class Alerts {
  readonly #queue: AlertQueue;
  readonly #ledger: Ledger;
  readonly #policies: Policies;
  readonly #feeds: Feeds;
  readonly #env: Environment;
  readonly #journal: Logger;
  /** By agent and event. */
  #wanted = new Map<string, TargetRef[]>();
  #unlisten: (() => void)[] = [];
  readonly #patience = new Map<string, Patience>();
  readonly #busy = new Set<string>();
  #dropped = 0;
  #recordedUs: number | null = null;
  #lastError: string | null = null;
  #isClosed = false;

  constructor(
    queue: AlertQueue,
    kept: { readonly ledger: Ledger; readonly policies: Policies; readonly feeds: Feeds },
    journal: Logger,
    env: Environment,
  ) {
    this.#queue = queue;
    this.#ledger = kept.ledger;
    this.#policies = kept.policies;
    this.#feeds = kept.feeds;
    this.#journal = journal;
    this.#env = env;
  }

  /** Call when another policy is in force. */
  takePolicy(): void {
    this.#wanted = new Map();
    for (const { keyword, agent, fields } of this.#policies.active?.declarations.blocks ?? []) {
      if (keyword !== "alert" || agent === null) continue;
      const targets = listOf(fields.notify).flatMap((value) => targetRefOf(value) ?? []);
      for (const event of listOf(fields.on)) this.#add(`${agent}\n${String(event)}`, targets);
    }
    for (const stop of this.#unlisten) stop();
    this.#unlisten = this.#wanted.size === 0 ? [] : [this.#listen("audit"), this.#listen("callback")];
  }

  /** Call about once a second: delivers what is due. */
  tick(): void {
    if (this.#isClosed) return;
    const { monoUs } = this.#ledger.clock.now();
    for (const [key, head] of this.#queue.heads()) {
      if (this.#busy.size >= targetsAtOnce) break;
      if (this.#busy.has(key) || (this.#patience.get(key)?.dueUs ?? 0) > monoUs) continue;
      this.#busy.add(key);
      void this.#deliver(key, head).finally(() => this.#busy.delete(key));
    }
    this.#recordDropped(monoUs);
    this.#queue.keep().catch((error: unknown) => this.#journal.error({ err: error }, "alerts could not be kept"));
  }

  /** Sentences for `status`: who cannot be told, what waits, and why. */
  notices(): string[] {
    const refs = new Map([...this.#wanted.values()].flat().map((ref) => [JSON.stringify(ref), ref]));
    const problems = [...refs.values()].flatMap((ref) => {
      const target = targetOf(ref, this.#env);
      return "problem" in target ? [`alerts are not delivered: ${target.problem}`] : [];
    });
    const { size } = this.#queue;
    const why = this.#lastError === null ? "" : `; the last try failed: ${this.#lastError}`;
    return [
      ...problems,
      ...(size === 0 ? [] : [`alerts: ${size} ${size === 1 ? "waits" : "wait"} to be delivered${why}`]),
    ];
  }

  /** What waits is kept for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stop of this.#unlisten) stop();
    try {
      await this.#queue.close();
    } catch (error) {
      this.#journal.error({ err: error }, "alerts could not be kept");
    }
  }

  #add(key: string, targets: readonly TargetRef[]): void {
    this.#wanted.set(key, [...(this.#wanted.get(key) ?? []), ...targets]);
  }

  #listen(kind: FeedKind): () => void {
    const send = (event: FeedEvent): void => this.#hear(event);
    const admits = (agentId: string, decision: DecisionHint | null): boolean =>
      kind === "callback" || (decision !== null && this.#hasRoomFor(agentId, decision));
    return this.#feeds.listen({ kind, agentId: null, admits, send, end: () => {} });
  }

  /** Of most decisions nobody is to be told, and of the others of a flood there is no room: of these no more is made than a count. */
  #hasRoomFor(agentId: string, { effect, code, hasWarnings }: DecisionHint): boolean {
    let count = 0;
    for (const name of eventsOf(effect, code, hasWarnings))
      count += this.#wanted.get(`${agentId}\n${name}`)?.length ?? 0;
    if (count === 0 || this.#queue.hasRoom) return count > 0;
    this.#dropped += count;
    return false;
  }

  #hear(event: FeedEvent): void {
    for (const name of namesOf(event)) {
      for (const target of this.#wanted.get(`${String(event.agent_id)}\n${name}`) ?? []) {
        const id = `${String(event.action_id ?? event.approval_id)}-${name}`;
        if (!this.#queue.add({ id, target, alert: alertOf(name, event) })) this.#dropped += 1;
      }
    }
  }

  /** One after the other, until one is not taken or it is enough for this time. */
  async #deliver(key: string, first: QueuedAlert): Promise<void> {
    let next: QueuedAlert | undefined = first;
    for (let count = 0; next !== undefined && count < deliveriesPerTick; count++, next = this.#queue.head(key)) {
      const why = await this.#send(next);
      if (this.#isClosed && why !== null) return;
      if (why !== null && !this.#isGivenUp(key, next, why)) return;
      if (why === null) this.#lastError = null;
      this.#patience.delete(key);
      this.#queue.remove(next);
      if (this.#isClosed) return;
    }
  }

  async #send({ id, target: ref, alert }: QueuedAlert): Promise<string | null> {
    const target = targetOf(ref, this.#env);
    if ("problem" in target) return target.problem;
    return deliver(target, {
      id,
      alert,
      secret: this.#env[secretVariable] ?? "",
      nowSeconds: Math.floor(this.#ledger.clock.now().wallUs / 1_000_000),
      allowPrivate: this.#policies.active?.policy.runtime().allow_private === true,
    });
  }

  #isGivenUp(key: string, { target }: QueuedAlert, why: string): boolean {
    const tries = (this.#patience.get(key)?.tries ?? 0) + 1;
    this.#lastError = `${shownTarget(target)}: ${why}`;
    if (tries === 1) this.#journal.warn({ target: shownTarget(target), why }, "an alert was not delivered");
    if (tries >= triesMax) {
      this.#dropped += 1;
      return true;
    }
    const pauseMs = Math.min(1000 * 2 ** (tries - 1), longestPauseMs);
    this.#patience.set(key, { tries, dueUs: this.#ledger.clock.now().monoUs + pauseMs * 1000 });
    return false;
  }

  #recordDropped(monoUs: number): void {
    const isEarly = this.#recordedUs !== null && monoUs - this.#recordedUs < droppedRecordMs * 1000;
    if (this.#dropped === 0 || isEarly || !this.#ledger.isUsable) return;
    const body = { kind: "alerts_dropped", detail: { count: this.#dropped } };
    this.#ledger.append("mark", stampOf(this.#policies.active), body, this.#ledger.clock.now());
    this.#dropped = 0;
    this.#recordedUs = monoUs;
  }
}

/** Names of `alert { on }` that an event of the feeds is. In audit mode what would have happened counts. */
function namesOf(event: FeedEvent): string[] {
  if (event.type === "callback") return event.event === "approved" ? ["approved"] : [];
  if (event.event !== "decision") return [];
  return eventsOf(String(event.would ?? event.effect), event.code, event.warnings !== undefined);
}

function eventsOf(effect: string, code: Json | undefined, hasWarnings: boolean): string[] {
  const names = [effect];
  if (code === "BUDGET_EXCEEDED") names.push("budget_exceeded");
  if (code === "RATE_EXCEEDED") names.push("rate_exceeded");
  if (hasWarnings) names.push("budget_warning");
  return names;
}

const told = [
  "agent_id", "session_id", "tool", "effect", "would", "code", "reason", "rule_ref", "action_id", "approval_id", "warnings",
  "policy_version", "seq", "time",
] as const; // biome-ignore format: a table

/** No arguments: they may be what nobody else should read. */
function alertOf(name: string, event: FeedEvent): JsonObject {
  const members = told.flatMap((member): [string, Json][] => {
    const value = event[member];
    if (value === undefined || value === null) return [];
    return [[member, typeof value === "string" ? value.slice(0, textLimit) : value]];
  });
  return { type: "alert", event: name, ...Object.fromEntries(members) };
}

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as T];
}
