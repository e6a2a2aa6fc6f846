// What is asked of a request before any rule is looked at.
import type { Code } from "../../runtime/codes.ts";
import type { EvaluationRequest } from "../../runtime/evaluator/types.ts";
import { sessionOf } from "./name.ts";

const ID_MAX_BYTES = 256;

/** The code with which the call is refused, or null when it can be judged. */
export function requestFault(request: EvaluationRequest): Code | null {
  if (request.agent_id === "" || tooLong(request.agent_id) || tooLong(sessionOf(request))) return "BAD_REQUEST";
  const cost = request.cost_usd;
  if (cost !== undefined && !(Number.isFinite(cost) && cost >= 0)) return "BAD_REQUEST";
  return toolNameFits(request.tool_id) ? null : "BAD_TOOL_NAME";
}

function toolNameFits(tool: string): boolean {
  if (tooLong(tool) || !/^[A-Za-z0-9_./:@-]*$/.test(tool)) return false;
  return tool.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");
}

function tooLong(text: string): boolean {
  return Buffer.byteLength(text) > ID_MAX_BYTES;
}
