// Local time as the engine's own time zone data has it, which is not the compiler's: what clocks show at a time, and how
// many windows of whole days have begun on them. Slow; remembers the minutes that it was asked for.
import type { Stack } from "../../compiler/ast.ts";

const MINUTE_MS = 60_000;
const DAY_US = 86_400_000_000n;
/** Policies hold offsets from the first of these times on, and up to the second. */
const FIRST_MS = Date.UTC(2000, 0, 1);
const LAST_MS = Date.UTC(2051, 0, 1) - MINUTE_MS;
/** Clocks are put back by less. */
const LOOK_BACK_MINUTES = 180;

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

/** The zone that the policy names; null for UTC. */
export function zoneOf(stack: Stack): string | null {
  const value = stack.runtime?.fields.find(({ name }) => name === "timezone")?.value;
  return value?.kind === "string" || value?.kind === "word" ? value.value : null;
}

/** What clocks show, as the UTC time that reads the same, in microseconds. */
export function localUs(zone: string | null, us: bigint): bigint {
  if (zone === null) return us;
  const minute = Math.floor(Number(us / 1000n) / MINUTE_MS) * MINUTE_MS;
  return us + BigInt(offsetMs(zone, Math.min(Math.max(minute, FIRST_MS), LAST_MS))) * 1000n;
}

function offsetMs(zone: string, minuteMs: number): number {
  const key = `${zone} ${minuteMs}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  const shown = new Map<string, number>(
    formatOf(zone)
      .formatToParts(minuteMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: string): number => shown.get(type) ?? 0;
  const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"));
  offsets.set(key, local - minuteMs);
  return local - minuteMs;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const number = "numeric";
  const fields = { year: number, month: number, day: number, hour: number, minute: number } as const;
  const made = new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", ...fields });
  formats.set(zone, made);
  return made;
}

/** Number of the window: of local days where it is made of whole ones, else since 1970. It never goes down. */
export function windowNumber(zone: string | null, length: bigint, us: bigint): bigint {
  if (zone === null || length % DAY_US !== 0n) return us / length;
  let latest = localUs(zone, us);
  const minute = (us / 60_000_000n) * 60_000_000n;
  for (let back = 0n; back < LOOK_BACK_MINUTES && minute >= back * 60_000_000n; back++) {
    const shown = localUs(zone, minute - back * 60_000_000n);
    if (shown > latest) latest = shown;
  }
  return (latest + 2n * length) / length;
}
