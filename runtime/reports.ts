// What became of a permitted call, and what it cost in truth, as a client or an operator reports it. Each report is a record before
// it is an answer. It must never believe an agent where that would give the agent something back.
import type { Action } from "./actions.ts";
import { returnedBody } from "./approvals.ts";
import { chargeCost, costBody, deltasFor, microOf } from "./costs.ts";
import { JsonNumber } from "./evaluator/number.ts";
import type { ToolInfo } from "./evaluator/types.ts";
import type { Governor } from "./governor.ts";
import { returnedBody as grantReturnedBody, isGrantId } from "./grants.ts";
import { canonicalJson, type Json, type JsonObject } from "./json.ts";
import { cutText } from "./log/decision.ts";
import { requestDigest } from "./log/identity.ts";
import { keysAndTypes, redact } from "./log/redact.ts";
import { type ActivePolicy, stampOf } from "./policy.ts";

/** Stored results; a larger one is replaced by a commitment and its size. */
export const resultLimitBytes = 8 * 1024;
const statusLimitBytes = 64;
const providerLimitBytes = 256;
/** Corrections of one action's cost that an agent may have recorded. */
export const costChangesMax = 64;
/** Milliseconds: a century. */
const durationLimitMs = 100 * 366 * 86_400_000;

/** Outcomes that say that a secret could not be had, so that the call never ran. */
const credentialFailures: ReadonlySet<string> = new Set([
  "credential_failure",
  "credential_failed",
  "credential_unavailable",
]);

/** Who reports. An agent only on its own actions. */
export type Reporter = { readonly kind: "agent" } | { readonly kind: "operator"; readonly actor: string };

/** An answer and the record that must be durable before it goes out (null: nothing was written), or why there is none. */
export type Reported =
  | { readonly ok: true; readonly answer: ReportAnswer | CostAnswer; readonly seq: number | null }
  | { readonly ok: false; readonly code: "BAD_REQUEST" | "NOT_FOUND"; readonly message: string };

export interface ReportAnswer {
  readonly type: "report";
  readonly action_id: string;
  /** False: the same report was recorded before. */
  readonly recorded: boolean;
  /** What was taken for the call, and its approval, were given back. */
  readonly returned: boolean;
}

export interface CostAnswer {
  readonly type: "cost";
  readonly action_id: string;
  /** Whether any budget moved. */
  readonly changed: boolean;
  /** What each budget now holds for the action, in dollars. */
  readonly budgets: readonly { readonly id: string; readonly cost_usd: number }[];
}

interface Report {
  readonly status: string;
  readonly result: Json | undefined;
  readonly durationMs: number | null;
  readonly provider: string | null;
  readonly costUsd: Json;
}

/** Carries out a `report` message in one synchronous turn. Throws what `Ledger.append` throws. */
export function takeReport(
  governor: Governor,
  active: ActivePolicy,
  message: JsonObject,
  reporter: Reporter,
): Reported {
  const found = actionOf(governor, message);
  if (!found.ok) return found;
  const { id, action } = found;
  const report = reportOf(withCost(message, governor));
  if (typeof report === "string") return { ok: false, code: "BAD_REQUEST", message: report };
  const { ledger, actions, progress } = governor;
  const { status, result, durationMs, provider, costUsd } = report;
  const words = { action_id: id, status, result: result ?? null, duration_ms: durationMs, provider, cost_usd: costUsd };
  const digest = requestDigest(ledger.log.digestKey, canonicalJson(words));
  const isReturning = reporter.kind === "operator" && credentialFailures.has(status) && !action.isReturned;
  if (action.reportDigest !== null && !isReturning) {
    if (action.reportDigest !== digest)
      return refused("the outcome of this action is recorded already, and is another");
    return {
      ok: true,
      answer: { type: "report", action_id: id, recorded: false, returned: action.isReturned },
      seq: null,
    };
  }
  const reading = ledger.clock.now();
  const stored = storedResult(result, active.policy.tool(action.agentId, action.tool), (value) =>
    ledger.log.salts.commit(value),
  );
  const body: JsonObject = {
    action_id: id,
    agent_id: action.agentId,
    session_id: action.sessionId,
    tool: action.tool,
    status: cutText(status, statusLimitBytes * 6),
    result: stored.result,
    redacted: [...stored.redacted],
    duration_ms: durationMs,
    provider,
    cost_usd: costUsd,
    report_digest: digest,
    actor: reporter.kind === "operator" ? reporter.actor : null,
  };
  const appended = ledger.append("outcome", stampOf(active), body, reading);
  let { seq } = appended;
  if (action.reportDigest === null) progress.takeOutcome(id, action);
  actions.takeOutcome(body);
  governor.feeds.publish("outcome", action.agentId, { ...body, seq, time: appended.time });
  const micro = costUsd === null ? null : microOf(costUsd);
  if (isReturning) seq = giveBack(governor, active, id, action, reporter.actor);
  else if (micro !== null) seq = settle(governor, active, { id, action, micro, costUsd, reporter }) ?? seq;
  return { ok: true, answer: { type: "report", action_id: id, recorded: true, returned: isReturning }, seq };
}

