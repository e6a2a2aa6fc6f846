// Numbers with their units, from text to value: money in dollars, durations in seconds, sizes in bytes. Pure.
import type { NumberUnit } from "../ast.ts";

const unitSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const unitBytes: Readonly<Record<string, number>> = { kb: 1_024, mb: 1_024 ** 2, gb: 1_024 ** 3 };

const plain = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const money = /^(-?)\$([0-9]+(?:\.[0-9]+)?)$/;
const duration = /^(?:[0-9]+(?:ms|s|m|h|d|w))+$/;
const durationPart = /([0-9]+)(ms|s|m|h|d|w)/g;
const size = /^([0-9]+)(kb|mb|gb)$/;

export interface Quantity {
  readonly value: number;
  readonly unit: NumberUnit;
}

/** Reads `42`, `$10.50`, `1h30m`, `10mb`; what is none of them gives the message that says so. */
export function readQuantity(text: string): Quantity | string {
  const read = readKnown(text);
  if (read === null) return complaint(text);
  if (!Number.isFinite(read.value)) return `\`${text}\` is too large for a number`;
  return read;
}

function readKnown(text: string): Quantity | null {
  if (plain.test(text)) return { value: Number(text), unit: "plain" };
  const dollars = money.exec(text);
  if (dollars !== null) return { value: Number(`${dollars[1]}${dollars[2]}`), unit: "money" };
  const seconds = parseDuration(text);
  if (seconds !== null) return { value: seconds, unit: "duration" };
  const bytes = size.exec(text);
  if (bytes !== null) return { value: Number(bytes[1]) * (unitBytes[bytes[2] ?? ""] ?? Number.NaN), unit: "size" };
  return null;
}

function complaint(text: string): string {
  const unit = /^[0-9]+(?:\.[0-9]+)?([A-Za-z]+)$/.exec(text)?.[1];
  if (unit !== undefined && !Object.hasOwn(unitSeconds, unit) && !Object.hasOwn(unitBytes, unit)) {
    return `unknown unit \`${unit}\` in \`${text}\``;
  }
  return `\`${text}\` is not a number`;
}

/** Seconds of `1h30m`, `500ms`; null for any other text. */
export function parseDuration(text: string): number | null {
  if (!duration.test(text)) return null;
  let milliseconds = 0;
  for (const part of text.matchAll(durationPart)) {
    milliseconds += Number(part[1]) * Math.round((unitSeconds[part[2] ?? ""] ?? Number.NaN) * 1_000);
  }
  return milliseconds / 1_000;
}
