// Which coding agents a project is set up for, and the lines by which each asks faramesh before it runs a tool. It looks whether
// folders and files are there, opens none, and changes nothing.
import { existsSync } from "node:fs";
import { join } from "node:path";

export type CodingAgentName = "claude-code" | "codex" | "cursor" | "copilot";

export interface CodingAgent {
  readonly client: CodingAgentName;
  /** What told it, relative to the project. */
  readonly found: string;
  /** The file that the configuration goes into, and what it is to hold. */
  readonly file: string;
  readonly configuration: object;
}

interface Known {
  readonly marks: readonly string[];
  readonly file: string;
  readonly configuration: (command: string, dir: string) => object;
}

const event = (command: string): object => ({ matcher: "*", hooks: [{ type: "command", command }] });

const known: Readonly<Record<CodingAgentName, Known>> = {
  "claude-code": {
    marks: [".claude", "CLAUDE.md"],
    file: ".claude/settings.json",
    // Any end but 0 and 2 lets the tool run there, a missing command's too.
    configuration: (command) => ({ hooks: { PreToolUse: [event(`${command} || exit 2`)] } }),
  },
  codex: {
    marks: [".codex"],
    file: ".codex/hooks.json",
    configuration: (command, dir) => ({
      hooks: { PreToolUse: [event(`${command} --dir ${shellWord(dir)} || exit 2`)] },
    }),
  },
  cursor: {
    marks: [".cursor"],
    file: ".cursor/hooks.json",
    configuration: (command) => {
      const hook = [{ command, failClosed: true }];
      return { version: 1, hooks: { beforeShellExecution: hook, beforeMCPExecution: hook, beforeReadFile: hook } };
    },
  },
  copilot: {
    marks: [".github/hooks", ".github/copilot-instructions.md"],
    file: ".github/hooks/faramesh.json",
    configuration: (command) => ({
      version: 1,
      hooks: { preToolUse: [{ type: "command", bash: `${command} || exit 2`, timeoutSec: 30 }] },
    }),
  },
};

export function codingAgents(dir: string, agentId: string): CodingAgent[] {
  return (Object.keys(known) as CodingAgentName[]).flatMap((client) => {
    const { marks, file, configuration } = known[client];
    const found = marks.find((mark) => existsSync(join(dir, mark)));
    if (found === undefined) return [];
    const command = `faramesh hook ${client} --agent ${shellWord(agentId)}`;
    return [{ client, found, file, configuration: configuration(command, dir) }];
  });
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
