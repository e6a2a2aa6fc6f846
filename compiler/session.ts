// `session { max_duration, idle_timeout }`: the bounds of an agent's sessions, read from its block. Pure.
import type { Agent, BlockEntry, Span } from "./ast.ts";
import { blocksOf } from "./blocks.ts";
import { parseDuration } from "./parse/quantity.ts";

export interface SessionBound {
  readonly us: number;
  readonly span: Span;
}

export interface SessionBounds {
  readonly maxDuration: SessionBound | null;
  readonly idleTimeout: SessionBound | null;
}

/** Null where there is none, or none that can be read: check reports that. */
export function sessionBounds(agent: Agent): SessionBounds {
  const entries = blocksOf(agent, "session").flatMap((block) => block.entries);
  const bound = (name: "max_duration" | "idle_timeout"): SessionBound | null => {
    const entry = entries.find((one) => one.name === name);
    const us = entry === undefined ? null : boundUs(entry);
    return entry === undefined || us === null ? null : { us, span: entry.span };
  };
  return { maxDuration: bound("max_duration"), idleTimeout: bound("idle_timeout") };
}

/** Microseconds of a duration, bare or quoted; null for anything else. */
export function boundUs(entry: BlockEntry): number | null {
  const [value, second] = entry.values;
  if (value === undefined || second !== undefined) return null;
  const isTime = value.kind === "number" && value.unit === "duration";
  const seconds = isTime ? value.value : value.kind === "string" ? parseDuration(value.value) : null;
  return seconds === null || seconds <= 0 ? null : Math.round(seconds * 1e6);
}
