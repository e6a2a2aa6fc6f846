// `faramesh audit trace ID`: the calls of one run, one session or one action in their order, and under each what became of it:
// approval, outcome, cost. It reads files alone.
import { Command, Option } from "clipanion";
import type { Json, JsonObject } from "../../runtime/json.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { effectText } from "../records.ts";
import { countText, shortened, toSeconds } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";
import { recordsOf } from "../whole-log.ts";

/** Calls of one trace; a run has tens. */
const callsMax = 10_000;
/** Records under one call that are kept. */
const followersMax = 1_000;
/** Openings of approvals that wait for their decision, which comes at once. */
const openingsMax = 1_024;
const textShownMax = 120;
const idShownMax = 80;

interface Traced {
  readonly decision: JsonObject;
  readonly followers: JsonObject[];
}

export class AuditTraceCommand extends FarameshCommand {
  static override paths = [["audit", "trace"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "print the calls of one run or session with what became of them",
    details:
      "ID is a request id (the name of a run), a session id, or an action id. A session of one agent: agent/session. Exit codes: 0, 1 there is no such call, 5 the log is broken.",
    examples: [["What one run did", "faramesh audit trace run-2026-05-17-a"]],
  });
  readonly id = Option.String({ required: true, name: "id" });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const calls: Traced[] = [];
    const byAction = new Map<Json, Traced>();
    const byApproval = new Map<Json, Traced>();
    // An approval is opened before the decision that tells of it.
    const openings = new Map<Json, JsonObject>();
    let left = 0;
    for await (const { value } of recordsOf(io, walDir)) {
      if (value.type === "decision" && isOf(value, this.id)) {
        if (calls.length === callsMax) {
          left++;
          continue;
        }
        const opening = openings.get(value.action_id ?? null);
        const traced: Traced = { decision: value, followers: opening === undefined ? [] : [opening] };
        calls.push(traced);
        byAction.set(value.action_id ?? null, traced);
        // The approval of several equal calls stands under the first.
        const { approval_id: approval = null } = value;
        if (approval !== null && !byApproval.has(approval)) byApproval.set(approval, traced);
      } else if (value.type !== "decision") {
        const traced = byAction.get(value.action_id ?? "") ?? byApproval.get(value.approval_id ?? "");
        if (traced === undefined && value.change === "opened") keep(openings, value);
        if (traced !== undefined && traced.followers.length < followersMax) traced.followers.push(value);
      }
    }
    if (calls.length === 0) {
      throw new Stop(`no call belongs to \`${shortened(this.id, idShownMax)}\``, "see: faramesh audit tail");
    }
    io.json({ id: this.id, calls: calls.map(({ decision, followers }) => ({ decision, followers })), left_out: left });
    if (io.isJson) return exits.ok;
    for (const call of calls) tell(io, call);
    if (left > 0) io.line(`… ${countText(left, "call")} more`);
    return exits.ok;
  }
}

function keep(openings: Map<Json, JsonObject>, opening: JsonObject): void {
  openings.set(opening.action_id ?? null, opening);
  if (openings.size > openingsMax) openings.delete(openings.keys().next().value ?? null);
}

function isOf(decision: JsonObject, id: string): boolean {
  const { request_id, session_id, action_id, agent_id } = decision;
  if (request_id === id || session_id === id || action_id === id || action_id === `action-${id}`) return true;
  return `${String(agent_id)}/${String(session_id)}` === id;
}

function tell(io: Terminal, { decision, followers }: Traced): void {
  const { dim } = io.paint;
  const effect = effectText(io, String(decision.effect), decision.would ?? null);
  const names = [decision.agent_id, decision.tool].map((name) => shortened(String(name), idShownMax)).join("  ");
  const reason = shortened(String(decision.reason), textShownMax);
  io.line(
    `${dim(`[${toSeconds(String(decision.time))}]`)} ${String(decision.action_id)}  ${names}  ${effect}  ${reason}`,
  );
  followers.forEach((record, i) => {
    const branch = i === followers.length - 1 ? "└" : "├";
    io.line(`  ${branch} ${dim(`[${toSeconds(String(record.time))}]`)} ${String(record.type)}  ${wordsOf(record)}`);
  });
}

function wordsOf(record: JsonObject): string {
  const { approval_id, change, status, provider, duration_ms, cost_usd, actor, reason } = record;
  return [
    approval_id,
    change,
    status,
    provider,
    duration_ms === undefined || duration_ms === null ? null : `${String(duration_ms)} ms`,
    cost_usd === undefined || cost_usd === null ? null : `$${textOf(cost_usd)}`,
    actor,
    reason,
  ]
    .filter((value) => value !== undefined && value !== null && value !== "")
    .map((value) => shortened(textOf(value ?? null), textShownMax))
    .join("  ");
}

function textOf(value: Json): string {
  if (typeof value === "object" && value !== null && "text" in value) return String(value.text);
  return typeof value === "string" ? value : JSON.stringify(value);
}
