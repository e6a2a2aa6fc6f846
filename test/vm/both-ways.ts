// One request judged by decideJson and by way of objects: both must agree, whatever else a test asks.
import * as assert from "uvu/assert";
import type { JsonOptions, LoadOptions, Policy } from "../../runtime/evaluator/index.ts";
import { decideByObject, told } from "../differential/json.ts";
import { noon, open } from "./policies.ts";

export const encoder = new TextEncoder();

/** One policy opened for each way. */
const opened = new Map<string, readonly [Policy, Policy]>();

export function openTwice(text: string, options: LoadOptions): readonly [Policy, Policy] {
  const key = JSON.stringify([text, options, "state" in options]);
  const known = opened.get(key);
  if (known !== undefined) return known;
  const both = [open(text, options), open(text, options)] as const;
  opened.set(key, both);
  return both;
}

/** Code of a policy's answer, the same by both ways. */
export function codeBy(
  policy: string,
  request: string | Uint8Array,
  options: Partial<JsonOptions> = {},
  load: LoadOptions = {},
): string {
  const bytes = typeof request === "string" ? encoder.encode(request) : request;
  const asked = { now: noon, ...options };
  const [byJson, byObject] = openTwice(policy, load);
  const verdict = byJson.decideJson(bytes, asked);
  assert.is(told(verdict), told(decideByObject(byObject, bytes, asked)), shown(bytes));
  return verdict.code;
}

export function shown(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, 200));
}

/** Whether a policy that permits everything is asked at all. */
export function isRead(request: string | Uint8Array): boolean {
  const code = codeBy("permit *", request);
  assert.ok(code === "POLICY_PERMIT" || code === "BAD_REQUEST", code);
  return code === "POLICY_PERMIT";
}

/** Whether an argument, as JSON, makes a condition true. BAD_REQUEST where it cannot be judged. */
export function permits(condition: string, args: string): boolean | string {
  const code = codeBy(
    `agent "a" { default deny permit t if ${condition} }`,
    `{"agent_id":"a","tool_id":"t","args":${args}}`,
  );
  return code === "BAD_REQUEST" ? code : code === "POLICY_PERMIT";
}

/** A document as an argument's value. */
export function within(document: Uint8Array): Uint8Array {
  return Buffer.concat([encoder.encode('{"agent_id":"a","tool_id":"t","args":{"v":'), document, encoder.encode("}}")]);
}