/** Carries out a `cost` message in one synchronous turn. Throws what `Ledger.append` throws. */
export function takeCost(governor: Governor, active: ActivePolicy, message: JsonObject, reporter: Reporter): Reported {
  const found = actionOf(governor, message);
  if (!found.ok) return found;
  const { id, action } = found;
  const costUsd = withCost(message, governor).cost_usd ?? null;
  const micro = microOf(costUsd);
  if (micro === null) return refused("`cost_usd` is a number of dollars from 0 to 1000000000");
  if (action.isReturned) return refused("what was taken for this action was given back");
  if (reporter.kind === "agent" && action.costChanges >= costChangesMax) {
    return refused(`the cost of one action may be corrected ${costChangesMax} times`);
  }
  const seq = settle(governor, active, { id, action, micro, costUsd, reporter });
  const budgets = action.charges.map(([budget, held]) => ({ id: budget, cost_usd: held / 1_000_000 }));
  return { ok: true, answer: { type: "cost", action_id: id, changed: seq !== null, budgets }, seq };
}

/** A report on a model call may say its tokens instead of its cost. What cannot be priced stays without. */
function withCost(message: JsonObject, { prices }: Governor): JsonObject {
  const { model, usage, cost_usd } = message;
  if ((cost_usd ?? null) !== null || typeof model !== "string" || usage === undefined || usage === null) return message;
  const priced = prices.cost(model, usage);
  return priced.ok ? { ...message, cost_usd: priced.micro / 1_000_000 } : message;
}

interface Settling {
  readonly id: string;
  readonly action: Action;
  readonly micro: number;
  readonly costUsd: Json;
  readonly reporter: Reporter;
}

/** The record's seq; null where no budget is off. */
function settle(
  governor: Governor,
  active: ActivePolicy,
  { id, action, micro, costUsd, reporter }: Settling,
): number | null {
  const isOperator = reporter.kind === "operator";
  const budgets = deltasFor(action, micro, isOperator);
  if (budgets.length === 0 || action.isReturned) return null;
  const change = isOperator ? "settled" : "reported";
  const actor = isOperator ? reporter.actor : null;
  const body = costBody(id, action, { change, costUsd, budgets, calls: 0, actor });
  return recordCost(governor, active, action.agentId, body);
}

/** The call never ran: budgets, the count of calls, approvals and the grant's use are as if it had not been permitted. */
function giveBack(governor: Governor, active: ActivePolicy, id: string, action: Action, actor: string): number {
  const { ledger, approvals, grants } = governor;
  const budgets = action.charges.map(([budget, held]) => [budget, held === 0 ? 0 : -held] as const);
  const body = costBody(id, action, { change: "returned", costUsd: 0, budgets, calls: -1, actor });
  let seq = recordCost(governor, active, action.agentId, body);
  for (const one of action.used) {
    const reading = ledger.clock.now();
    if (isGrantId(one)) {
      const grant = grants.get(one);
      if (grant === null) continue;
      const returned = grantReturnedBody(grant, id);
      seq = ledger.append("grant", stampOf(active), returned, reading).seq;
      grants.take(returned, reading);
    } else {
      const returned = returnedBody(one, id, actor);
      seq = ledger.append("approval", stampOf(active), returned, reading).seq;
      approvals.take(returned, reading.wallUs);
    }
  }
  return seq;
}

