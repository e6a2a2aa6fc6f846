// The coding agents that call a program before each tool: how each says what it is about to do, and the answer that holds it
// back. Pure. A permit is silence wherever the client knows it, so that the client's own questions to its user stay.
//
// Sources, read in November 2026: code.claude.com/docs/en/hooks, developers.openai.com/codex/hooks, cursor.com/docs/hooks,
// docs.github.com/en/copilot (CLI hooks reference).

export type HookClient = "claude-code" | "codex" | "cursor" | "copilot";

type Input = { readonly [member: string]: unknown };

/** A tool that is about to run, in the policy's terms. */
export interface HookCall {
  readonly tool: string;
  readonly args: object;
  readonly session: string | undefined;
}

export interface ClientForm {
  /** Names the folder of the project, wherever the agent has gone since. */
  readonly projectVariable: string | null;
  /** Null for an event before which no tool runs. Throws UnreadableHook. */
  read(input: Input): HookCall | null;
  /** What goes to standard output where the call may run. */
  permit(input: Input): string;
  /** What goes there where it may not; `message` is for the model. */
  refuse(message: string, input: Input): string;
}

/** The client said something that this version does not understand. */
export class UnreadableHook extends Error {}

const mcpPrefix = "mcp__";

export const clients: Readonly<Record<HookClient, ClientForm>> = {
  "claude-code": {
    projectVariable: "CLAUDE_PROJECT_DIR",
    read: preToolUse,
    permit: () => "",
    refuse: refusePreToolUse,
  },
  codex: { projectVariable: null, read: preToolUse, permit: () => "", refuse: refusePreToolUse },
  cursor: {
    projectVariable: "CURSOR_PROJECT_DIR",
    read: cursorCall,
    permit: () => JSON.stringify({ permission: "allow" }),
    refuse: (message) =>
      JSON.stringify({ permission: "deny", user_message: message, agent_message: message, continue: true }),
  },
  copilot: {
    projectVariable: null,
    read: copilotCall,
    permit: () => "",
    refuse: (message, input) =>
      "hook_event_name" in input
        ? refusePreToolUse(message)
        : JSON.stringify({ permissionDecision: "deny", permissionDecisionReason: message }),
  },
};

/** Claude Code's form, which Codex and the editor's Copilot share. */
function preToolUse(input: Input): HookCall | null {
  const event = textOf(input, "hook_event_name");
  if (event !== "PreToolUse") return null;
  const name = textOf(input, "tool_name");
  return { tool: toolName(name), args: lasting(name, argsOf(input.tool_input)), session: sessionOf(input.session_id) };
}

function refusePreToolUse(message: string): string {
  const hookSpecificOutput = {
    hookEventName: "PreToolUse",
    permissionDecision: "deny",
    permissionDecisionReason: message,
  };
  return JSON.stringify({ hookSpecificOutput });
}

function cursorCall(input: Input): HookCall | null {
  const session = sessionOf(input.conversation_id);
  switch (textOf(input, "hook_event_name")) {
    case "preToolUse":
      return { tool: cursorTool(textOf(input, "tool_name")), args: argsOf(input.tool_input), session };
    case "beforeMCPExecution":
      return { tool: cursorMcpTool(textOf(input, "tool_name")), args: argsOf(input.tool_input), session };
    case "beforeShellExecution":
      return { tool: "Shell", args: { command: textOf(input, "command") }, session };
    case "beforeReadFile":
      return { tool: "Read", args: { file_path: textOf(input, "file_path") }, session };
    default:
      return null;
  }
}

function copilotCall(input: Input): HookCall | null {
  if ("hook_event_name" in input) return preToolUse(input);
  const name = textOf(input, "toolName");
  return { tool: toolName(name), args: argsOf(input.toolArgs), session: sessionOf(input.sessionId) };
}

/** "mcp__github__create_issue" is the policy's mcp/github/create_issue. */
function toolName(name: string): string {
  if (!name.startsWith(mcpPrefix)) return name;
  const rest = name.slice(mcpPrefix.length);
  const at = rest.indexOf("__");
  return at <= 0 ? name : `mcp/${rest.slice(0, at)}/${rest.slice(at + 2)}`;
}

/** "MCP:server:tool" or "MCP:tool". */
function cursorTool(name: string): string {
  return name.startsWith("MCP:") ? `mcp/${name.slice("MCP:".length).replaceAll(":", "/")}` : name;
}

function cursorMcpTool(name: string): string {
  return name.startsWith("MCP:") ? cursorTool(name) : `mcp/${name}`;
}

/** Some clients write the arguments as a text of JSON. */
function argsOf(value: unknown): object {
  if (value === undefined || value === null || value === "") return {};
  const given = typeof value === "string" ? parsed(value) : value;
  return typeof given === "object" && given !== null && !Array.isArray(given) ? given : { input: given };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The model words a command's description anew each time: with it, an approved command would never be the same call. */
function lasting(tool: string, args: object): object {
  if (tool !== "Bash" || !("description" in args)) return args;
  const { description: _, ...rest } = args;
  return rest;
}

function textOf(input: Input, member: string): string {
  const value = input[member];
  if (typeof value === "string" && value !== "") return value;
  throw new UnreadableHook(`the client's message has no \`${member}\``);
}

function sessionOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
