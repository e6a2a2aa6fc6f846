// What DuckDB answers as plain values: exact numbers as they are written, times as RFC 3339, JSON as JSON. Pure.
import { formatTime } from "../clock.ts";
import { JsonNumber } from "../evaluator/number.ts";
import { type Json, parseJson } from "../json.ts";

const jsonLimits = { sizeBytes: 1024 * 1024, depth: 256, items: 1_000_000 };

/** Depth of lists and structures in one value that is followed. */
const depthMax = 64;

/** `type` as the answer names it. */
export function plain(value: unknown, type: string, depth = 0): Json {
  if (value === null || value === undefined || typeof value === "boolean") return value ?? null;
  if (typeof value === "bigint") return exact(value.toString());
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "string") return type === "JSON" ? jsonOf(value) : value;
  if (typeof value !== "object" || depth >= depthMax) return String(value);
  const micros: unknown = Reflect.get(value, "micros");
  if (typeof micros === "bigint" && type.startsWith("TIMESTAMP")) return timeOf(micros) ?? String(value);
  if (Reflect.has(value, "scale") && Reflect.has(value, "width")) return exact(String(value));
  const items: unknown = Reflect.get(value, "items");
  if (Array.isArray(items)) return items.map((item: unknown) => plain(item, type.replace(/\[\d*\]$/, ""), depth + 1));
  const entries: unknown = Reflect.get(value, "entries");
  if (typeof entries === "object" && entries !== null && !Array.isArray(entries)) {
    return Object.fromEntries(Object.entries(entries).map(([name, one]) => [name, plain(one, "", depth + 1)]));
  }
  return String(value);
}

/** The value as one text: strings as they are, nothing for null. */
export function cellText(value: unknown, type: string): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "object") {
    const micros: unknown = Reflect.get(value, "micros");
    if (typeof micros === "bigint" && type.startsWith("TIMESTAMP")) return timeOf(micros) ?? String(value);
  }
  return String(value);
}

function timeOf(micros: bigint): string | null {
  try {
    return formatTime(Number(micros));
  } catch {
    return null;
  }
}

function jsonOf(text: string): Json {
  const parsed = parseJson(Buffer.from(text), jsonLimits);
  return parsed.ok ? parsed.value : text;
}

function exact(text: string): Json {
  const value = Number(text);
  return String(value) === text
    ? value
    : new JsonNumber(text, value, !/^-?\d+$/.test(text) || Number.isSafeInteger(value));
}
