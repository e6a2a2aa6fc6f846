// The strict JSON reader and the canonical writer. One reading of each byte string: whatever two parsers could read
// differently is refused here. It must never merge keys, round numbers or repair text.
import { isAscii } from "node:buffer";
import { JsonNumber } from "./evaluator/number.ts";

/** A JSON value. Objects made by `parseJson` have no prototype, so `constructor` and the like are plain data. */
export type Json = null | boolean | number | string | JsonNumber | readonly Json[] | { readonly [key: string]: Json };

export type JsonObject = { readonly [key: string]: Json };

export interface JsonLimits {
  /** bytes of the whole document */
  readonly sizeBytes: number;
  /** arrays and objects open at the same time */
  readonly depth: number;
  /** keys and array elements together, over the whole document */
  readonly items: number;
}

export type JsonResult =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly message: string; readonly offset: number };

export const defaultJsonLimits: JsonLimits = { sizeBytes: 8 * 1024 * 1024, depth: 64, items: 100_000 };

/** Deepest value that `canonicalJson` writes. Above any reader's limit, below what the JavaScript stack bears. */
export const canonicalDepthMax = 128;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenientUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Reads one JSON document (RFC 8259) from UTF-8 bytes. Refused, with the byte offset: invalid UTF-8, a byte order mark,
 * lone surrogate escapes, duplicate keys (compared after unescaping), the key `__proto__`, numbers beyond the range of
 * a double, trailing bytes, and anything over `limits`. Numbers are JavaScript numbers only where JavaScript prints the
 * same text; the others, `-0` among them, keep their text in a `JsonNumber`.
 */
export function parseJson(bytes: Uint8Array, limits?: Partial<JsonLimits>): JsonResult {
  const sizeBytes = limits?.sizeBytes ?? defaultJsonLimits.sizeBytes;
  if (bytes.length > sizeBytes) {
    return { ok: false, message: `document is larger than ${sizeBytes} bytes`, offset: sizeBytes };
  }
  let text: string;
  try {
    // Most documents are ASCII, and then need no decoder: 0.6 µs for 500 bytes where the strict one takes 1.6 µs.
    text = isAscii(bytes) ? latin1(bytes) : utf8.decode(bytes);
  } catch {
    return { ok: false, message: "text is not valid UTF-8", offset: invalidUtf8Offset(bytes) };
  }
  const reader = new Reader(text, limits?.depth ?? defaultJsonLimits.depth, limits?.items ?? defaultJsonLimits.items);
  try {
    return { ok: true, value: reader.document() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ok: false, message: error.message, offset: encoder.encode(text.slice(0, error.position)).length };
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** First byte that is not UTF-8: the first replacement character that the bytes themselves do not spell. */
function invalidUtf8Offset(bytes: Uint8Array): number {
  const text = lenientUtf8.decode(bytes);
  let offset = 0;
  let from = 0;
  for (let at = text.indexOf("\ufffd"); at !== -1; at = text.indexOf("\ufffd", from)) {
    offset += encoder.encode(text.slice(from, at)).length;
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) return offset;
    offset += 3;
    from = at + 1;
  }
  return offset;
}

/** Why a text was refused; thrown and caught inside this file only. `position` counts UTF-16 units. */
class Refusal extends Error {
  readonly position: number;

  constructor(message: string, position: number) {
    super(message);
    this.position = position;
  }
}

const escapedCharacter: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
});

/** Integers of up to this many digits are exact doubles that JavaScript prints without an exponent. */
const smallIntegerDigits = 15;

// Works on the decoded string: measured twice as fast as walking the bytes and decoding each string by itself.
class Reader {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #itemsMax: number;
  #at = 0;
  #items = 0;

  constructor(text: string, depthMax: number, itemsMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
    this.#itemsMax = itemsMax;
  }

  document(): Json {
    const first = this.#skipSpace();
    const value = this.#value(first, 0);
    this.#skipSpace();
    if (this.#at !== this.#text.length) this.#refuse("unexpected text after the value");
    return value;
  }

  #refuse(message: string, position: number = this.#at): never {
    throw new Refusal(message, position);
  }

