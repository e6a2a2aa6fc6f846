// Builds the body of a decision so that it always fits an entry: no request can make an entry overflow. It cuts and
// commits, it never decides.
import { canonicalJson, canonicalString, type Json, type JsonObject } from "../json.ts";
import type { DecisionBody } from "./record.ts";

/** Bytes of a member's canonical JSON. Their sum, with the names and the header, stays below an entry's limit. */
const structureLimitBytes = {
  args: 32 * 1024,
  steps: 4 * 1024,
  tags: 4 * 1024,
  inputs: 4 * 1024,
  delegation: 4 * 1024,
  redacted: 4 * 1024,
  agent_identity: 2 * 1024,
  cost_usd: 64,
} as const satisfies Partial<Record<keyof DecisionBody, number>>;

const reasonLimitBytes = 1024;

/** Room for the 256 bytes that a request's ids may have, with escapes. */
const shortTextLimitBytes = 600;

type StructureMember = keyof typeof structureLimitBytes;

/** Members with a form of their own choosing; the others are texts, and every member is one or the other. */
const isStructure = (name: string): name is StructureMember => Object.hasOwn(structureLimitBytes, name);

/**
 * The body to append. A structure over its limit becomes `{"$redacted": <commitment>, "$truncated": <bytes>}`, with the
 * commitment and its salt from `commit`; a text over its limit is cut between characters and ends in `…`.
 */
export function decisionBody(input: DecisionBody, commit: (value: Json) => string): JsonObject {
  const body: Record<string, Json> = {};
  for (const [name, value] of Object.entries(input) as [string, Json][]) {
    if (isStructure(name)) body[name] = fitted(value, structureLimitBytes[name], commit);
    else if (typeof value !== "string") body[name] = value;
    else body[name] = cutText(value, name === "reason" ? reasonLimitBytes : shortTextLimitBytes);
  }
  return body;
}

function fitted(value: Json, limitBytes: number, commit: (value: Json) => string): Json {
  const sizeBytes = Buffer.byteLength(canonicalJson(value));
  return sizeBytes <= limitBytes ? value : { $redacted: commit(value), $truncated: sizeBytes };
}

/** The longest beginning whose canonical JSON, with the mark of the cut, fits. */
export function cutText(text: string, limitBytes: number): string {
  if (text.length * 6 + 2 <= limitBytes || jsonBytes(text) <= limitBytes) return text;
  let kept = "";
  let sizeBytes = jsonBytes("…");
  for (const character of text) {
    sizeBytes += jsonBytes(character) - 2;
    if (sizeBytes > limitBytes) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Bytes of the text's canonical JSON, the two quotes included. */
function jsonBytes(text: string): number {
  return Buffer.byteLength(canonicalString(text));
}
