// `faramesh approvals`: the human side of defer: who waits, what exactly they want to do, yes or no. It decides nothing;
// what an agent supplied is shown with every character visible.
import { Command, Option } from "clipanion";
import { askOperator, watchApprovals } from "../../runtime/doors/client.ts";
import type { ApprovalEvent } from "../../runtime/doors/protocol.ts";
import type { ApprovalStatus, ApprovalView } from "../../runtime/doors/views.ts";
import { canonicalJson, type JsonObject, parseJson } from "../../runtime/json.ts";
import { actorName } from "../actor.ts";
import { readApprovals } from "../approvals-source.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { columns, countText, shortened, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const argsShownMax = 100;
const usage = { category: "Approvals" };
const statuses: readonly ApprovalStatus[] = ["pending", "approved", "denied", "expired", "used"];

abstract class ApprovalsCommand extends FarameshCommand {
  /** The approval whose id begins so. Throws Stop unless it is exactly one. */
  async find(prefix: string): Promise<ApprovalView> {
    return this.pick((await askOperator(this.dir, "approvals_list", {})).approvals, prefix);
  }

  pick(approvals: readonly ApprovalView[], prefix: string): ApprovalView {
    const wanted = prefix.startsWith("apr-") ? prefix : `apr-${prefix}`;
    const found = approvals.filter(({ id }) => id.startsWith(wanted));
    const exact = found.find(({ id }) => id === wanted) ?? (found.length === 1 ? found[0] : undefined);
    if (exact !== undefined && prefix !== "") return exact;
    const list = "see: faramesh approvals list";
    if (found.length === 0) throw new Stop(`there is no approval \`${shortened(prefix, argsShownMax)}\``, list);
    throw new Stop(`\`${visible(prefix)}\` begins ${countText(found.length, "approval")}: give more of the id`, list);
  }

  list(io: Terminal, approvals: readonly ApprovalView[], none: string): number {
    io.json({ approvals });
    if (approvals.length === 0) io.line(none);
    const rows = approvals.map((one) => [
      one.id,
      io.paint[one.status === "pending" ? "yellow" : "dim"](one.status),
      visible(one.agent_id),
      visible(one.tool),
      shortened(canonicalJson(one.args), argsShownMax),
      one.status === "pending" ? `since ${toSeconds(one.deferred_at)}` : endText(one),
    ]);
    for (const line of columns(rows)) io.line(line);
    if (approvals.some(({ status }) => status === "pending"))
      io.note("decide with: faramesh approvals approve|deny <id> --reason …");
    return exits.ok;
  }
}

export class ApprovalsListCommand extends ApprovalsCommand {
  static override paths = [["approvals"], ["approvals", "list"]];
  static override usage = Command.Usage({
    ...usage,
    description: "list approvals: those that wait, and the latest that were resolved",
    details: "Without a daemon they are read from the log. Exit codes: 0, 1 there is neither.",
    examples: [["Who waits", "faramesh approvals list"]],
  });
  readonly status = Option.String("--status", { description: statuses.join(", ") });
  readonly agent = Option.String("--agent", { description: "of this agent only" });

  async run(io: Terminal): Promise<number> {
    const status = statuses.find((known) => known === this.status);
    if (this.status !== undefined && status === undefined) {
      throw new Stop(`--status is one of ${statuses.join(", ")}`, undefined, exits.usage);
    }
    const request = {
      ...(status === undefined ? {} : { status }),
      ...(this.agent === undefined ? {} : { agent_id: this.agent }),
    };
    return this.list(io, await readApprovals(this.dir, io, request), "no approvals");
  }
}

export class ApprovalsPendingCommand extends ApprovalsCommand {
  static override paths = [["approvals", "pending"]];
  static override usage = Command.Usage({ ...usage, description: "list the approvals that wait for a person" });

  async run(io: Terminal): Promise<number> {
    return this.list(io, await readApprovals(this.dir, io, { status: "pending" }), "no call waits for a person");
  }
}

export class ApprovalsHistoryCommand extends ApprovalsCommand {
  static override paths = [["approvals", "history"]];
  static override usage = Command.Usage({ ...usage, description: "list the approvals that were resolved" });

