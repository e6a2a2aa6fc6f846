// Sessions by message: an agent or an operator moves one to a workflow phase, opens, closes or looks at it. What changes state
// is recorded as it happens; the caller must wait for the record before it answers. It must never touch a limit or a budget.
import type { Policy, SessionAnswer, SessionName, SessionOp } from "./evaluator/types.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Ledger } from "./ledger.ts";
import type { ActivePolicy } from "./policy.ts";

/** Who asks. An agent may only go on to the phase declared next; an operator to any. */
export type Asker = { readonly kind: "agent" } | { readonly kind: "operator"; readonly actor: string };

export interface PhaseAnswer {
  readonly type: "phase";
  readonly session_id: string;
  readonly from: string;
  readonly to: string;
  readonly moved: boolean;
}

export interface SessionView {
  readonly type: "session";
  readonly op: SessionOp;
  readonly session_id: string;
  readonly changed: boolean;
  /** Milliseconds since 1970; null before the session has begun. */
  readonly began_at: number | null;
  readonly active_at: number | null;
  readonly expired: boolean;
  readonly phase: string | null;
}

/** An answer and the record that must be durable before it goes out (null: nothing was written), or why there is none. */
export type Kept =
  | { readonly ok: true; readonly answer: PhaseAnswer | SessionView; readonly seq: number | null }
  | { readonly ok: false; readonly message: string };

const ops: ReadonlySet<string> = new Set(["open", "close", "reset", "inspect"] satisfies SessionOp[]);
const defaultSession = "default";

/** Carries out a `phase` or `session` message in one synchronous turn. Throws what `Ledger.append` throws. */
export function keepSession(active: ActivePolicy, ledger: Ledger, message: JsonObject, asker: Asker): Kept {
  const { agent_id, session_id = defaultSession } = message;
  if (typeof agent_id !== "string" || typeof session_id !== "string") {
    return { ok: false, message: "`agent_id` and `session_id` are text" };
  }
  const name = { agent_id, session_id };
  return message.type === "phase"
    ? move(active, ledger, name, message.to, asker)
    : operate(active, ledger, name, message.op, asker);
}

function move(
  active: ActivePolicy,
  ledger: Ledger,
  name: Required<SessionName>,
  to: Json | undefined,
  asker: Asker,
): Kept {
  const reading = ledger.clock.now();
  const options = { now: reading.wallUs / 1000 };
  if (typeof to !== "string") return { ok: false, message: "`to` names a phase" };
  const current = active.policy.sessionPhase(name, options);
  const isNext = current !== null && (to === current.name || to === current.next);
  if (asker.kind === "agent" && !isNext) {
    const next =
      current === null
        ? "there are no workflow phases"
        : current.next === null
          ? "there is none"
          : `that is \`${current.next}\``;
    return { ok: false, message: `an agent moves on to the next phase only: ${next}` };
  }
  const moved = active.policy.movePhase({ ...name, to }, options);
  if (!moved.ok) return { ok: false, message: refusals[moved.code] ?? moved.code };
  const answer: PhaseAnswer = { type: "phase", session_id: name.session_id, from: moved.from, to, moved: moved.moved };
  if (!moved.moved) return { ok: true, answer, seq: null };
  const body = { ...name, from: moved.from, to, cause: asker.kind, ...actorOf(asker) };
  return { ok: true, answer, seq: ledger.append("phase", stampOf(active), body, reading).seq };
}

function operate(
  active: ActivePolicy,
  ledger: Ledger,
  name: Required<SessionName>,
  op: Json | undefined,
  asker: Asker,
): Kept {
  const reading = ledger.clock.now();
  if (!isOp(op)) return { ok: false, message: "`op` is open, close, reset or inspect" };
  const before = active.policy.sessionPhase(name, { now: reading.wallUs / 1000 })?.name ?? null;
  const state: SessionAnswer = active.policy.session(op, name, { now: reading.wallUs / 1000 });
  if (!state.ok) return { ok: false, message: refusals[state.code] ?? state.code };
  const { changed, began_at, active_at, expired, phase } = state;
  const answer: SessionView = {
    type: "session",
    op,
    session_id: name.session_id,
    changed,
    began_at,
    active_at,
    expired,
    phase,
  };
  if (!changed) return { ok: true, answer, seq: null };
  const body = { ...name, from: before, to: phase, cause: op, ...actorOf(asker) };
  return { ok: true, answer, seq: ledger.append("phase", stampOf(active), body, reading).seq };
}

/**
 * Moves a session as the record of a `phase` says that it was moved, opened or closed. Records of rollouts, which the clock ends, move
 * nothing.
 */
export function repeatSession(policy: Policy, record: JsonObject, timeUs: number): void {
  const { agent_id, session_id, to, cause } = record;
  if (typeof agent_id !== "string" || typeof session_id !== "string") return;
  const options = { now: timeUs / 1000 };
  if (isOp(cause)) policy.session(cause, { agent_id, session_id }, options);
  else if (typeof to === "string") policy.movePhase({ agent_id, session_id, to }, options);
}

function isOp(value: Json | undefined): value is SessionOp {
  return typeof value === "string" && ops.has(value);
}

function stampOf({ version, activation }: ActivePolicy): { version: string; policyHash: string } {
  return { version, policyHash: activation.policyHash };
}

function actorOf(asker: Asker): { actor?: string } {
  return asker.kind === "operator" ? { actor: asker.actor } : {};
}

const refusals: Partial<Record<string, string>> = {
  BAD_REQUEST: "the names are too long, or empty",
  UNKNOWN_AGENT: "the policy declares no such agent",
  UNKNOWN_PHASE: "the agent has no workflow phase of that name",
  STATE_FULL: "the machine has no room for another session",
};
