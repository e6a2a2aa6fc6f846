// `faramesh explain`: one decision step by step, one approval with what became of it, one rule with what it decided. Reads
// the log and the stored policies; no daemon needed, nothing changed.
import { Command, Option } from "clipanion";
import { doorBypass, isDoor } from "../../runtime/doors/kinds.ts";
import type { TestTrace } from "../../runtime/evaluator/types.ts";
import { canonicalJson, type Json, type JsonObject } from "../../runtime/json.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import type { Explained } from "../explanation.ts";
import { findRecord } from "../find-record.ts";
import { effectText, unavailableOf } from "../records.ts";
import { columns, shortened, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { testText } from "../tests.ts";
import { existingWalDir } from "../wal.ts";

const argsShownMax = 2000;
const category = "Log";

export class ExplainCommand extends FarameshCommand {
  static override paths = [["explain"], ["explain", "decision"]];
  static override usage = Command.Usage({
    category,
    description: "show how a decision came about",
    details:
      "The rules in the order in which they were tried, the values compared, limits, budgets, approval. Exit codes: 0, 1 not found.",
    examples: [["A decision by its action id", "faramesh explain action-01JV8"]],
  });
  readonly id = Option.String({ name: "id" });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const found = await findRecord(walDir, this.id);
    return explainFound(this, io, walDir, found);
  }
}

export class ExplainApprovalCommand extends FarameshCommand {
  static override paths = [["explain", "approval"]];
  static override usage = Command.Usage({
    category,
    description: "show why a call was deferred and what became of it",
    details: "Exit codes: 0, 1 not found.",
  });
  readonly id = Option.String({ name: "id" });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const found = await findRecord(walDir, this.id);
    if (found.value.type !== "approval")
      throw new Stop(`${visible(this.id)} is no approval`, `try: faramesh explain ${visible(this.id)}`);
    return explainFound(this, io, walDir, found);
  }
}

/** A decision, or the decision that opened an approval. */
async function explainFound(
  command: FarameshCommand,
  io: Terminal,
  walDir: string,
  found: Awaited<ReturnType<typeof findRecord>>,
): Promise<number> {
  const { explainDecision } = await import("../explanation.ts");
  const { type, action_id } = found.value;
  const decision = type === "approval" && typeof action_id === "string" ? await findRecord(walDir, action_id) : found;
  if (decision.value.type !== "decision") {
    throw new Stop(
      `record ${found.seq} is no decision but of type ${visible(String(type))}`,
      `see: faramesh audit show ${found.seq}`,
    );
  }
  const explained = await explainDecision(command.dir, walDir, decision);
  io.json(jsonOf(explained));
  if (!io.isJson) tell(io, explained);
  return exits.ok;
}

function jsonOf({ record, steps, rules, meters, phase, gap, alternative, approvals, outcomes }: Explained): object {
  const { action_id, time, agent_id, session_id, tool, args, redacted, inputs, policy_version, policy_hash } = record;
  const { effect, would, code, reason, rule_ref, mode, approval_id, seq } = record;
  return {
    action_id,
    seq,
    time,
    agent_id,
    session_id,
    tool,
    door: record.door ?? null,
    bypass: isDoor(record.door) ? doorBypass[record.door] : null,
    args,
    inputs: inputs ?? null,
    unavailable: unavailableOf(record),
    redacted,
    policy_version,
    policy_hash,
    mode,
    effect,
    would,
    code,
    reason,
    rule_ref,
    steps,
    rules,
    meters,
    phase,
    gap,
    alternative: alternativeJson(alternative),
    approval_id,
    approvals,
    outcomes,
  };
}

/** What the rest of the policy would have said, as the record has it. */
function withoutPhase({ steps }: JsonObject): string {
  const shadow = typeof steps === "object" && steps !== null ? Reflect.get(steps, "shadow") : undefined;
  if (typeof shadow !== "object" || shadow === null) return "";
  const [effect, ruleRef] = [Reflect.get(shadow, "effect"), Reflect.get(shadow, "rule_ref")];
  const by = typeof ruleRef === "string" ? ` by ${ruleRef}` : "";
  return visible(`; without it: ${String(effect)}${by}`);
}

