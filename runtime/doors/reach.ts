// The message `reach` of the agents' socket: which tools a list that is shown to an agent may name at all.
import type { Json, JsonObject } from "../json.ts";
import type { ActivePolicy } from "../policy.ts";
import { type Reach, reachOf } from "../reach.ts";
import { nameLimitBytes } from "../request.ts";

/** Tools of one message. */
export const reachToolsMax = 1024;

export interface ReachAnswer {
  readonly type: "reach";
  readonly call_id?: string;
  readonly policy_version: string;
  readonly tools: readonly { readonly tool: string; readonly most: Reach }[];
}

/** Or what is wrong with the message. */
export function reachAnswer(active: ActivePolicy, message: JsonObject, nowMs: number): ReachAnswer | string {
  const { agent_id, tools, call_id } = message;
  if (typeof agent_id !== "string") return "`agent_id` is missing";
  if (!Array.isArray(tools) || tools.length > reachToolsMax)
    return `\`tools\` is a list of at most ${reachToolsMax} names`;
  if (!(tools as readonly Json[]).every(isName)) return "a tool's name is a text of at most 256 bytes";
  return {
    type: "reach",
    ...(typeof call_id === "string" ? { call_id } : {}),
    policy_version: active.version,
    tools: (tools as readonly string[]).map((tool) => ({ tool, most: reachOf(active, agent_id, tool, nowMs) })),
  };
}

function isName(value: Json): value is string {
  return typeof value === "string" && Buffer.byteLength(value) <= nameLimitBytes;
}