  async run(io: Terminal): Promise<number> {
    const approvals = await readApprovals(this.dir, io);
    return this.list(
      io,
      approvals.filter(({ status }) => status !== "pending"),
      "no approval was resolved yet",
    );
  }
}

export class ApprovalsShowCommand extends ApprovalsCommand {
  static override paths = [["approvals", "show"]];
  static override usage = Command.Usage({
    ...usage,
    description: "show one approval with all its arguments",
    details: "An id may be shortened as long as it names one approval. Exit codes: 0, 1 not found.",
    examples: [["All of one approval", "faramesh approvals show apr-1f0c"]],
  });
  readonly id = Option.String({ name: "id" });

  async run(io: Terminal): Promise<number> {
    const approval = this.pick(await readApprovals(this.dir, io), this.id);
    io.json({ approval });
    for (const line of describe(approval)) io.line(line);
    return exits.ok;
  }
}

export class ApprovalsApproveCommand extends ApprovalsCommand {
  static override paths = [["approvals", "approve"]];
  static override usage = Command.Usage({
    ...usage,
    description: "let the deferred call through, once",
    details:
      "Only the same call passes, or with --args only the narrowed one. Exit codes: 0, 1 not found or resolved already.",
    examples: [
      ["Approve", 'faramesh approvals approve apr-1f0c --reason "known customer"'],
      ["Approve a smaller amount instead", `faramesh approvals approve apr-1f0c --args '{"amount":50}'`],
    ],
  });
  readonly id = Option.String({ name: "id" });
  readonly reason = Option.String("--reason", { description: "kept in the log" });
  readonly args = Option.String("--args", {
    description: "JSON object: approve the call with these arguments instead",
  });

  async run(io: Terminal): Promise<number> {
    const narrowed = this.args === undefined ? undefined : readArgs(this.args);
    const { id } = await this.find(this.id);
    const { approval } = await askOperator(this.dir, "approve_defer", {
      id,
      actor: actorName(io.env),
      ...(this.reason === undefined ? {} : { reason: this.reason }),
      ...(narrowed === undefined ? {} : { args: narrowed }),
    });
    io.json({ approval });
    const call =
      narrowed === undefined ? "the same call" : `the call with ${shortened(canonicalJson(narrowed), argsShownMax)}`;
    io.say(
      `${io.paint.green("✓")} ${id} approved: ${call} of ${visible(approval.agent_id)} to ${visible(approval.tool)} may go through once`,
    );
    return exits.ok;
  }
}

export class ApprovalsDenyCommand extends ApprovalsCommand {
  static override paths = [["approvals", "deny"]];
  static override usage = Command.Usage({
    ...usage,
    description: "deny the deferred call",
    details: "The next identical call is denied with the reason, once. Exit codes: 0, 1 not found or resolved already.",
    examples: [["Deny", 'faramesh approvals deny apr-1f0c --reason "ask finance first"']],
  });
  readonly id = Option.String({ name: "id" });
  readonly reason = Option.String("--reason", { description: "told to the agent, and kept in the log" });

  async run(io: Terminal): Promise<number> {
    const { id } = await this.find(this.id);
    const { approval } = await askOperator(this.dir, "deny", {
      id,
      actor: actorName(io.env),
      ...(this.reason === undefined ? {} : { reason: this.reason }),
    });
    io.json({ approval });
    io.say(
      `${io.paint.green("✓")} ${id} denied: the next identical call of ${visible(approval.agent_id)} to ${visible(approval.tool)} is told so`,
    );
    return exits.ok;
  }
}

export class ApprovalsWatchCommand extends ApprovalsCommand {
  static override paths = [["approvals", "watch"]];
  static override usage = Command.Usage({
    ...usage,
    description: "the pending approvals, then each change as it happens",
    details:
      "On a terminal a screen with keys: j and k choose, a approves, d denies, q quits. Otherwise, and with --lines, one line for each change; with --format json one object a line. Exit codes: 0, 1 no daemon runs, or it ended.",
  });
  readonly lines = Option.Boolean("--lines", false, { description: "lines on a terminal too" });

