// `faramesh agent`: which agents there are, and stopping one or all of them. It orders; the daemon carries out and records.

import { Command, Option } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import type { AgentView } from "../../runtime/doors/views.ts";
import { actorName } from "../actor.ts";
import { budgetTexts } from "../budget-text.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { columns, countText, numberText, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const category = "Agents";
const everyAgent = "*";

export class AgentListCommand extends FarameshCommand {
  static override paths = [["agent"], ["agent", "list"]];
  static override usage = Command.Usage({
    category,
    description: "list the agents: declared, stopped, or with a standing grant",
    details: "Exit codes: 0, 1 no daemon runs.",
  });

  async run(io: Terminal): Promise<number> {
    const { all, agents } = await askOperator(this.dir, "agents_list", {});
    io.json({ all, agents });
    for (const line of columns([all, ...agents].map((agent) => rowOf(io, agent)))) io.line(line);
    return exits.ok;
  }
}

export class AgentShowCommand extends FarameshCommand {
  static override paths = [["agent", "show"]];
  static override usage = Command.Usage({
    category,
    description: "show one agent: what stops it, its budgets, grants, gates and waiting calls",
    details: "What it did: faramesh explain agent <id>. Exit codes: 0, 1 no daemon runs.",
  });
  readonly id = Option.String({ name: "id" });

  async run(io: Terminal): Promise<number> {
    const { agent } = await askOperator(this.dir, "agents_show", { agent_id: this.id });
    io.json({ agent });
    io.line(columns([rowOf(io, agent)])[0]);
    const rows: string[][] = agent.holds.map((hold) => [`  ${io.paint.dim("stopped")}`, holdText(hold)]);
    for (const id of agent.pending) rows.push([`  ${io.paint.dim("waits")}`, id]);
    for (const budget of agent.budgets) {
      const { amount, counted } = budgetTexts(budget);
      const texts = [amount, counted].filter((text) => text !== "").join(", ");
      rows.push([`  ${io.paint.dim("budget")}`, `${visible(budget.id)}  ${texts}`]);
    }
    for (const grant of agent.grants.filter(({ status }) => status === "active")) {
      rows.push([
        `  ${io.paint.dim("grant")}`,
        `${grant.id}  ${visible(grant.tool)}, until ${toSeconds(grant.expires_at)}`,
      ]);
    }
    if (agent.completion_gates.length > 0)
      rows.push([`  ${io.paint.dim("gates")}`, visible(agent.completion_gates.join(", "))]);
    for (const line of columns(rows)) io.line(line);
    return exits.ok;
  }
}

type Change = "kill" | "unkill" | "quiesce" | "resume";

const done: Readonly<Record<Change, string>> = {
  kill: "killed: every call is denied (KILL_SWITCH)",
  unkill: "lives again",
  quiesce: "stopped for a while: every call is denied (AGENT_QUIESCED)",
  resume: "goes on",
};

abstract class OrderCommand extends FarameshCommand {
  readonly id = Option.String({ name: "id", required: false });
  readonly all = Option.Boolean("--all", false, { description: "every agent" });
  readonly reason = Option.String("--reason", { description: "kept in the log, and told to the agent" });

  async order(io: Terminal, change: Change): Promise<number> {
    if ((this.id === undefined) === !this.all) {
      throw new Stop("name one agent, or --all of them", "for instance: faramesh agent kill billing-bot", exits.usage);
    }
    const agent_id = this.id ?? everyAgent;
    const { agent, changed } = await askOperator(this.dir, change, {
      agent_id,
      actor: actorName(io.env),
      ...(this.reason === undefined ? {} : { reason: this.reason }),
    });
    io.json({ changed, agent });
    const who = agent_id === everyAgent ? "all agents" : visible(agent_id);
    if (changed)
      io.say(
        `${io.paint.green("✓")} ${who} ${agent_id === everyAgent ? done[change].replace("lives", "live").replace("goes", "go") : done[change]}`,
      );
    else io.say(`${who}: nothing to change`);
    if (agent.state !== "active" && (change === "unkill" || change === "resume")) {
      io.note(`still ${agent.state}: ${agent.holds.map(holdText).join("; ")}`);
      for (const hold of agent.holds) io.note(`  ${endOf(hold)}`);
    }
    return exits.ok;
  }
}

export class AgentQuiesceCommand extends OrderCommand {
  static override paths = [["agent", "quiesce"]];
  static override usage = Command.Usage({
    category,
    description: "stop an agent for a while",
    details:
      "Holds at once and until `agent resume`, over restarts and changes of policy. Exit codes: 0, 1 no daemon runs.",
    examples: [["During maintenance", 'faramesh agent quiesce --all --reason "maintenance"']],
  });

  run(io: Terminal): Promise<number> {
    return this.order(io, "quiesce");
  }
}

export class AgentKillCommand extends OrderCommand {
  static override paths = [["agent", "kill"]];
  static override usage = Command.Usage({
    category,
    description: "stop an agent until somebody lets it live again",
    details:
      "Holds at once, over restarts and changes of policy, and ends its streams. Exit codes: 0, 1 no daemon runs.",
    examples: [["An agent that misbehaves", 'faramesh agent kill billing-bot --reason "loops"']],
  });

  run(io: Terminal): Promise<number> {
    return this.order(io, "kill");
  }
}

export class AgentResumeCommand extends OrderCommand {
  static override paths = [["agent", "resume"]];
  static override usage = Command.Usage({
    category,
    description: "let a quiesced agent go on; with --killed a killed one",
    details: "Exit codes: 0, 1 no daemon runs.",
    examples: [["After a kill", "faramesh agent resume billing-bot --killed"]],
  });
  readonly killed = Option.Boolean("--killed", false, { description: "lift a kill, not a quiesce" });

  run(io: Terminal): Promise<number> {
    return this.order(io, this.killed ? "unkill" : "resume");
  }
}

function rowOf(io: Terminal, { agent_id, declared, state, pending_approvals, active_grants }: AgentView): string[] {
  const color = state === "active" ? io.paint.green : io.paint.red;
  const name = agent_id === everyAgent ? "all agents" : visible(agent_id);
  const notes = [
    ...(declared ? [] : ["the policy does not declare it"]),
    ...(pending_approvals > 0 ? [`${numberText(pending_approvals)} waiting`] : []),
    ...(active_grants > 0 ? [countText(active_grants, "standing grant")] : []),
  ];
  return [name, color(state), notes.join(", ")];
}

/** The command that would end a hold. */
function endOf({ agent_id, state }: AgentView["holds"][number]): string {
  const whom = agent_id === everyAgent ? "--all" : visible(agent_id);
  return `to end it: faramesh agent resume ${whom}${state === "killed" ? " --killed" : ""}`;
}

function holdText({ agent_id, state, since, by, reason }: AgentView["holds"][number]): string {
  const whole = agent_id === everyAgent ? "with all agents " : "";
  const when = since === null ? "by the policy's kill_switch_default" : `since ${toSeconds(since)}`;
  return `${whole}${state} ${when}${by === null ? "" : ` by ${visible(by)}`}${reason === null ? "" : `: ${visible(reason)}`}`;
}
