// Records of the log as lines for people, and which of them are asked for. What an agent supplied comes out with every
// character visible and each record on one line, so that nothing in it can pass for another.
import { canonicalJson, type Json, type JsonObject } from "../runtime/json.ts";
import { exits, Stop } from "./exit.ts";
import type { NamePattern } from "./name-pattern.ts";
import { shortened, toSeconds, visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";

const effects = ["permit", "deny", "defer"] as const;
const reasonShownMax = 160;
const nameShownMax = 80;
/** Widths that keep columns of a stream in line without knowing what comes. */
const agentWidth = 12;
const toolWidth = 16;

export interface RecordFilter {
  readonly effect?: string | undefined;
  readonly agent?: NamePattern | undefined;
  readonly tool?: NamePattern | undefined;
  /** RFC 3339 with microseconds. */
  readonly since?: string | undefined;
}

/** Throws Stop for an effect that is none. */
export function checkedFilter(filter: RecordFilter): RecordFilter {
  if (filter.effect === undefined || effects.some((effect) => effect === filter.effect)) return filter;
  throw new Stop(`--effect is one of ${effects.join(", ")}`, undefined, exits.usage);
}

/** True when the filter asks for decisions and nothing else. */
export function isOfDecisions({ effect, agent, tool }: RecordFilter): boolean {
  return effect !== undefined || agent !== undefined || tool !== undefined;
}

/** In audit mode `deny` also finds what would have been denied. */
export function isWanted(record: JsonObject, filter: RecordFilter): boolean {
  const { effect, agent, tool, since } = filter;
  if (since !== undefined && !(typeof record.time === "string" && record.time >= since)) return false;
  if (!isOfDecisions(filter)) return true;
  if (record.type !== "decision") return false;
  if (effect !== undefined && record.effect !== effect && record.would !== effect) return false;
  if (agent !== undefined && !agent(text(record.agent_id))) return false;
  return tool === undefined || tool(text(record.tool));
}

/** `[2026-05-17T19:30:01Z] action-01J…  support-bot  stripe/refund  DENY  amount 8000 ≥ 5000`; `why` null: the reason. */
export function recordLine(io: Terminal, record: JsonObject, why: string | null): string {
  const { dim } = io.paint;
  const time = dim(`[${toSeconds(String(record.time))}]`);
  if (record.type !== "decision") return `${time} ${dim(String(record.type))}  ${otherText(record)}`;
  const agent = shortened(text(record.agent_id), nameShownMax).padEnd(agentWidth);
  const tool = shortened(text(record.tool), nameShownMax).padEnd(toolWidth);
  const effect = effectText(io, text(record.effect), record.would ?? null);
  const reason = shortened(why ?? text(record.reason), reasonShownMax);
  const told = [reason, ...selectorTexts(record, why !== null)].join("; ");
  return `${time} ${text(record.action_id)}  ${agent}  ${tool}  ${effect}  ${told}`;
}

/** Selectors that the policy reads and that had no value, and why; null where all had one. */
export function unavailableOf({ steps }: JsonObject): JsonObject | null {
  return memberOf(steps, "unavailable");
}

/** What came from outside: why it was not there, and the values where `isCompared` does not say them already. */
function selectorTexts(record: JsonObject, isCompared: boolean): string[] {
  const values = isCompared ? null : memberOf(record.inputs, "selectors");
  return [
    ...Object.entries(values ?? {}).map(([id, value]) => `selector ${id} ${text(value)}`),
    ...Object.entries(unavailableOf(record) ?? {}).map(([id, why]) => `no selector ${id}: ${text(why)}`),
  ].map((one) => shortened(one, nameShownMax));
}

function memberOf(value: Json | undefined, name: string): JsonObject | null {
  const member: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : null;
  return typeof member === "object" && member !== null ? (member as JsonObject) : null;
}

export function effectText(io: Terminal, effect: string, would: Json): string {
  const paint = { permit: io.paint.green, deny: io.paint.red, defer: io.paint.yellow }[effect] ?? io.paint.bold;
  const word = paint(visible(effect.toUpperCase()));
  return typeof would === "string" && would !== effect ? `${word} (would ${visible(would.toUpperCase())})` : word;
}

/** What a record other than a decision says, in a few words. */
function otherText(record: JsonObject): string {
  const words = (...names: string[]): string =>
    names
      .map((name) => record[name])
      .filter((value) => value !== undefined && value !== null && value !== "")
      .map((value) => shortened(text(value), nameShownMax))
      .join("  ");
  switch (record.type) {
    case "policy":
      return words("version", "change", "actor", "summary");
    case "approval":
      return words("approval_id", "change", "agent_id", "tool", "actor", "reason");
    case "outcome":
      return words("action_id", "agent_id", "tool", "status", "provider");
    case "cost":
      return words("action_id", "agent_id", "change", "cost_usd", "actor");
    case "grant":
      return words("grant_id", "change", "agent_id", "tool", "condition", "actor", "reason");
    case "agent":
      return words("agent_id", "change", "actor", "reason");
    case "phase":
      return words("agent_id", "from", "to", "cause");
    case "checkpoint":
      return words("cause");
    case "mark":
      return words("kind", "detail");
    default:
      return words("action_id", "agent_id", "change", "kind", "actor");
  }
}

/** A member of a record as text: strings as they are, anything else as JSON. */
function text(value: Json | undefined): string {
  return typeof value === "string" ? value : canonicalJson(value ?? null);
}
