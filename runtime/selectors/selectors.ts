// Values of the policy's selectors, asked for beside the machine before a call is judged. One question for all who wait for the same
// answer; each is bounded in time, size and number. It must never hand over a value that is older than the policy says, nor one from
// a private address that the policy does not allow.
import type { Clock } from "../clock.ts";
import type { EvaluationRequest, FieldRead, RequestValue } from "../evaluator/types.ts";
import type { Environment } from "../fixed-settings.ts";
import { getJson } from "../outgoing/get-json.ts";
import type { ActivePolicy } from "../policy.ts";
import { type Source, sourceOf, urlFor } from "./source.ts";

/** From the question to the last byte of the answer: no call waits longer. */
export const selectorTimeoutMs = 1000;
export const selectorLimitBytes = 16 * 1024;
/** Questions under way at once, over all calls. */
export const questionsMax = 64;
/** Answers that are kept; beyond, the oldest goes. */
export const answersMax = 1024;
/** A source that gave no answer is not asked the same again within this. */
const patienceUs = 1_000_000;

interface Selector {
  readonly agent: string;
  readonly id: string;
  readonly source: Source | string;
  readonly cacheUs: number;
  lastFailure: string | null;
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
      own.set(name, { agent, id: name, source, cacheUs, lastFailure: null });
    }
  }

  /** Whether calls of the agent may have to wait for a value. */
  has(agent: unknown): boolean {
    return this.#byAgent.size > 0 && typeof agent === "string" && this.#byAgent.has(agent);
  }

  /**
   * Asks for what the policy reads for this call and is not known. Null where nothing has to be waited for. The promise never rejects, and
   * resolves within `selectorTimeoutMs`; what it gives belongs to this call.
   */
  ask(request: EvaluationRequest, reads: readonly FieldRead[]): Promise<AnswersOfCall> | null {
    const nowUs = this.#clock.now().monoUs;
    const waits: Promise<readonly [string, Answer]>[] = [];
    for (const [selector, url] of this.#wanted(request, reads)) {
      if (url === null || this.#fresh(selector, url, nowUs) !== null) continue;
      const question = this.#question(selector, url);
      waits.push(question.then((answer) => [keyOf(selector, url), answer] as const));
    }
    return waits.length === 0 ? null : Promise.all(waits).then((answers) => new Map(answers));
  }

  /** What the call is judged with. `own`: answers that it waited for. Null where the policy reads no selector for it. */
  valuesFor(
    request: EvaluationRequest,
    reads: readonly FieldRead[],
    own: AnswersOfCall = new Map(),
  ): SelectorValues | null {
    const wanted = this.#wanted(request, reads);
    if (wanted.length === 0) return null;
    const nowUs = this.#clock.now().monoUs;
    const values: Record<string, RequestValue> = {};
    const missing: Record<string, string> = {};
    for (const [selector, url] of wanted) {
      const { id, source } = selector;
      if (url === null) {
        missing[id] = typeof source === "string" ? source : "the call does not say what its source needs";
        continue;
      }
      const answer = own.get(keyOf(selector, url)) ?? this.#fresh(selector, url, nowUs);
      if (answer === null) missing[id] = "the policy changed meanwhile";
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

  #wanted(request: EvaluationRequest, reads: readonly FieldRead[]): (readonly [Selector, string | null])[] {
    const own = this.#byAgent.get(request.agent_id);
    if (own === undefined) return [];
    const ids = new Set(reads.flatMap(({ member, path }) => (member === "selectors" ? [path[0]] : [])));
    return [...own.values()]
      .filter(({ id }) => ids.has(id))
      .map((one) => [one, typeof one.source === "string" ? null : urlFor(one.source, request)]);
  }

  #fresh(selector: Selector, url: string, nowUs: number): Answer | null {
    const known = this.#answers.get(keyOf(selector, url));
    if (known === undefined) return null;
    const ageUs = nowUs - known.atUs;
    return ageUs >= 0 && ageUs < ("why" in known ? patienceUs : selector.cacheUs) ? known : null;
  }

  #question(selector: Selector, url: string): Promise<Answer> {
    const key = keyOf(selector, url);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    if (this.#underWay.size >= questionsMax) {
      const why = "too many values are being asked for";
      return Promise.resolve({ why, atUs: this.#clock.now().monoUs });
    }
    const question = this.#answerTo(selector, url).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, question);
    return question;
  }

  async #answerTo(selector: Selector, url: string): Promise<Answer> {
    // As old as the question: what the source said may have changed while it was on its way.
    const atUs = this.#clock.now().monoUs;
    const token = this.#env[tokenVariable(selector.id)];
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    const allowPrivate = this.#allowPrivate;
    const bounds = { sizeMaxBytes: selectorLimitBytes, timeoutMs: selectorTimeoutMs };
    const got = await getJson({ url, headers, allowPrivate, ...bounds });
    selector.lastFailure = got.ok ? null : got.why;
    const answer: Answer = got.ok ? { value: got.value, atUs } : { why: got.why, atUs: this.#clock.now().monoUs };
    const key = keyOf(selector, url);
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= answersMax) break;
      this.#answers.delete(oldest);
    }
    return answer;
  }
}

/** Two selectors may be asked with other tokens. */
function keyOf({ id }: Selector, url: string): string {
  return `${id} ${url}`;
}

/** By selector and URL. */
export type AnswersOfCall = ReadonlyMap<string, Answer>;

/** Sent to the selector's source as a bearer token where it is set: FARAMESH_SELECTOR_ACCOUNT_TOKEN. */
export function tokenVariable(id: string): string {
  return `FARAMESH_SELECTOR_${id.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}_TOKEN`;
}
