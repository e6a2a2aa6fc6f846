// `faramesh agent launch|stop|runs`: agents that the daemon starts, fenced in, and ends. It orders; the daemon carries out and records.
import { realpathSync } from "node:fs";
import { Command, Option } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import type { RunView } from "../../runtime/doors/views.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { columns, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const category = "Agents";

export class AgentLaunchCommand extends FarameshCommand {
  static override paths = [["agent", "launch"]];
  static override usage = Command.Usage({
    category,
    description: "have the daemon start an agent, fenced in as the policy says",
    details:
      "As `agent run`, in the background: the daemon lists it, keeps what it writes, and ends it with itself or when the agent is killed. Its environment is PATH, HOME and the language alone. Exit codes: 0, 1 it was not started.",
    examples: [
      ["The policy's supervised_command", "faramesh agent launch billing-bot"],
      ["A command", "faramesh agent launch billing-bot -- node agent.js"],
    ],
  });
  readonly id = Option.String({ name: "id" });
  readonly write = Option.Array("--write", [], { description: "a folder in which it may write; may be given again" });
  readonly read = Option.Array("--read", [], {
    description: "a folder beside the stack that it may read; may be given again",
  });
  readonly words = Option.Rest({ name: "command" });

  async run(io: Terminal): Promise<number> {
    const { runs } = await askOperator(this.dir, "supervisor", {
      op: "launch",
      agent_id: this.id,
      command: this.words,
      working_dir: realpathSync(process.cwd()),
      reads: this.read.map(folderOf),
      writes: this.write.map(folderOf),
      actor: actorName(io.env),
    });
    io.json({ runs });
    for (const { run, agent_id, pid, output } of runs) {
      io.say(`${io.paint.green("✓")} ${visible(agent_id)} runs (${run}, pid ${pid ?? "none"})`);
      io.note(`→ what it writes: ${visible(output)}`);
    }
    return exits.ok;
  }
}

export class AgentStopCommand extends FarameshCommand {
  static override paths = [["agent", "stop"]];
  static override usage = Command.Usage({
    category,
    description: "end what `agent launch` started",
    details:
      "Asks it to end, and kills it after 7 seconds. The agent may be started again at once; `agent kill` denies its calls as well. Exit codes: 0, 1 nothing runs by that name.",
    examples: [
      ["All that runs for an agent", "faramesh agent stop billing-bot"],
      ["One run", "faramesh agent stop sup-7f2c90be11d40a35"],
    ],
  });
  readonly which = Option.String({ name: "id", required: false });
  readonly all = Option.Boolean("--all", false, { description: "every run of every agent" });

  async run(io: Terminal): Promise<number> {
    if ((this.which === undefined) === !this.all)
      throw new Stop("name a run or an agent, or --all of them", "faramesh agent runs shows them", exits.usage);
    const { runs } = await askOperator(this.dir, "supervisor", {
      op: "stop",
      run: this.which ?? "*",
      actor: actorName(io.env),
    });
    io.json({ runs });
    for (const run of runs) io.say(`${io.paint.green("✓")} ${visible(run.agent_id)} ended (${run.run})`);
    if (runs.length === 0) io.say("nothing runs");
    return exits.ok;
  }
}

export class AgentRunsCommand extends FarameshCommand {
  static override paths = [["agent", "runs"]];
  static override usage = Command.Usage({
    category,
    description: "list what `agent launch` started, and how it ended",
    details:
      "Of this run of the daemon: all that runs, and the last 64 that are over. Exit codes: 0, 1 no daemon runs.",
  });

  async run(io: Terminal): Promise<number> {
    const { runs } = await askOperator(this.dir, "supervisor", { op: "list" });
    io.json({ runs });
    if (runs.length === 0) io.say("nothing was launched");
    for (const line of columns(runs.map((run) => rowOf(io, run)))) io.line(line);
    return exits.ok;
  }
}

function rowOf(io: Terminal, run: RunView): string[] {
  const { state, exit_code: code, ended_at: endedAt } = run;
  const color = state === "ended" && code !== 0 ? io.paint.red : state === "ended" ? io.paint.dim : io.paint.green;
  const how =
    state === "ended"
      ? `${code === null ? "" : `with ${code} `}at ${toSeconds(endedAt ?? run.started_at)}`
      : `since ${toSeconds(run.started_at)}, pid ${run.pid ?? "none"}`;
  const [last = ""] = run.said.split("\n").slice(-1);
  // What it only noted is no reason of its end.
  const said = last.startsWith("✗") ? `: ${visible(last)}` : "";
  return [run.run, visible(run.agent_id), color(state), `${how}${said}`];
}

function folderOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    throw new Stop(`there is no folder ${visible(path)}`);
  }
}
