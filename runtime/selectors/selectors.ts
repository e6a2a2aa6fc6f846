// Values of the policy's selectors, asked for beside the machine before a call is judged. One question for all who wait for the same
// answer; each is bounded in time, size and number. It must never hand over a value that is older than the policy says, nor one from
// a private address that the policy does not allow.
import type { Clock } from "../clock.ts";
import type { EvaluationRequest, FieldRead, RequestValue } from "../evaluator/types.ts";
import type { Environment } from "../fixed-settings.ts";
import { type Got, getJson } from "../outgoing/get-json.ts";
import type { ActivePolicy } from "../policy.ts";
import { type Source, sourceOf, urlFor } from "./source.ts";
import { Turns } from "./turns.ts";

/** From the question to the last byte of the answer: no call waits longer. */
export const selectorTimeoutMs = 1000;
export const selectorLimitBytes = 16 * 1024;
/** Questions of one selector that its source is asked at once; others wait for their turn, which is part of their time. */
export const questionsAtOnce = 16;
/** Questions of one selector that wait for their turn. */
const waitingMax = 1024;
/** Of all selectors, asked or waiting. */
const questionsMax = 4096;
/** Connections to all sources together: one source that hangs must leave room for others. */
const connectionsMax = 128;
/** Answers that are kept; beyond, the oldest goes. */
export const answersMax = 1024;
/** A source that gave no answer is not asked the same again within this. */
const patienceUs = 1_000_000;

interface Selector {
  readonly agent: string;
  readonly id: string;
  readonly source: Source | string;
  readonly cacheUs: number;
  readonly turns: Turns;
  lastFailure: string | null;
}

interface Question {
  readonly selector: Selector;
  readonly url: string;
  /** Two selectors may be asked with other tokens; and what was asked where it no longer may be is no answer. */
  readonly key: string;
  readonly allowPrivate: boolean;
}

/** `question` null: it cannot be asked for this call. */
interface Wanted {
  readonly selector: Selector;
  readonly question: Question | null;
}

/** `why`: there is no value. */
type Answer = { readonly value: RequestValue; readonly atUs: number } | { readonly why: string; readonly atUs: number };

/** What a call was given. */
export interface SelectorValues {
  readonly values: { readonly [id: string]: RequestValue };
  /** By id, why there is no value. */
  readonly missing: { readonly [id: string]: string };
}

export class Selectors {
  readonly #clock: Clock;
  readonly #env: Environment;
  #byAgent = new Map<string, Map<string, Selector>>();
  #allowPrivate = false;
  /** Oldest first. */
  readonly #answers = new Map<string, Answer>();
  readonly #underWay = new Map<string, Promise<Answer>>();
  #connections = 0;

  constructor(clock: Clock, env: Environment) {
    this.#clock = clock;
    this.#env = env;
  }

  /** Call when another policy is in force. */
  takePolicy(active: ActivePolicy | null): void {
    this.#byAgent = new Map();
    this.#answers.clear();
    this.#allowPrivate = active?.policy.runtime().allow_private === true;
    for (const { keyword, agent, name, fields } of active?.declarations.blocks ?? []) {
      if (keyword !== "selector" || agent === null || name === null) continue;
      const own = this.#byAgent.get(agent) ?? new Map<string, Selector>();
      this.#byAgent.set(agent, own);
      const source = sourceOf(typeof fields.source === "string" ? fields.source : "");
      const cacheUs = typeof fields.cache === "number" ? fields.cache * 1_000_000 : 0;
      own.set(name, {
        agent,
        id: name,
        source,
        cacheUs,
        turns: new Turns(questionsAtOnce, waitingMax),
        lastFailure: null,
      });
    }
  }

  /** Whether calls of the agent may have to wait for a value. */
  has(agent: unknown): boolean {
    return this.#byAgent.size > 0 && typeof agent === "string" && this.#byAgent.has(agent);
  }

