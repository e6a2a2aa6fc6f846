// The value that a place holds in a call, read from the request by the oracle's words: what the regions of analysis are
// held against. It must share nothing with the analysis but its names for kinds.
import type { Place } from "../../compiler/analyse/place.ts";
import type { Sample } from "../../compiler/analyse/sample.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import type { EvaluationRequest } from "../../runtime/evaluator/types.ts";
import { TimePart } from "../../vm/shared/isa.ts";
import { httpValue } from "../oracle/http-part.ts";
import { walk } from "../oracle/walk.ts";

export interface Situation {
  readonly request: EvaluationRequest;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The session's workflow phase. */
  readonly phase: string | null;
  /** Rollouts that run. */
  readonly running: ReadonlySet<string>;
}

/** Null for what only the machine knows. */
export function sampleOf({ holder }: Place, { request, now, phase, running }: Situation): Sample | null {
  switch (holder.kind) {
    case "args":
      return fromJson(walk(request.args, holder.path));
    case "principal":
      return fromJson(walk(request.principal, holder.path));
    case "delegation":
      return fromJson(walk(request.delegation, holder.path));
    case "selectors":
      return fromJson(walk(request.selectors, holder.path));
    case "http":
      return fromJson(httpValue(request, holder.path));
    case "model":
      return fromJson(request.model);
    case "action":
      return fromJson(request.action_type);
    case "purpose":
      return fromJson(request.purpose);
    case "session":
      return fromJson(request.session_id ?? "default");
    case "agent":
      return fromJson(request.agent_id);
    case "tool":
      return fromJson(request.tool_id);
    case "time":
      return { kind: "number", value: timePart(holder.part, now) };
    case "phase":
      return fromJson(phase ?? undefined);
    case "rollout":
      return { kind: "bool", value: running.has(holder.name) };
    case "nowhere":
      return null;
  }
}

function timePart(part: number, now: number): number {
  const date = new Date(Math.floor(now));
  const parts: Record<TimePart, number> = {
    [TimePart.Now]: Math.floor(now / 1000),
    [TimePart.Minute]: date.getUTCMinutes(),
    [TimePart.Hour]: date.getUTCHours(),
    [TimePart.Day]: date.getUTCDate(),
    [TimePart.Month]: date.getUTCMonth() + 1,
    [TimePart.Weekday]: date.getUTCDay() === 0 ? 7 : date.getUTCDay(),
  };
  return parts[part as TimePart];
}

function fromJson(value: unknown): Sample {
  if (value === undefined) return { kind: "missing" };
  if (value === null) return { kind: "null" };
  if (typeof value === "boolean") return { kind: "bool", value };
  if (typeof value === "number") return { kind: "number", value };
  if (value instanceof JsonNumber) return { kind: "number", value: value.value };
  if (typeof value === "string") return { kind: "text", value };
  if (Array.isArray(value)) return { kind: "list", items: value.map(fromJson) };
  return { kind: "object" };
}
