// Records as CSV (RFC 4180) that a spreadsheet takes for text and never for a formula. Reversible: a cell that begins with an
// apostrophe has one more in front than it had.
import { canonicalJson, type Json, type JsonObject } from "../runtime/json.ts";

export const csvColumns = [
  "seq",
  "time",
  "type",
  "action_id",
  "agent_id",
  "session_id",
  "tool",
  "effect",
  "would",
  "code",
  "reason",
  "rule_ref",
  "policy_version",
  "approval_id",
  "cost_usd",
  "latency_us",
  "args",
  "hash",
] as const;

/** Spreadsheets read a cell that begins so as a formula, or drop what stands before one. */
const dangerous = /^[=+\-@\t\r']/;

export function csvCell(text: string): string {
  const safe = dangerous.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvRow(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

/** A record's members in the columns' order: texts as they are, anything else as JSON, nothing for null. */
export function recordRow(record: JsonObject): string {
  const cell = (value: Json | undefined): string =>
    value === undefined || value === null ? "" : typeof value === "string" ? value : canonicalJson(value);
  return csvRow(csvColumns.map((name) => cell(record[name])));
}
