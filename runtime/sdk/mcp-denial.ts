// A refused call as the Model Context Protocol tells it: an error of the tool, which the model reads, and not of the protocol.
import type { ToolDeniedError } from "./tool-denied-error.ts";

/** The result of `tools/call` (MCP 2025-06-18, server/tools, error handling). Members of the denial are named as on the daemon's wire. */
export function denialResult(error: ToolDeniedError): object {
  const { code, effect, humanMessage, resolution, ruleRef, approvalId, actionId, nextSteps } = error;
  const words = [error.message, ...nextSteps, ...(approvalId === undefined ? [] : [`approval: ${approvalId}`])];
  return {
    isError: true,
    content: [{ type: "text", text: words.join("\n") }],
    structuredContent: {
      denied: true,
      effect,
      code,
      human_message: humanMessage,
      resolution,
      ...(ruleRef === undefined ? {} : { rule_ref: ruleRef }),
      ...(approvalId === undefined ? {} : { approval_id: approvalId }),
      ...(actionId === undefined ? {} : { action_id: actionId }),
      next_steps: nextSteps,
    },
  };
}
