// Messages of agents about calls that were decided before: their outcome, their cost, their output, and that the work is done. Each
// is of this agent's own calls, and none of them can make a call pass.
import { completionTool } from "../completion.ts";
import { JsonNumber } from "../evaluator/number.ts";
import type { Governor } from "../governor.ts";
import type { Json, JsonObject } from "../json.ts";
import { scanOutput } from "../output.ts";
import type { ActivePolicy } from "../policy.ts";
import { type CostAnswer, type ReportAnswer, takeCost, takeReport } from "../reports.ts";
import { nameLimitBytes } from "../request.ts";

/** The answer to `scan_output`. */
export interface ScanAnswer {
  readonly type: "scan_output";
  /** "pass" where nothing was taken out. */
  readonly action: "pass" | "redact";
  readonly output: Json;
  readonly redacted: readonly string[];
  readonly truncated: boolean;
}

/** An answer, or why there is none. */
export type FollowUp =
  | { readonly ok: true; readonly answer: ReportAnswer | CostAnswer | ScanAnswer }
  | { readonly ok: false; readonly code: "BAD_REQUEST" | "NOT_FOUND"; readonly message: string };

export const followUps: ReadonlySet<string> = new Set(["report", "cost", "scan_output"]);

/** Carries out one such message; waits for its record. Rejects with what the log rejects with. */
export async function followUp(governor: Governor, active: ActivePolicy, message: JsonObject): Promise<FollowUp> {
  if (message.type === "scan_output") return scan(active, message);
  const take = message.type === "report" ? takeReport : takeCost;
  const reported = take(governor, active, message, { kind: "agent" });
  if (!reported.ok) return reported;
  if (reported.seq !== null) await governor.ledger.durable(reported.seq);
  return { ok: true, answer: reported.answer };
}

/** The `govern` message that a `complete` message stands for. */
export function completionOf(message: JsonObject): JsonObject {
  const named = message.tool_id ?? message.tool ?? null;
  return {
    ...message,
    type: "govern",
    action_type: "completion_event",
    ...(named === null ? { tool_id: completionTool } : {}),
  };
}

function scan(active: ActivePolicy, message: JsonObject): FollowUp {
  const { agent_id, output, args = null } = message;
  const tool = message.tool_id ?? message.tool ?? null;
  const isName = typeof tool === "string" && Buffer.byteLength(tool) <= nameLimitBytes;
  if (typeof agent_id !== "string" || !isName || output === undefined) {
    return { ok: false, code: "BAD_REQUEST", message: "`agent_id`, `tool_id` and `output` are needed" };
  }
  const info = active.policy.tool(agent_id, tool);
  if (info === null) return { ok: false, code: "BAD_REQUEST", message: "the policy declares no such agent" };
  const given = typeof args === "object" && args !== null && !(args instanceof JsonNumber) ? args : null;
  const scanned = scanOutput(output, info, given, active.declarations.outputLimitBytes);
  const action = scanned.redacted.length > 0 || scanned.truncated ? "redact" : "pass";
  return { ok: true, answer: { type: "scan_output", action, ...scanned } };
}
