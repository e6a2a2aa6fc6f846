// A span of time as settings and options write it: seconds, or "1h30m". It refuses what could be read in two ways.
import type { RuntimeValue } from "./evaluator/types.ts";

const secondsPer: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A duration of `runtime { }`: seconds, or as it stands in quotes ("1h30m"); null for anything else, or nothing. */
export function secondsOf(value: RuntimeValue | undefined): number | null {
  if (typeof value === "number") return value > 0 ? value : null;
  if (typeof value !== "string" || !/^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/.test(value)) return null;
  let seconds = 0;
  for (const [, count, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)) {
    seconds += Number(count) * (secondsPer[unit ?? ""] ?? 0);
  }
  return seconds > 0 ? seconds : null;
}
