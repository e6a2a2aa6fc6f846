// A request as JSON by chance: the same value in many spellings (spaces, escapes, orders of keys, forms of numbers), now and
// then with what must be refused, and bytes of it spoiled.
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import type { Random } from "./random.ts";

const encoder = new TextEncoder();

/** The text of a value. Numbers keep theirs where they have one. */
export function jsonText(random: Random, value: unknown): string {
  return new Writer(random).value(value);
}

class Writer {
  readonly #random: Random;
  readonly #spaced: boolean;
  readonly #escaped: boolean;

  constructor(random: Random) {
    this.#random = random;
    this.#spaced = random.oneIn(3);
    this.#escaped = random.oneIn(3);
  }

  value(value: unknown): string {
    return `${this.#space()}${this.#bare(value)}${this.#space()}`;
  }

  #bare(value: unknown): string {
    if (typeof value === "string") return this.#text(value);
    if (typeof value === "number") return this.#number(value);
    if (value instanceof JsonNumber) return value.text;
    if (Array.isArray(value)) return `[${value.map((member) => this.value(member)).join(",") || this.#space()}]`;
    if (typeof value !== "object" || value === null) return String(value);
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    if (this.#random.oneIn(3)) members.sort(() => this.#random.below(3) - 1);
    const texts = members.map(
      ([key, member]) => `${this.#space()}${this.#text(key)}${this.#space()}:${this.value(member)}`,
    );
    return `{${texts.join(",") || this.#space()}}`;
  }

  #space(): string {
    return this.#spaced ? this.#random.pick(["", " ", "\n  ", "\r\n", "\t", ""]) : "";
  }

  #text(text: string): string {
    const plain = JSON.stringify(text);
    if (!this.#escaped) return plain;
    let escaped = "";
    for (const unit of plain
      .slice(1, -1)
      .split(/(\\u[0-9a-f]{4}|\\.)|/u)
      .filter((part) => part !== undefined)) {
      const code = unit.charCodeAt(0);
      const isPlain = !unit.startsWith("\\") && unit.length === 1;
      escaped +=
        isPlain && this.#random.oneIn(3) ? `\\u${code.toString(16).padStart(4, "0")}` : unit === "/" ? "\\/" : unit;
    }
    return `"${escaped}"`;
  }

  #number(value: number): string {
    const plain = JSON.stringify(value);
    if (!Number.isFinite(value) || !this.#random.oneIn(4)) return plain;
    return this.#random.pick([
      value.toExponential(),
      value.toExponential().replace("e", "E"),
      value.toExponential(20),
      plain,
    ]);
  }
}

/** The bytes with a few of them changed, cut out, doubled or inserted. */
export function spoiled(random: Random, bytes: Uint8Array): Uint8Array {
  let out = [...bytes];
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(out.length + 1);
    const length = random.oneIn(3) ? random.below(12) : 1;
    switch (random.below(5)) {
      case 0:
        out[at] = random.below(256);
        break;
      case 1:
        out.splice(at, length);
        break;
      case 2:
        out.splice(at, 0, ...encoder.encode(random.pick(insertions)));
        break;
      case 3:
        out.splice(at, 0, ...out.slice(at, at + length + random.below(40)));
        break;
      default:
        out = random.oneIn(4) ? out.slice(0, at) : out;
        out[at] = (out[at] ?? 0) ^ (1 << random.below(8));
    }
  }
  return Uint8Array.from(out.map((byte) => byte ?? 0));
}

const insertions = [
  '"',
  "\\",
  ",",
  ":",
  "{",
  "}",
  "[",
  "]",
  "{}",
  "[]",
  '""',
  "null",
  "true",
  "0",
  "-",
  ".",
  "e5",
  "1e400",
  "-0",
  "9007199254740993",
  "\u0000",
  "\u001f",
  "\u007f",
  "\ufeff",
  "é",
  "😀",
  "\\u0061",
  "\\ud800",
  "\\udc00",
  "\\ud83d\\ude00",
  "\\n",
  '"x":1,',
  '"__proto__":1,',
  '"\\u0061rgs":{},',
  '"args":{},',
  '"tool":"t",',
  '"operation":"invoke",',
  '"http":null,',
  '"kwargs":{},',
  '"args":{"args":[],"kwargs":{"x":1}},',
  " ",
  "\n",
  "0x1",
  "1.",
  "[".repeat(64),
  "/invoke",
] as const;