  /** Moves to the next character that is not white space and returns its code; NaN at the end. */
  #skipSpace(): number {
    let code = this.#text.charCodeAt(this.#at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = this.#text.charCodeAt(++this.#at);
    return code;
  }

  #value(code: number, depth: number): Json {
    if (code === 0x22) return this.#string();
    if (code === 0x7b) return this.#object(depth);
    if (code === 0x5b) return this.#array(depth);
    if (code === 0x2d || (code >= 0x30 && code <= 0x39)) return this.#number();
    if (code === 0x74) return this.#word("true", true);
    if (code === 0x66) return this.#word("false", false);
    if (code === 0x6e) return this.#word("null", null);
    if (code === 0xfeff) this.#refuse("byte order mark");
    return this.#refuse(Number.isNaN(code) ? "unexpected end of text" : "expected a value");
  }

  #word(word: string, value: boolean | null): Json {
    if (!this.#text.startsWith(word, this.#at)) this.#refuse("expected a value");
    this.#at += word.length;
    return value;
  }

  #countItem(): void {
    if (++this.#items > this.#itemsMax) this.#refuse(`more than ${this.#itemsMax} keys and elements`);
  }

  #array(depth: number): Json {
    if (depth >= this.#depthMax) this.#refuse(`nested deeper than ${this.#depthMax}`);
    const array: Json[] = [];
    this.#at++;
    let code = this.#skipSpace();
    if (code === 0x5d) {
      this.#at++;
      return array;
    }
    for (;;) {
      this.#countItem();
      array.push(this.#value(code, depth + 1));
      code = this.#skipSpace();
      if (code !== 0x2c && code !== 0x5d) this.#refuse("expected `,` or `]`");
      this.#at++;
      if (code === 0x5d) return array;
      code = this.#skipSpace();
    }
  }

  #object(depth: number): Json {
    if (depth >= this.#depthMax) this.#refuse(`nested deeper than ${this.#depthMax}`);
    const object: Record<string, Json> = Object.create(null);
    this.#at++;
    let code = this.#skipSpace();
    if (code === 0x7d) {
      this.#at++;
      return object;
    }
    for (;;) {
      this.#countItem();
      if (code !== 0x22) this.#refuse("expected a key in quotes");
      const keyAt = this.#at;
      const key = this.#string();
      if (key in object) this.#refuse("duplicate key", keyAt);
      if (key === "__proto__") this.#refuse("the key `__proto__` is not allowed", keyAt);
      if (this.#skipSpace() !== 0x3a) this.#refuse("expected `:`");
      this.#at++;
      object[key] = this.#value(this.#skipSpace(), depth + 1);
      code = this.#skipSpace();
      if (code !== 0x2c && code !== 0x7d) this.#refuse("expected `,` or `}`");
      this.#at++;
      if (code === 0x7d) return object;
      code = this.#skipSpace();
    }
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 0x22) break;
      if (code === 0x5c) return this.#escapedString(start, at);
      if (!(code >= 0x20))
        this.#refuse(Number.isNaN(code) ? "string without end" : "control character in a string", at);
      at++;
    }
    this.#at = at + 1;
    return text.slice(start, at);
  }

  #escapedString(start: number, firstEscape: number): string {
    const text = this.#text;
    let result = "";
    let from = start;
    let at = firstEscape;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 0x22) break;
      if (!(code >= 0x20))
        this.#refuse(Number.isNaN(code) ? "string without end" : "control character in a string", at);
      if (code !== 0x5c) {
        at++;
        continue;
      }
      result += text.slice(from, at);
      const letter = text.charAt(at + 1);
      if (letter === "u") {
        const unit = this.#hexUnit(at);
        result += String.fromCharCode(unit);
        at += 6;
        if (unit >= 0xd800 && unit <= 0xdfff) {
          const isHigh = unit <= 0xdbff && text.startsWith("\\u", at);
          const low = isHigh ? this.#hexUnit(at) : 0;
          if (low < 0xdc00 || low > 0xdfff) this.#refuse("lone surrogate", at - 6);
          result += String.fromCharCode(low);
          at += 6;
        }
      } else {
        const character = escapedCharacter[letter];
        if (character === undefined) this.#refuse("unknown escape", at);
        result += character;
        at += 2;
      }
      from = at;
    }
    this.#at = at + 1;
    return result + text.slice(from, at);
  }

  /** The four hexadecimal digits of the escape that starts at `at`. */
  #hexUnit(at: number): number {
    const digits = this.#text.slice(at + 2, at + 6);
    if (!/^[0-9A-Fa-f]{4}$/.test(digits)) this.#refuse("an escape `\\u` needs four hexadecimal digits", at);
    return Number.parseInt(digits, 16);
  }

  #number(): number | JsonNumber {
    const text = this.#text;
    const start = this.#at;
    const isNegative = text.charCodeAt(start) === 0x2d;
    const digitsAt = isNegative ? start + 1 : start;
    const first = text.charCodeAt(digitsAt);
    let at = digitsAt;
    let code = first;
    let integer = 0;
    while (code >= 0x30 && code <= 0x39) {
      integer = integer * 10 + (code - 0x30);
      code = text.charCodeAt(++at);
    }
    const digits = at - digitsAt;
    if (digits === 0) this.#refuse("a number needs a digit", at);
    if (digits > 1 && first === 0x30) this.#refuse("a number may not start with 0", digitsAt);
    const isPlain = code !== 0x2e && code !== 0x65 && code !== 0x45;
    if (isPlain && digits <= smallIntegerDigits && !(isNegative && integer === 0)) {
      this.#at = at;
      return isNegative ? -integer : integer;
    }
    if (code === 0x2e) {
      at = this.#skipDigits(at + 1);
      code = text.charCodeAt(at);
    }
    if (code === 0x65 || code === 0x45) {
      const sign = text.charCodeAt(at + 1);
      at = this.#skipDigits(sign === 0x2b || sign === 0x2d ? at + 2 : at + 1);
    }
    this.#at = at;
    return numberOf(text.slice(start, at)) ?? this.#refuse("number out of range", start);
  }

  #skipDigits(from: number): number {
    let at = from;
    let code = this.#text.charCodeAt(at);
    while (code >= 0x30 && code <= 0x39) code = this.#text.charCodeAt(++at);
    if (at === from) this.#refuse("a number needs a digit", at);
    return at;
  }
}

