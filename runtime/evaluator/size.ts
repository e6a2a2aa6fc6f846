// How much data a request's arguments hold, as vm/shared/isa.ts defines it (SIZE_OF_NUMBER): the same whoever wrote the JSON, and
// however. Looks at own members only and never further than a request may reach.
import { JSON_DEPTH_MAX, JSON_ITEMS_MAX } from "../../vm/shared/abi.ts";
import { NUMBER_TEXT_MAX, SIZE_OF_NUMBER } from "../../vm/shared/isa.ts";
import { JsonNumber } from "./number.ts";

/** Bytes; NaN for arguments that are no data, or hold more than a request may. */
export function sizeOfArguments(args: unknown): number {
  const left = { items: JSON_ITEMS_MAX };
  return args === undefined || args === null ? 1 : sizeOf(args, JSON_DEPTH_MAX, left);
}

function sizeOf(value: unknown, depth: number, left: { items: number }): number {
  if (typeof value === "string") return utf8Size(value);
  if (typeof value === "number") return SIZE_OF_NUMBER;
  if (value === null || typeof value === "boolean") return 1;
  if (value instanceof JsonNumber) return value.text.length > NUMBER_TEXT_MAX ? value.text.length : SIZE_OF_NUMBER;
  if (typeof value !== "object" || depth === 0) return Number.NaN;
  let size = 1;
  if (Array.isArray(value)) {
    left.items -= value.length;
    if (left.items < 0) return Number.NaN;
    for (const member of value) size += sizeOf(member, depth - 1, left);
    return size;
  }
  const names = Object.keys(value);
  left.items -= names.length;
  if (left.items < 0) return Number.NaN;
  for (const name of names) {
    const member = (value as { readonly [name: string]: unknown })[name];
    if (member !== undefined) size += utf8Size(name) + sizeOf(member, depth - 1, left);
  }
  return size;
}

/** NaN for half a character. */
function utf8Size(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return Number.NaN;
    // Two units, four bytes.
    i++;
  }
  return bytes;
}