  async run(io: Terminal): Promise<number> {
    let hasEnded = false;
    await io.untilInterrupted(async (signal) => {
      if (io.isScreen && !this.lines) {
        const { approvalsScreen } = await import("../approvals-screen.ts");
        hasEnded = await approvalsScreen(this.dir, io, signal, eventText);
        return;
      }
      for await (const message of watchApprovals(this.dir, signal)) {
        const events: ApprovalEvent[] =
          "event" in message ? [message] : message.approvals.map((approval) => ({ event: "created", approval }));
        for (const event of events) {
          io.json(event, 0);
          io.line(eventText(event));
        }
        await io.flush();
      }
      hasEnded = !signal.aborted;
    });
    if (hasEnded) throw new Stop("the daemon ended: nothing more to watch", "start it with: faramesh apply");
    return exits.ok;
  }
}

export function eventText({ event, approval }: ApprovalEvent): string {
  const { id, agent_id, tool, args, deferred_at, expires_at, resolved_at, used_at, resolved_by } = approval;
  const times = {
    created: deferred_at,
    approved: resolved_at,
    denied: resolved_at,
    expired: expires_at,
    used: used_at,
  };
  const isByPerson = (event === "approved" || event === "denied") && resolved_by !== null;
  const by = isByPerson ? ` by ${visible(resolved_by)}` : "";
  return `[${toSeconds(times[event] ?? deferred_at)}] ${id}  ${event}${by}  ${visible(agent_id)}  ${visible(tool)}  ${shortened(canonicalJson(args), argsShownMax)}`;
}

/** When, by whom and why it ended: `2026-05-17T19:30:01Z by ana: known customer, used 2026-05-17T19:31:00Z`. */
function endText({ status, resolved_at, resolved_by, reason, used_at, expires_at }: ApprovalView): string {
  const expired = status === "expired" ? `expired ${toSeconds(expires_at)}` : null;
  const by = resolved_by === null ? "" : ` by ${visible(resolved_by)}`;
  const why = reason === null || reason === "" ? "" : `: ${shortened(reason, argsShownMax)}`;
  const word = status === "expired" ? "approved " : "";
  const resolved = resolved_at === null ? null : `${word}${toSeconds(resolved_at)}${by}${why}`;
  const used = used_at === null ? null : `used ${toSeconds(used_at)}`;
  return [resolved, used, expired].filter((part) => part !== null).join(", ");
}

/** Everything that is known, the arguments in full: what is approved is what is shown, bound by the digest. */
function describe(approval: ApprovalView): string[] {
  const rows: (readonly [string, string | null])[] = [
    ["id", approval.id],
    ["status", approval.status],
    ["agent", approval.agent_id],
    ["session", approval.session_id],
    ["tool", approval.tool],
    ["arguments", canonicalJson(approval.args)],
    ["narrowed to", approval.narrowed_args === null ? null : canonicalJson(approval.narrowed_args)],
    ["deferred", toSeconds(approval.deferred_at)],
    ["expires", approval.status === "pending" ? toSeconds(approval.expires_at) : null],
    ["why", approval.context],
    ["rule", approval.rule_ref],
    ["cause", approval.cause],
    ["request digest", approval.request_digest],
    ["resolved", approval.resolved_at === null ? null : toSeconds(approval.resolved_at)],
    ["by", approval.resolved_by],
    ["reason", approval.reason],
    ["used", approval.used_at === null ? null : toSeconds(approval.used_at)],
  ];
  const shown = rows.flatMap(([name, value]) => (value === null || value === "" ? [] : [[name, visible(value)]]));
  return columns(shown);
}

function readArgs(text: string): JsonObject {
  const parsed = parseJson(Buffer.from(text));
  const help = `for instance: --args '{"amount":50}'`;
  if (!parsed.ok) throw new Stop(`--args is not JSON: ${visible(parsed.message)}`, help, exits.usage);
  const { value } = parsed;
  if (typeof value !== "object" || value === null || Array.isArray(value) || canonicalJson(value)[0] !== "{") {
    throw new Stop("--args is not a JSON object", help, exits.usage);
  }
  return value as JsonObject;
}
