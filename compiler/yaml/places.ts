// Where each character of a scalar stands in the file, so that a message about a condition points into the quotes. Where
// folding or rare escapes make that uncertain, the whole scalar is the place; a wrong place is never given.
import type { Span } from "../ast.ts";
import type { ScalarNode } from "./node.ts";

export interface Places {
  /** The stretch of the file for a stretch of the scalar's text. */
  span(start: number, end: number): Span;
}

const short: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

export function placesOf(scalar: ScalarNode, text: string, file: string): Places {
  const { span, style } = scalar;
  const whole: Places = { span: () => span };
  if (style === "block") return whole;
  const quoted = style !== "plain";
  const from = quoted ? span.start + 1 : span.start;
  const raw = file.slice(from, quoted ? span.end - 1 : span.end);
  if (raw === text) return { span: (start, end) => ({ source: span.source, start: from + start, end: from + end }) };
  if (!quoted || /[\r\n]/.test(raw)) return whole;
  const walked = style === "single" ? walkSingle(raw) : walkDouble(raw);
  if (walked === null || walked.text !== text) return whole;
  const at = (offset: number): number => from + (walked.starts[offset] ?? raw.length);
  return { span: (start, end) => ({ source: span.source, start: at(start), end: Math.max(at(start), at(end)) }) };
}

interface Walked {
  readonly text: string;
  /** Offset in the raw text of each UTF-16 unit of `text`. */
  readonly starts: readonly number[];
}

function walkSingle(raw: string): Walked {
  const starts: number[] = [];
  for (let i = 0; i < raw.length; i++) {
    starts.push(i);
    if (raw[i] === "'") i++;
  }
  return { text: raw.replaceAll("''", "'"), starts };
}

function walkDouble(raw: string): Walked | null {
  const starts: number[] = [];
  let text = "";
  for (let i = 0; i < raw.length; i++) {
    starts.push(i);
    if (raw[i] !== "\\") {
      text += raw[i];
      continue;
    }
    const sign = raw[++i] ?? "";
    const hex = /^[0-9a-fA-F]{4}$/.test(raw.slice(i + 1, i + 5)) ? raw.slice(i + 1, i + 5) : "";
    if (sign === "u" && hex !== "") {
      text += String.fromCharCode(Number.parseInt(hex, 16));
      i += 4;
    } else {
      const plain = short[sign];
      if (plain === undefined) return null;
      text += plain;
    }
  }
  return { text, starts };
}