  /**
   * Asks for what the policy reads for this call and is not known; a promise where an answer has to be waited for. It never rejects, and
   * resolves within `selectorTimeoutMs`; what it gives belongs to this call.
   */
  ask(request: EvaluationRequest, reads: readonly FieldRead[]): AnswersOfCall | Promise<AnswersOfCall> {
    const nowUs = this.#clock.now().monoUs;
    const answers = new Map<string, Answer>();
    const waits: Promise<void>[] = [];
    for (const { question } of this.#wanted(request, reads)) {
      if (question === null) continue;
      const fresh = this.#fresh(question, nowUs);
      if (fresh !== null) answers.set(question.key, fresh);
      else waits.push(this.#answerTo(question).then((answer) => void answers.set(question.key, answer)));
    }
    return waits.length === 0 ? answers : Promise.all(waits).then(() => answers);
  }

  /** What the call is judged with, out of what `ask` gave it. Null where the policy reads no selector for it. */
  valuesFor(
    request: EvaluationRequest,
    reads: readonly FieldRead[],
    answers: AnswersOfCall = new Map(),
  ): SelectorValues | null {
    const wanted = this.#wanted(request, reads);
    if (wanted.length === 0) return null;
    const values: Record<string, RequestValue> = {};
    const missing: Record<string, string> = {};
    for (const { selector, question } of wanted) {
      const { id, source } = selector;
      if (question === null) {
        missing[id] = typeof source === "string" ? source : "the call does not say what its source needs";
        continue;
      }
      const answer = answers.get(question.key);
      if (answer === undefined) missing[id] = "the policy changed meanwhile";
      else if ("why" in answer) missing[id] = answer.why;
      else values[id] = answer.value;
    }
    return { values, missing };
  }

  /** Sentences for `status`. */
  notices(): string[] {
    return [...this.#byAgent.values()].flatMap((own) =>
      [...own.values()].flatMap(({ agent, id, source, lastFailure }) => {
        if (typeof source === "string") return [`selector ${id} of ${agent} is never there: ${source}`];
        return lastFailure === null ? [] : [`selector ${id} of ${agent}: the last try failed: ${lastFailure}`];
      }),
    );
  }

  #wanted(request: EvaluationRequest, reads: readonly FieldRead[]): Wanted[] {
    const own = this.#byAgent.get(request.agent_id);
    if (own === undefined) return [];
    const ids = new Set(reads.flatMap(({ member, path }) => (member === "selectors" ? [path[0]] : [])));
    const allowPrivate = this.#allowPrivate;
    return [...own.values()].flatMap((selector): Wanted[] => {
      if (!ids.has(selector.id)) return [];
      const url = typeof selector.source === "string" ? null : urlFor(selector.source, request);
      if (url === null) return [{ selector, question: null }];
      const key = `${selector.id} ${allowPrivate} ${url}`;
      return [{ selector, question: { selector, url, key, allowPrivate } }];
    });
  }

  #fresh({ selector, key }: Question, nowUs: number): Answer | null {
    const known = this.#answers.get(key);
    if (known === undefined) return null;
    const ageUs = nowUs - known.atUs;
    return ageUs >= 0 && ageUs < ("why" in known ? patienceUs : selector.cacheUs) ? known : null;
  }

  #answerTo(question: Question): Promise<Answer> {
    const { selector, key } = question;
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    if (this.#underWay.size >= questionsMax) return Promise.resolve(this.#crowded(selector));
    const answer = this.#inTurn(question).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, answer);
    return answer;
  }

  async #inTurn(question: Question): Promise<Answer> {
    const { selector } = question;
    const beganUs = this.#clock.now().monoUs;
    if (!(await selector.turns.take(selectorTimeoutMs))) return this.#crowded(selector);
    const leftMs = Math.floor(selectorTimeoutMs - (this.#clock.now().monoUs - beganUs) / 1000);
    const isCrowded = leftMs < 1 || this.#connections >= connectionsMax;
    if (!isCrowded) this.#connections += 1;
    try {
      return isCrowded ? this.#crowded(selector) : await this.#asked(question, leftMs);
    } finally {
      if (!isCrowded) this.#connections -= 1;
      selector.turns.give();
    }
  }

  #crowded(selector: Selector): Answer {
    const why = "too many values are being asked for";
    selector.lastFailure = why;
    return { why, atUs: this.#clock.now().monoUs };
  }

  async #asked({ selector, url, key, allowPrivate }: Question, timeoutMs: number): Promise<Answer> {
    // As old as the question: what the source said may have changed while it was on its way.
    const atUs = this.#clock.now().monoUs;
    const token = this.#env[tokenVariable(selector.id)];
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    const got = await getJson({ url, headers, allowPrivate, sizeMaxBytes: selectorLimitBytes, timeoutMs });
    const answer: Answer = got.ok ? { value: got.value, atUs } : { why: whyOf(got), atUs: this.#clock.now().monoUs };
    selector.lastFailure = "why" in answer ? answer.why : null;
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= answersMax) break;
      this.#answers.delete(oldest);
    }
    return answer;
  }
}

/** What is too late was so with the wait for its turn. */
function whyOf({ why, isLate }: Extract<Got, { ok: false }>): string {
  return isLate ? `no answer within ${selectorTimeoutMs} ms` : why;
}

/** By the key of the question. */
export type AnswersOfCall = ReadonlyMap<string, Answer>;

/** Sent to the selector's source as a bearer token where it is set: FARAMESH_SELECTOR_ACCOUNT_TOKEN. */
export function tokenVariable(id: string): string {
  return `FARAMESH_SELECTOR_${id.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}_TOKEN`;
}
