// A policy whose counters live in a store that several instances share, and whose decisions are handed out to be recorded. A call
// that the store or the recorder does not answer for is denied; nothing here keeps counters of its own between calls.
import type { EvaluationOptions, EvaluationRequest, ObjectPolicy, PhaseMove, SessionName, Verdict } from "./types.ts";
import { refusals } from "./verdicts.ts";

/** Where the counters of a policy live: one value with a version, as key-value stores and objects with ETags have it. */
export interface StateStore {
  /** What was written last; null before the first. `version` is the store's own word for it. */
  read(): Promise<{ readonly state: Uint8Array; readonly version: string } | null>;
  /** Writes if `version` is the latest still; null: if nothing was written yet. False where somebody else was first. */
  write(state: Uint8Array, version: string | null): Promise<boolean>;
}

/** What a record of the decision would hold of it. Arguments are not in it: the policy may redact them. */
export interface DecisionRecord {
  /** Milliseconds since 1970: the `now` of the call. */
  readonly time: number;
  readonly policy_hash: string;
  readonly agent_id: string;
  readonly session_id: string;
  readonly tool_id: string;
  readonly action_type: string | null;
  readonly cost_usd: number | null;
  readonly verdict: Verdict;
  /** Nobody can be asked here: a defer has no approval. */
  readonly approval_id: null;
}

export interface SharedOptions {
  /** Absent: counters stay where the policy was opened to keep them. */
  readonly store?: StateStore;
  /** Called with each decision before it is answered, and awaited. What it refuses or is late with is denied AUDIT_UNAVAILABLE. */
  readonly onRecord?: (record: DecisionRecord) => void | Promise<void>;
}

/** Of each answer of the store and of the recorder. */
const WAIT_MS = 5000;
/** Calls of one instance that wait for their turn; they take turns, so that only other instances can be first. */
const WAITING_MAX = 1024;
/** Times a call is judged anew because another instance wrote first. */
const STORE_ATTEMPTS_MAX = 16;

/** What it asks of a policy; one that `faramesh build` made has it too. */
type Shareable = Pick<
  ObjectPolicy,
  "info" | "decide" | "snapshot" | "restore" | "stateHash" | "movePhase" | "activatePhases"
>;

/** Takes a freshly opened policy; with a store one of `{ state: "volatile" }`, which nobody else may ask then. */
export function share(policy: Shareable, options: SharedOptions): SharedPolicy {
  return new SharedPolicy(policy, options);
}

export class SharedPolicy {
  readonly #policy: Shareable;
  readonly #store: StateStore | null;
  readonly #onRecord: SharedOptions["onRecord"];
  /** The state before any call. */
  readonly #empty: Uint8Array;
  #latest: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(policy: Shareable, { store, onRecord }: SharedOptions) {
    this.#policy = policy;
    this.#store = policy.info.stateful ? (store ?? null) : null;
    this.#onRecord = onRecord;
    this.#empty = policy.snapshot();
  }

  get info(): Shareable["info"] {
    return this.#policy.info;
  }

  /** As decide of the policy, on the state of all instances. Never throws at a request. */
  async decide(request: EvaluationRequest, options: EvaluationOptions): Promise<Verdict> {
    let verdict: Verdict;
    try {
      verdict = await this.#onState(() => this.#policy.decide(request, options));
    } catch {
      verdict = unreachable;
    }
    return await this.#recorded(request, options, verdict);
  }

  /** Throws where the store does not answer. */
  async activatePhases(now: number): Promise<readonly string[]> {
    return await this.#onState(() => this.#policy.activatePhases(now));
  }

  /** Throws where the store does not answer. */
  async movePhase(move: SessionName & { readonly to: string }, options: { readonly now: number }): Promise<PhaseMove> {
    return await this.#onState(() => this.#policy.movePhase(move, options));
  }

  async #onState<T>(work: () => T): Promise<T> {
    const store = this.#store;
    if (store === null) return work();
    if (this.#waiting >= WAITING_MAX) throw new Error("too many calls wait for the store");
    this.#waiting++;
    const turn = this.#latest.then(() => this.#onStored(store, work));
    this.#latest = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }

  async #onStored<T>(store: StateStore, work: () => T): Promise<T> {
    const policy = this.#policy;
    for (let attempt = 0; attempt < STORE_ATTEMPTS_MAX; attempt++) {
      const stored = await inTime(store.read());
      policy.restore(stored?.state ?? this.#empty);
      const before = policy.stateHash();
      const result = work();
      if (policy.stateHash() === before) return result;
      const written = await inTime(store.write(policy.snapshot(), stored?.version ?? null));
      if (written === true) return result;
    }
    throw new Error("other instances were first each time");
  }

  async #recorded(request: EvaluationRequest, { now }: EvaluationOptions, verdict: Verdict): Promise<Verdict> {
    if (this.#onRecord === undefined) return verdict;
    try {
      const record: DecisionRecord = {
        time: now,
        policy_hash: this.#policy.info.policy_hash,
        agent_id: request.agent_id,
        session_id: request.session_id ?? "default",
        tool_id: request.tool_id,
        action_type: request.action_type ?? null,
        cost_usd: request.cost_usd ?? null,
        verdict,
        approval_id: null,
      };
      await inTime(Promise.resolve(this.#onRecord(record)));
      return verdict;
    } catch {
      return unrecorded;
    }
  }
}

const unreachable: Verdict = Object.freeze({
  ...refusals.STATE_UNAVAILABLE,
  reason: "the store of the policy's counters did not answer, or others were first each time",
});
const unrecorded: Verdict = Object.freeze({
  ...refusals.MACHINE_FAULT,
  code: "AUDIT_UNAVAILABLE",
  reason: "the decision cannot be recorded",
});

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${WAIT_MS} ms`)), WAIT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
