// All that the daemon knows from its log, as one piece of JSON: what a snapshot holds. What is added to the daemon's state is
// added here, or a start forgets it. It must never hold what no record holds.
import type { Actions } from "./actions.ts";
import type { Approvals } from "./approvals.ts";
import type { CallTable } from "./calls.ts";
import type { Progress } from "./completion.ts";
import type { Grants } from "./grants.ts";
import type { Holds } from "./holds.ts";
import { canonicalJson, type Json, type JsonObject, parseJson } from "./json.ts";
import { sha256Hex } from "./log/line.ts";
import { snapshotLimitBytes } from "./log/snapshots.ts";
import type { PhaseEnds } from "./phases.ts";
import type { ActivePolicy, PolicyHistory } from "./policy.ts";

/** Stored arguments nest as deep as a request (64), and lie a little deeper here. */
const depthMax = 128;

export interface StateParts {
  readonly history: PolicyHistory;
  readonly approvals: Approvals;
  readonly calls: CallTable;
  readonly phaseEnds: PhaseEnds;
  readonly grants: Grants;
  readonly holds: Holds;
  readonly actions: Actions;
  readonly progress: Progress;
}

/** A part that keeps itself as JSON; `restore({})` empties it. */
interface Kept {
  save(): JsonObject;
  restore(saved: JsonObject, isSameBoot: boolean): void;
}

/** Of the permits that may be reported on, a snapshot holds the latest: of all it would grow to 10 MB. */
export const actionsKept = 8192;

/** The calls of the last minute are not among them: their own records are read again. */
function keptParts(parts: StateParts): Readonly<Record<string, Kept>> {
  const { history, approvals, phaseEnds, grants, holds, progress } = parts;
  const actions: Kept = {
    save: () => parts.actions.save(actionsKept),
    restore: (saved) => parts.actions.restore(saved),
  };
  return { actions, approvals, grants, history, holds, phase_ends: phaseEnds, progress };
}

/** The state after every record so far. `active` is the policy in force, whose counters are in it. */
export function stateOf(parts: StateParts, active: ActivePolicy | null, nowUs: number, bootId: string): JsonObject {
  const state: { [name: string]: string | number | null } = {};
  // As texts, whose numbers keep the digits that they came with.
  for (const [name, part] of Object.entries(keptParts(parts))) state[name] = canonicalJson(part.save());
  state.machine = active === null ? null : Buffer.from(active.policy.snapshot()).toString("base64");
  state.calls_from = parts.calls.firstSeq(nowUs);
  state.calls_until_us = nowUs;
  state.boot_id = bootId;
  return state;
}

/** Replaces all parts by what `stateOf` gave, or empties them. */
export function restoreState(parts: StateParts, state: JsonObject | null, bootId: string): void {
  parts.calls.clear();
  const isSameBoot = state?.boot_id === bootId;
  for (const [name, part] of Object.entries(keptParts(parts)))
    part.restore(savedOf(name, state?.[name] ?? "{}"), isSameBoot);
}

function savedOf(name: string, text: Json): JsonObject {
  const size = { sizeBytes: snapshotLimitBytes, depth: depthMax, items: snapshotLimitBytes };
  const parsed = typeof text === "string" ? parseJson(Buffer.from(text), size) : null;
  if (parsed?.ok !== true) throw new Error(`the part ${name} cannot be read`);
  return parsed.value as JsonObject;
}

/** SHA-256 in hex over what is kept: equal for equal states. */
export function stateDigest(parts: StateParts, active: ActivePolicy | null): string {
  const { calls_from: _, calls_until_us: __, ...state } = stateOf(parts, active, 0, "");
  return sha256Hex(canonicalJson(state));
}
