// A line of a listing as it is read: words, names, numbers, times and money, one after the other. It knows no section, and
// whatever does not fit ends with the line's number.

/** Why a text is no listing. */
export class ListingFailure extends Error {
  /** From 1. */
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.name = "ListingFailure";
    this.line = line;
  }
}

/** Longest piece of a line that a message repeats, in characters. */
const SHOWN = 40;
const QUOTED = /"(?:[^"\\]|\\.)*"/y;
const BARE = /[A-Za-z0-9_./*:@-]+/y;
const NUMBER = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/y;

export class Cursor {
  readonly text: string;
  readonly line: number;
  #at = 0;

  constructor(text: string, line: number) {
    this.text = text;
    this.line = line;
  }

  fail(wanted: string): never {
    const rest = this.text.slice(this.#at, this.#at + SHOWN);
    throw new ListingFailure(this.line, rest === "" ? `${wanted} is missing` : `expected ${wanted} at \`${rest}\``);
  }

  /** The text that `pattern` (sticky) takes, or null. */
  match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  eat(literal: string): boolean {
    if (!this.text.startsWith(literal, this.#at)) return false;
    this.#at += literal.length;
    return true;
  }

  expect(literal: string): void {
    if (!this.eat(literal)) this.fail(`\`${literal.trim()}\``);
  }

  end(): void {
    if (this.#at < this.text.length) this.fail("the end of the line");
  }

  rest(): string {
    const rest = this.text.slice(this.#at);
    this.#at = this.text.length;
    return rest;
  }

  /** From 0 to `max`. */
  whole(max = 0xffffffff): number {
    const digits = this.match(/\d{1,16}/y);
    if (digits === null || Number(digits) > max) this.fail(`a whole number up to ${max}`);
    return Number(digits);
  }

  integer(): bigint {
    const digits = this.match(/-?\d{1,19}/y);
    if (digits === null || BigInt.asIntN(64, BigInt(digits)) !== BigInt(digits)) this.fail("a whole number of 64 bits");
    return BigInt(digits);
  }

  number(): number {
    const digits = this.match(NUMBER);
    if (digits === null || !Number.isFinite(Number(digits))) this.fail("a number");
    return Number(digits);
  }

  quoted(): string {
    const text = this.match(QUOTED);
    if (text === null) this.fail("a text in quotes");
    try {
      return JSON.parse(text) as string;
    } catch {
      throw new ListingFailure(this.line, `${text.slice(0, SHOWN)} is no text as JSON writes it`);
    }
  }

  isAtQuote(): boolean {
    return this.text.startsWith('"', this.#at);
  }

  /** Bare or in quotes. */
  name(): string {
    if (this.isAtQuote()) return this.quoted();
    return this.match(BARE) ?? this.fail("a name");
  }

  /** Microseconds. */
  period(): number {
    const number = this.number();
    if (this.eat(" us")) return number;
    this.expect(" s");
    return number * 1e6;
  }

  /** Micro-dollars. */
  money(): bigint {
    const text = this.match(/\$\d{1,13}(?:\.\d{1,6})?/y);
    if (text === null) this.fail("an amount like $1.50");
    const [whole = "0", fraction = ""] = text.slice(1).split(".");
    return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
  }
}

/** What a terminal would not show as it is, and lone halves of characters. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

export function quotedText(text: string): string {
  return JSON.stringify(text).replace(INVISIBLE, (found) =>
    Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** True where the text can stand on a line as it is. */
export function isPlain(text: string): boolean {
  return text.search(INVISIBLE) < 0 && text.isWellFormed();
}

export function nameText(text: string): string {
  return /^[A-Za-z0-9_./*:@-]+$/.test(text) ? text : quotedText(text);
}

/** A number that reads back as the same. */
export function numberText(number: number): string {
  return Object.is(number, -0) ? "-0" : String(number);
}

export function periodText(us: number): string {
  const seconds = us / 1e6;
  return seconds * 1e6 === us ? `${numberText(seconds)} s` : `${numberText(us)} us`;
}

/** Micro-dollars as dollars, to the last digit. */
export function moneyText(micro: bigint): string {
  const rest = String(micro % 1_000_000n)
    .padStart(6, "0")
    .replace(/0+$/, "");
  return `$${micro / 1_000_000n}${rest === "" ? "" : `.${rest}`}`;
}