function recordCost(governor: Governor, active: ActivePolicy, agentId: string, body: JsonObject): number {
  const { ledger, actions } = governor;
  const { seq, time } = ledger.append("cost", stampOf(active), body, ledger.clock.now());
  chargeCost(active.policy, body);
  actions.takeCost(body);
  governor.feeds.publish("cost", agentId, { ...body, seq, time });
  return seq;
}

type Found = { readonly ok: true; readonly id: string; readonly action: Action } | Extract<Reported, { ok: false }>;

/** Whose action it is stays unsaid: an agent learns nothing of another's. */
function actionOf({ actions }: Governor, message: JsonObject): Found {
  const { action_id: id, agent_id: agentId } = message;
  if (typeof id !== "string") return refused("`action_id` is missing");
  if (typeof agentId !== "string" && agentId !== undefined) return refused("`agent_id` is text");
  // Only its agent was told the action_id: clients of the field send no other name.
  const action = actions.find(id, agentId ?? null);
  if (action !== null) return { ok: true, id, action };
  return {
    ok: false,
    code: "NOT_FOUND",
    message: "this agent has no permitted action of that action_id, or it is too old",
  };
}

function refused(message: string): Extract<Reported, { ok: false }> {
  return { ok: false, code: "BAD_REQUEST", message };
}

/** The members of a report, or what is wrong with them. */
function reportOf(message: JsonObject): Report | string {
  const { status = null, result, duration_ms = null, provider = null, cost_usd = null } = message;
  if (typeof status !== "string" || status === "" || Buffer.byteLength(status) > statusLimitBytes) {
    return `\`status\` is a text of 1 to ${statusLimitBytes} bytes`;
  }
  const durationMs = duration_ms instanceof JsonNumber ? duration_ms.value : duration_ms;
  if (durationMs !== null && !(typeof durationMs === "number" && durationMs >= 0 && durationMs <= durationLimitMs)) {
    return "`duration_ms` is a number of milliseconds, from 0";
  }
  if (provider !== null && !(typeof provider === "string" && Buffer.byteLength(provider) <= providerLimitBytes)) {
    return `\`provider\` is a text of at most ${providerLimitBytes} bytes`;
  }
  if (cost_usd !== null && microOf(cost_usd) === null) return "`cost_usd` is a number of dollars from 0 to 1000000000";
  return { status, result, durationMs, provider, costUsd: cost_usd };
}

interface StoredResult {
  readonly result: Json;
  readonly redacted: readonly string[];
}

/**
 * A result as it may be stored: what the tool's redactions name of its arguments is taken out of its results too, and a text, in
 * which they can name nothing, goes whole. Of a tool that the policy does not name, keys and types.
 */
function storedResult(result: Json | undefined, tool: ToolInfo | null, commit: (value: Json) => string): StoredResult {
  if (result === undefined || result === null) return { result: null, redacted: [] };
  const isFlat = typeof result !== "object" || result instanceof JsonNumber;
  let stored: StoredResult;
  if (tool?.named !== true) stored = { result: keysAndTypes(result), redacted: ["*"] };
  else if (tool.redact.length === 0) stored = { result, redacted: [] };
  else if (isFlat) stored = { result: { $redacted: commit(result) }, redacted: ["*"] };
  else {
    const taken = redact(result, tool.redact, commit);
    stored = { result: taken.args, redacted: taken.redacted };
  }
  const sizeBytes = Buffer.byteLength(canonicalJson(stored.result));
  if (sizeBytes <= resultLimitBytes) return stored;
  return { result: { $redacted: commit(result), $truncated: sizeBytes }, redacted: stored.redacted };
}
