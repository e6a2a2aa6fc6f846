// Time zones by name, from the table that the build lays out of a pinned edition of the IANA database: the same on every
// host. It must never ask the engine that runs it.
import { offsetChanges, timezones } from "../build/timezones.ts";
import type { Stack } from "./ast.ts";

export interface OffsetChange {
  /** Milliseconds since 1970; the first is when 2000 begins. */
  readonly fromMs: number;
  /** How far local time is ahead of UTC. */
  readonly offsetMinutes: number;
}

const FIRST_MS = Date.UTC(2000, 0, 1);
const MINUTE_MS = 60_000;
const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Names that may be written, aliases among them. */
export function timezoneNames(): readonly string[] {
  return Object.keys(timezones);
}

/** Offsets from 2000 to 2050, in order; null for a name that is no time zone. */
export function timezoneOffsets(name: string): readonly OffsetChange[] | null {
  const row = Object.hasOwn(timezones, name) ? timezones[name] : undefined;
  if (row === undefined) return null;
  const [first = 0, list = 0] = row.split("/").map(Number);
  const numbers = decode(offsetChanges[list] ?? "");
  const changes: OffsetChange[] = [{ fromMs: FIRST_MS, offsetMinutes: first }];
  let [fromMs, offsetMinutes] = [FIRST_MS, first];
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    const step = numbers[i + 1] ?? 0;
    fromMs += (numbers[i] ?? 0) * MINUTE_MS;
    offsetMinutes += step % 2 === 0 ? step / 2 : -(step - 1) / 2;
    changes.push({ fromMs, offsetMinutes });
  }
  return changes;
}

/** Of the zone that `runtime { timezone }` names; none where it names none. */
export function zoneOffsets(stack: Stack): readonly OffsetChange[] {
  const value = stack.runtime?.fields.find(({ name }) => name === "timezone")?.value;
  const name = value?.kind === "string" || value?.kind === "word" ? value.value : null;
  return (name === null ? null : timezoneOffsets(name)) ?? [];
}

function decode(text: string): number[] {
  const numbers: number[] = [];
  let [number, scale] = [0, 1];
  for (const character of text) {
    const digit = digits.indexOf(character);
    number += (digit % 32) * scale;
    scale *= 32;
    if (digit >= 32) continue;
    numbers.push(number);
    [number, scale] = [0, 1];
  }
  return numbers;
}
