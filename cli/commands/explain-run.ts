// `faramesh explain run` and `explain agent`: the decisions of one run, and what one agent did and had done to it. They read the log
// alone.
import { Command, Option } from "clipanion";
import { parseTime } from "../../runtime/clock.ts";
import { everyAgent, Holds, holdView } from "../../runtime/holds.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { costOf } from "../record-cost.ts";
import { recordLine } from "../records.ts";
import { columns, countText, dollars, numberText, shortened, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";
import { recordsOf } from "../whole-log.ts";

const category = "Log";
/** Decisions of one run that are told one by one. */
const runShownMax = 1000;
const idShownMax = 80;

interface Counts {
  permit: number;
  defer: number;
  deny: number;
}

export class ExplainRunCommand extends FarameshCommand {
  static override paths = [["explain", "run"]];
  static override usage = Command.Usage({
    category,
    description: "show the decisions of one run, named by its request_id, in order",
    details: "A run is the calls that share a request_id. Exit codes: 0, 1 not found.",
    examples: [["A run", "faramesh explain run run-7"]],
  });
  readonly id = Option.String({ name: "request-id" });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const decisions: JsonObject[] = [];
    const counts: Counts = { permit: 0, defer: 0, deny: 0 };
    const agents = new Set<string>();
    const actions = new Set<string>();
    const outcomes: JsonObject[] = [];
    let [costMicro, count] = [0, 0];
    for await (const { value } of recordsOf(io, walDir)) {
      if (value.type === "decision" && value.request_id === this.id) {
        counts[String(value.would ?? value.effect) as keyof Counts]++;
        count++;
        agents.add(String(value.agent_id));
        actions.add(String(value.action_id));
        costMicro += costOf(value);
        if (decisions.length < runShownMax) decisions.push(value);
      } else if (actions.has(String(value.action_id))) {
        if (value.type === "outcome") outcomes.push(value);
        costMicro += costOf(value);
      }
    }
    const [first] = decisions;
    if (first === undefined) {
      throw new Stop(
        `no decision has the request_id \`${shortened(this.id, idShownMax)}\``,
        "see: faramesh audit tail",
      );
    }
    const last = decisions.at(-1) ?? first;
    const span = { from: first.time, to: last.time };
    const told = { request_id: this.id, agents: [...agents], ...span, counts, cost_usd: costMicro / 1e6, total: count };
    io.json({ ...told, decisions: decisions.map(shortView), outcomes: outcomes.map(outcomeView) });
    io.line(
      `${io.paint.bold(shortened(this.id, idShownMax))}  ${countText(count, "decision")} of ${visible([...agents].join(", "))}`,
    );
    io.line(
      `  ${numberText(counts.permit)} permitted, ${numberText(counts.defer)} deferred, ${numberText(counts.deny)} denied, ${dollars(costMicro / 1e6)} in budgets`,
    );
    for (const one of decisions) {
      io.line(recordLine(io, one, null));
      for (const outcome of outcomes) {
        if (outcome.action_id === one.action_id) io.line(`    outcome: ${visible(String(outcome.status))}`);
      }
    }
    if (count > decisions.length) io.line(`… ${numberText(count - decisions.length)} more: faramesh audit tail`);
    return exits.ok;
  }
}

export class ExplainAgentCommand extends FarameshCommand {
  static override paths = [["explain", "agent"]];
  static override usage = Command.Usage({
    category,
    description: "show what one agent did, what was decided about it, and who stopped it",
    details: "Exit codes: 0, 1 the log knows no such agent.",
    examples: [["One agent", "faramesh explain agent billing-bot"]],
  });
  readonly id = Option.String({ name: "id" });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const holds = new Holds();
    const tools = new Map<string, Counts>();
    const codes = new Map<string, number>();
    const orders: JsonObject[] = [];
    const changes = { approvals: 0, grants: 0, outcomes: 0 };
    let [first, last, costMicro] = [null as string | null, null as string | null, 0];
    for await (const { value } of recordsOf(io, walDir)) {
      if (value.type === "agent") {
        holds.take(value, parseTime(String(value.time)) ?? 0);
        if (value.agent_id === this.id || value.agent_id === everyAgent) orders.push(value);
      }
      if (value.agent_id !== this.id) continue;
      if (value.type === "outcome") changes.outcomes++;
      if (value.type === "approval" && value.change === "opened") changes.approvals++;
      if (value.type === "grant" && value.change === "created") changes.grants++;
      costMicro += costOf(value);
      if (value.type !== "decision") continue;
      first ??= String(value.time);
      last = String(value.time);
      const counts = tools.get(String(value.tool)) ?? { permit: 0, defer: 0, deny: 0 };
      counts[String(value.would ?? value.effect) as keyof Counts]++;
      tools.set(String(value.tool), counts);
      codes.set(String(value.code), (codes.get(String(value.code)) ?? 0) + 1);
    }
    const own = orders.filter(({ agent_id }) => agent_id === this.id);
    if (tools.size === 0 && own.length === 0) {
      throw new Stop(`the log knows no agent \`${shortened(this.id, idShownMax)}\``, "see: faramesh agent list");
    }
    const hold = holds.of(this.id, false);
    const byTool = [...tools].map(([tool, counts]) => ({ tool, ...counts }));
    io.json({
      agent_id: this.id,
      state: hold?.state ?? "active",
      holds: hold === null ? [] : [holdView(hold)],
      first,
      last,
      cost_usd: costMicro / 1e6,
      tools: byTool,
      codes: Object.fromEntries(codes),
      ...changes,
      orders: orders.map(({ time, agent_id, change, actor, reason }) => ({ time, agent_id, change, actor, reason })),
    });
    const { bold, dim } = io.paint;
    io.line(`${bold(visible(this.id))}  ${hold?.state ?? "active"}`);
    const rows: string[][] = [
      [`  ${dim("seen")}`, first === null || last === null ? "never" : `${toSeconds(first)} to ${toSeconds(last)}`],
      [`  ${dim("cost")}`, `${dollars(costMicro / 1e6)} in budgets`],
      [
        `  ${dim("approvals")}`,
        `${numberText(changes.approvals)} asked for, ${countText(changes.grants, "standing grant")}`,
      ],
      [`  ${dim("codes")}`, [...codes].map(([code, count]) => `${code} ${numberText(count)}`).join(", ")],
    ];
    for (const { time, agent_id, change, actor, reason } of orders) {
      const whole = agent_id === everyAgent ? " all agents" : "";
      const why = reason === "" ? "" : `: ${visible(String(reason))}`;
      rows.push([
        `  ${dim("order")}`,
        `${toSeconds(String(time))} ${visible(String(change))}${whole} by ${visible(String(actor))}${why}`,
      ]);
    }
    for (const line of columns(rows)) io.line(line);
    const table = byTool.map(({ tool, permit, defer, deny }) => [
      `  ${visible(tool)}`,
      `${numberText(permit)} permitted`,
      `${numberText(defer)} deferred`,
      `${numberText(deny)} denied`,
    ]);
    for (const line of columns(table)) io.line(line);
    return exits.ok;
  }
}

function shortView(record: JsonObject): object {
  const { seq, time, action_id, agent_id, session_id, tool, effect, would, code, reason, rule_ref } = record;
  return { seq, time, action_id, agent_id, session_id, tool, effect, would, code, reason, rule_ref };
}

function outcomeView({ seq, time, action_id, status }: JsonObject): object {
  return { seq, time, action_id, status };
}
