// A tool's output on its way back to the agent: what the policy redacts of the tool's arguments is taken out of it, and more than
// `system { max_output_bytes }` is cut off. It stores nothing and decides nothing about calls.
import { JsonNumber } from "./evaluator/number.ts";
import type { ToolInfo } from "./evaluator/types.ts";
import { canonicalJson, type Json, type JsonObject, parseJson } from "./json.ts";
import { redact } from "./log/redact.ts";

/** What stands where something was taken out. */
export const takenOut = "[REDACTED]";
/** A shorter value of an argument would be found by accident. */
const echoLengthMin = 4;
/** Values of arguments that are looked for in an output. */
const echoesMax = 64;

export interface Scanned {
  readonly output: Json;
  /** The paths that took something; `*` where an argument's value stood in the output. */
  readonly redacted: readonly string[];
  /** It was longer than may be kept. */
  readonly truncated: boolean;
}

/**
 * `args` are those of the call, where the client gives them: their redacted values are taken out of the output wherever they
 * stand. A text that is JSON is treated as the value that it holds, and comes back as a text.
 */
export function scanOutput(output: Json, tool: ToolInfo, args: Json, limitBytes: number | null): Scanned {
  const inner = typeof output === "string" ? parsedOf(output) : null;
  const echoes = echoesOf(args, tool.redact);
  const scanned = taken(inner ?? output, tool.redact, echoes);
  const whole = inner === null || scanned.redacted.length === 0 ? scanned.output : canonicalJson(scanned.output);
  const restored = inner !== null && scanned.redacted.length === 0 ? output : whole;
  const cut = limitBytes === null ? null : cutTo(restored, limitBytes);
  return { output: cut ?? restored, redacted: scanned.redacted, truncated: cut !== null };
}

function taken(value: Json, paths: readonly string[], echoes: readonly string[]): Omit<Scanned, "truncated"> {
  const byPath = redact(value, paths, () => takenOut);
  const unmarked = withMarks(byPath.args);
  const withoutEchoes = echoes.length === 0 ? unmarked : withoutTexts(unmarked, echoes);
  const isEchoed = withoutEchoes !== unmarked && canonicalJson(withoutEchoes) !== canonicalJson(unmarked);
  return { output: withoutEchoes, redacted: isEchoed ? [...byPath.redacted, "*"] : byPath.redacted };
}

/** An object or a list that stands in a text; null for any other text. */
function parsedOf(text: string): Json | null {
  if (!/^\s*[[{]/.test(text)) return null;
  const parsed = parseJson(Buffer.from(text));
  return parsed.ok ? parsed.value : null;
}

/** What redaction left for the log becomes what an agent may read. */
function withMarks(value: Json): Json {
  return mapped(value, (one) => (isObject(one) && one.$redacted === takenOut ? takenOut : undefined));
}

function withoutTexts(value: Json, texts: readonly string[]): Json {
  return mapped(value, (one) => {
    if (one instanceof JsonNumber) return texts.includes(one.text) ? takenOut : undefined;
    if (typeof one === "number") return texts.includes(String(one)) ? takenOut : undefined;
    if (typeof one !== "string") return undefined;
    return texts.reduce((rest, text) => rest.split(text).join(takenOut), one);
  });
}

/** The value with each part that `change` has an answer for replaced by it. */
function mapped(value: Json, change: (value: Json) => Json | undefined): Json {
  const changed = change(value);
  if (changed !== undefined) return changed;
  if (Array.isArray(value)) return (value as readonly Json[]).map((one) => mapped(one, change));
  if (!isObject(value)) return value;
  const copy: Record<string, Json> = Object.create(null);
  for (const [key, member] of Object.entries(value)) copy[key] = mapped(member, change);
  return copy;
}

/** The values that the paths name in the call's arguments, as texts, longest first. */
function echoesOf(args: Json, paths: readonly string[]): readonly string[] {
  if (!isObject(args) || paths.length === 0) return [];
  const found = new Set<string>();
  redact(args, paths, (value) => {
    collect(value, found);
    return takenOut;
  });
  return [...found].sort((a, b) => b.length - a.length);
}

function collect(value: Json, found: Set<string>): void {
  if (found.size >= echoesMax) return;
  if (Array.isArray(value)) for (const one of value as readonly Json[]) collect(one, found);
  else if (isObject(value)) for (const one of Object.values(value)) collect(one, found);
  else {
    const text = value instanceof JsonNumber ? value.text : String(value);
    if (text.length >= echoLengthMin && typeof value !== "boolean" && value !== null) found.add(text);
  }
}

/** Null where it is short enough. A text is cut between characters; anything else goes whole. */
function cutTo(output: Json, limitBytes: number): Json | null {
  const sizeBytes = Buffer.byteLength(typeof output === "string" ? output : canonicalJson(output));
  if (sizeBytes <= limitBytes) return null;
  if (typeof output !== "string") return { $truncated: sizeBytes };
  const bytes = Buffer.from(output);
  let end = limitBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}