/** The number for a checked lexeme; undefined where no double can hold it. */
function numberOf(lexeme: string): number | JsonNumber | undefined {
  const value = Number(lexeme);
  if (!Number.isFinite(value)) return undefined;
  // Every double of this size is an integer, so only the text can tell neighbours apart.
  const exact = Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  if (exact && String(value) === lexeme) return value;
  return new JsonNumber(lexeme, value, exact);
}

/** Characters that JSON escapes, and surrogates, which may be lone. */
const needsCare = /[\u0000-\u001f"\\\ud800-\udfff]/;
const loneSurrogate = /\p{Surrogate}/u;

/**
 * RFC 8785 text of a value: keys sorted by UTF-16 units, no spaces, numbers as ECMAScript prints them; a `JsonNumber`
 * is written as its lexeme. Throws TypeError (a Bug of the caller) for what JSON cannot hold or `parseJson` would
 * refuse: undefined, NaN, infinities, lone surrogates, the key `__proto__`, nesting over `canonicalDepthMax`.
 */
export function canonicalJson(value: Json): string {
  return canonicalAt(value, 0);
}

/** A string as RFC 8785 writes it, quotes included. Throws TypeError for a lone surrogate. */
export function canonicalString(value: string): string {
  if (!needsCare.test(value)) return `"${value}"`;
  if (loneSurrogate.test(value)) throw new TypeError("a lone surrogate has no JSON text");
  return JSON.stringify(value);
}

function canonicalAt(value: Json, depth: number): string {
  if (typeof value === "string") return canonicalString(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON text`);
    return String(value);
  }
  if (value === null) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value !== "object") throw new TypeError(`a value of type ${typeof value} has no JSON text`);
  if (value instanceof JsonNumber) return value.text;
  if (depth >= canonicalDepthMax) throw new TypeError(`nested deeper than ${canonicalDepthMax}`);
  if (isArray(value)) return canonicalArray(value, depth);
  return canonicalObject(value, depth);
}

/** `Array.isArray` does not narrow readonly arrays. */
function isArray(value: object): value is readonly Json[] {
  return Array.isArray(value);
}

function canonicalArray(array: readonly Json[], depth: number): string {
  let text = "[";
  for (let index = 0; index < array.length; index++) {
    if (index > 0) text += ",";
    text += canonicalAt(array[index] as Json, depth + 1);
  }
  return `${text}]`;
}

/** Few names are put in their places by hand: the engine's sort costs more than writing the object. */
const fewNames = 24;

function sortNames(names: string[]): void {
  if (names.length > fewNames) {
    names.sort();
    return;
  }
  for (let i = 1; i < names.length; i++) {
    const name = names[i] as string;
    let at = i;
    for (; at > 0 && (names[at - 1] as string) > name; at--) names[at] = names[at - 1] as string;
    names[at] = name;
  }
}

function canonicalObject(object: JsonObject, depth: number): string {
  const keys = Object.keys(object);
  for (let index = 1; index < keys.length; index++) {
    // Sorting is dear and most objects arrive sorted or with a key or two.
    if ((keys[index - 1] as string) > (keys[index] as string)) {
      sortNames(keys);
      break;
    }
  }
  let text = "{";
  for (const key of keys) {
    if (key === "__proto__") throw new TypeError("the key `__proto__` is not allowed");
    if (text.length > 1) text += ",";
    text += `${canonicalString(key)}:${canonicalAt(object[key] as Json, depth + 1)}`;
  }
  return `${text}}`;
}