function tell(io: Terminal, explained: Explained): void {
  const { record, steps, rules, meters, phase, gap, alternative, approvals, outcomes } = explained;
  const { bold, dim, green } = io.paint;
  const text = (name: string): string => visible(String(record[name] ?? ""));
  io.line(
    `${bold(text("action_id"))}  ${effectText(io, String(record.effect), record.would ?? null)}  ${text("code")}`,
  );
  for (const line of columns(rowsOf(record).map(([name, value]) => [`  ${dim(name)}`, value]))) io.line(line);
  const stepRows = (steps ?? []).map(({ number, step, outcome, detail }) => {
    const name = `  ${dim(`step ${number}`)}`;
    return [name, step, outcome === "decided" ? bold(outcome) : dim(outcome), shortened(visible(detail), argsShownMax)];
  });
  for (const line of columns(stepRows)) io.line(line);
  if (phase !== null) io.line(`phase ${visible(phase)} decides${withoutPhase(record)}`);
  for (const { number, text: rule, outcome, tests } of rules) {
    const mark = outcome === "match" ? green("match") : outcome;
    io.line(`rule#${number} ${visible(rule)} → ${mark}${testsText(tests)}`);
  }
  for (const meter of meters) io.line(visible(meter));
  if (gap !== null) io.line(`  ${visible(gap)}`);
  for (const one of approvals) io.line(approvalLine(one));
  io.line(`→ ${effectText(io, String(record.effect), record.would ?? null)}: ${text("reason")}`);
  if (alternative !== null) io.line(alternativeText(alternative));
  for (const one of outcomes) io.line(outcomeLine(one));
}

function alternativeJson(alternative: Explained["alternative"]): object | null {
  if (alternative === null) return null;
  const { number, change, against } = alternative;
  return { number, change, against };
}

function alternativeText({ change, number, against }: NonNullable<Explained["alternative"]>): string {
  const by = number === null ? "the default" : `rule#${number}`;
  const way = against === null ? "" : `; rule#${against} stands in the way`;
  return `would be permitted if ${shortened(change, argsShownMax)} (${by})${way}`;
}

function rowsOf(record: JsonObject): (readonly [string, string])[] {
  const text = (name: string): string => visible(String(record[name] ?? ""));
  const rows: (readonly [string, string])[] = [
    ["when", `${toSeconds(text("time"))}, record ${text("seq")}`],
    ["policy", `${text("policy_version")} (${text("policy_hash").slice(0, 8)}), ${text("mode")}`],
    ["agent", `${text("agent_id")}, session ${text("session_id")}`],
    ["tool", text("tool")],
    ...doorRow(record.door),
    ["arguments", shortened(canonicalJson(record.args ?? null), argsShownMax)],
  ];
  if (typeof record.inputs === "object" && record.inputs !== null)
    rows.push(["inputs", shortened(canonicalJson(record.inputs), argsShownMax)]);
  for (const [id, why] of Object.entries(unavailableOf(record) ?? {}))
    rows.push(["no value", visible(`selector ${id}: ${String(why)}`)]);
  const redacted = Array.isArray(record.redacted) ? record.redacted.map((path) => visible(String(path))) : [];
  if (redacted.includes("*"))
    rows.push(["kept", "of the arguments only keys and types: the policy does not name this tool"]);
  else if (redacted.length > 0) rows.push(["redacted", redacted.join(", ")]);
  return rows;
}

/** Records of before doors were told apart have none. */
function doorRow(door: Json | undefined): (readonly [string, string])[] {
  if (typeof door !== "string") return [];
  return [["by", isDoor(door) ? `${door}: ${doorBypass[door]}` : visible(door)]];
}

/** ` (8000 ≥ 500)`; with more than one test each value is named, ` (a 1 = 1; b 3 ≠ 2)`. */
function testsText(tests: readonly TestTrace[]): string {
  if (tests.length === 0) return "";
  const told = tests.map((test) => shortened(testText(test, tests.length > 1), argsShownMax));
  return ` (${told.join("; ")})`;
}

/** What became of the call, or what it cost in truth. */
function outcomeLine({ type, status, time, change, cost_usd, provider }: JsonObject): string {
  const at = `at ${toSeconds(String(time))}`;
  if (type === "cost") return `cost ${visible(String(change))}: ${visible(canonicalJson(cost_usd ?? null))} USD ${at}`;
  return `outcome: ${visible(String(status))}${typeof provider === "string" ? ` by ${visible(provider)}` : ""} ${at}`;
}

function approvalLine(record: JsonObject): string {
  const who = typeof record.actor === "string" ? ` by ${visible(record.actor)}` : "";
  const why = typeof record.reason === "string" && record.reason !== "" ? `: ${visible(record.reason)}` : "";
  const isGrant = typeof record.grant_id === "string";
  return `${isGrant ? "grant" : "approval"} ${visible(String(isGrant ? record.grant_id : record.approval_id))} ${visible(String(record.change))}${who} at ${toSeconds(String(record.time))}${why}`;
}
