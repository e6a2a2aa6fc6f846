// One message of the Model Context Protocol (JSON-RPC 2.0) as it stands on a line. What could be read in two ways is none.
import { parseJson } from "../../json.ts";
import { type Members, twinIn } from "../twin-members.ts";

export type Id = string | number;

export type Message =
  | {
      readonly kind: "request";
      readonly id: Id;
      readonly method: string;
      /** Numbers that JavaScript would change keep their text (JsonNumber); in `value` they are changed. */
      readonly params: unknown;
      readonly value: Members;
    }
  | { readonly kind: "notification"; readonly method: string; readonly params: unknown; readonly value: Members }
  | { readonly kind: "response"; readonly id: Id; readonly value: Members }
  /** `id` where it could be read. */
  | { readonly kind: "unreadable"; readonly why: string; readonly id: Id | null };

/** Of one message, newline excluded. */
export const messageLimitBytes = 8 * 1024 * 1024;

/** Strict: a key twice, a list of messages or a null id are refused, since servers differ in what they make of them. */
export function readMessage(bytes: Uint8Array): Message {
  const strict = parseJson(bytes, { sizeBytes: messageLimitBytes, depth: 128, items: 1_000_000 });
  if (!strict.ok) return unreadable(strict.message);
  // The same values, numbers as JavaScript has them: messages that are passed on as they are go as bytes.
  const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  if (!isMembers(value)) return unreadable("a message is an object");
  const twin = twinIn(value, envelope);
  if (twin !== null) return unreadable(twin);
  const { jsonrpc, id, method } = value;
  const params: unknown = Reflect.get(Object(strict.value), "params");
  const known = typeof id === "string" || Number.isSafeInteger(id) ? (id as Id) : null;
  if (jsonrpc !== "2.0") return unreadable('`jsonrpc` is not "2.0"', known);
  if (id !== undefined && known === null) return unreadable("an id is a text or a whole number");
  if (method === undefined && known !== null) return { kind: "response", id: known, value };
  if (typeof method !== "string") return unreadable("`method` is no text", known);
  if (known === null) return { kind: "notification", method, params, value };
  return { kind: "request", id: known, method, params, value };
}

const envelope: ReadonlySet<string> = new Set(["jsonrpc", "id", "method", "params", "result", "error"]);

export function errorText(id: Id | null, code: number, message: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } });
}

export function resultText(id: Id, result: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result });
}

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unreadable(why: string, id: Id | null = null): Message {
  return { kind: "unreadable", why, id };
}
