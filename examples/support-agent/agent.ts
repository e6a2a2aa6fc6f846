// The agent: an ordinary AI SDK loop. Two lines make it a governed one, the import and the call of governedTools.
// In a project of your own the import is "faramesh/sdk".
import { generateText, stepCountIs } from "ai";
import { governedTools, ToolDeniedError } from "../../runtime/sdk/index.ts";
import { plannedCalls, scriptedModel } from "./script.ts";
import { supportTools } from "./tools.ts";

const tools = governedTools(supportTools, {
  agentId: "support-agent",
  // One session a run; the session budget of the policy begins anew with it.
  sessionId: process.env.SUPPORT_AGENT_SESSION ?? `run-${process.pid}`,
});

const { steps } = await generateText({
  model: scriptedModel(),
  tools,
  prompt: "Look after Ada's order.",
  stopWhen: stepCountIs(plannedCalls.length + 1),
});

for (const part of steps.flatMap((step) => step.content)) {
  if (part.type === "tool-result") print("permitted", part.toolName, part.input, String(part.output));
  else if (part.type === "tool-error") printRefusal(part.toolName, part.input, part.error);
  if (process.exitCode === 1) break;
}

function printRefusal(tool: string, input: unknown, error: unknown): void {
  if (!(error instanceof ToolDeniedError)) throw error;
  if (error.effect === "defer") print("deferred", tool, input, error.approvalId ?? error.humanMessage);
  else print("denied", tool, input, `${error.code}: ${error.humanMessage}`);
  // Without a daemon every call is denied alike; one line says it.
  if (error.code === "DAEMON_UNREACHABLE") process.exitCode = 1;
}

function print(outcome: string, tool: string, input: unknown, what: string): void {
  process.stdout.write(`${outcome.padEnd(9)} ${tool} ${JSON.stringify(input)}\n          ${what}\n`);
}
