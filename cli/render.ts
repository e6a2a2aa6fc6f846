// Words for a terminal: marks, colours, tables, times. What an agent supplied goes through `visible` first. Pure.
import pc from "picocolors";

export interface Paint {
  readonly on: boolean;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

export function paint(on: boolean): Paint {
  const colors = pc.createColors(on);
  return { on, good: colors.green, bad: colors.red, warn: colors.yellow, dim: colors.dim, bold: colors.bold };
}

/** Control, format and bidirectional characters, which could rewrite a terminal's line or the reader's order of it. */
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/** Text from outside on one line, with what a terminal would obey or hide shown as an escape. */
export function visible(text: string): string {
  return text.replace(hidden, (c) => {
    if (c === "\n") return "\\n";
    if (c === "\r") return "\\r";
    if (c === "\t") return "\\t";
    const point = c.codePointAt(0) ?? 0;
    return point < 0x100 ? `\\x${point.toString(16).padStart(2, "0")}` : `\\u{${point.toString(16)}}`;
  });
}

/** `visible`, cut to `most` characters with a mark that says so. */
export function shown(text: string, most = 200): string {
  const safe = visible(text);
  return safe.length > most ? `${safe.slice(0, most)}… (${safe.length} characters)` : safe;
}

/** Rows in columns, each as wide as its widest cell; two spaces between. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, plainLength(cell))));
  return rows
    .map((row) => row.map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - plainLength(cell))).join("  ").trimEnd())
    .join("\n");
}

function plainLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours are such
  return text.replace(/\u001b\[\d+m/g, "").length;
}

/** "3 calls", "1 call". */
export function count(n: number, noun: string): string {
  return `${n.toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;
}

/** Seconds as "2 d 3 h", "4 min 12 s", "15 s". */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [d, h, m, s] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  if (d > 0) return h > 0 ? `${d} d ${h} h` : `${d} d`;
  if (h > 0) return m > 0 ? `${h} h ${m} min` : `${h} h`;
  if (m > 0) return s > 0 ? `${m} min ${s} s` : `${m} min`;
  return `${s} s`;
}

/** RFC 3339 time to the second. */
export function second(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

export function dollars(amount: number): string {
  return `$${amount.toFixed(Number.isInteger(amount * 100) ? 2 : 6)}`;
}
