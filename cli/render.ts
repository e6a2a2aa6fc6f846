// Values as text for people and as JSON for programs. Pure. What an agent supplied must never reach a terminal raw: every
// such text goes through `visible`, and JSON is written with the same characters escaped.
import { JsonNumber } from "../runtime/evaluator/number.ts";

/** Controls, bidirectional and other invisible format characters, line separators, lone surrogates, private glyphs of tags. */
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text on one line with what cannot be seen, or would change how the rest is seen, as escapes. */
export function visible(text: string): string {
  return text.replace(invisible, (character) => shortEscapes[character] ?? escaped(character));
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => unitEscape(character.charCodeAt(i))).join("");
}

function unitEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}

/** Visible, and cut to `max` characters with a mark that says how many are left out. */
export function shortened(text: string, max: number): string {
  const shown = [...visible(text)];
  if (shown.length <= max) return shown.join("");
  return `${shown.slice(0, max).join("")}… (${countText(shown.length - max, "character")} more)`;
}

/**
 * JSON with `indent` spaces (0: on one line), members in their own order, numbers as received. The same value as any
 * other writing of it, but no character in it can move a cursor.
 */
export function jsonText(value: unknown, indent = 2): string {
  return writeJson(value, indent, "");
}

/** One line of JSON with what cannot be seen as escapes: the same value, since such characters stand in strings only. */
export function visibleJson(line: string): string {
  return line.replace(/[\u007f-\u009f\p{Cf}\u2028\u2029]/gu, escaped);
}

function writeJson(value: unknown, indent: number, margin: string): string {
  if (value instanceof JsonNumber) return value.text;
  if (typeof value !== "object" || value === null) {
    // Undefined never gets here: members without a value are left out below.
    return (JSON.stringify(value) ?? "null").replace(/[\u007f-\u009f\p{Cf}\u2028\u2029]/gu, escaped);
  }
  const inner = margin + " ".repeat(indent);
  const [before, between, after] = indent === 0 ? ["", ",", ""] : [`\n${inner}`, `,\n${inner}`, `\n${margin}`];
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[${before}${value.map((item) => writeJson(item, indent, inner)).join(between)}${after}]`;
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length === 0) return "{}";
  const colon = indent === 0 ? ":" : ": ";
  const texts = members.map(([key, member]) => `${writeJson(key, 0, "")}${colon}${writeJson(member, indent, inner)}`);
  return `{${before}${texts.join(between)}${after}}`;
}

/** 14329 → "14,329". */
export function numberText(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 20 });
}

/** "1 call", "3 calls". */
export function countText(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** 192 → "3 min 12 s": the two largest units that are not zero. */
export function durationText(seconds: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [size, name] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

/** "2026-05-17T19:30:01.123456Z" → "2026-05-17T19:30:01Z". */
export function toSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

export function dollars(usd: number): string {
  return `$${usd.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 6 })}`;
}

const barWidth = 20;

/** How much of a whole is used: `█████░░░…`. */
export function bar(fraction: number): string {
  const full = Math.min(barWidth, Math.max(0, Math.round(fraction * barWidth)));
  return "█".repeat(full) + "░".repeat(barWidth - full);
}

/** Rows as lines with aligned columns, two spaces between; the last column is not padded. Colours take no room. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, width(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell + " ".repeat((widths[i] ?? 0) - width(cell))))
      .join("  ")
      .trimEnd(),
  );
}

function width(cell: string): number {
  return [...cell.replace(/\u001b\[\d+m/g, "")].length;
}

const heights = "▁▂▃▄▅▆▇█";

/** Numbers as heights, each at least one step where it is not zero; 0 is a space. */
export function sparkline(counts: readonly number[]): string {
  const most = Math.max(1, ...counts);
  return counts
    .map((count) => (count === 0 ? " " : heights.charAt(Math.ceil((count / most) * heights.length) - 1)))
    .join("");
}

/** `1.2%`. */
export function percentText(share: number): string {
  return `${(share * 100).toFixed(1).replace(/\.0$/, "")}%`;
}
