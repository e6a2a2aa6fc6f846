// JSON, strictly by RFC 8259, to the common tree: no comments, no trailing commas, no duplicate keys, nothing behind the
// end. Stops at the first error. Depth is bounded, so that reading may call itself.
import type { Span } from "../ast.ts";
import { limits } from "../limits.ts";
import type { Form } from "./form.ts";
import { type Entry, type Node, readNumber } from "./node.ts";

const blank = /[ \t\r\n]*/y;
const numberAt = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const wordAt = /[A-Za-z0-9_.+$-]+/y;
const escapeAt = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const words: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/** The tree of a JSON text; null after reporting why there is none. */
export function readJson(form: Form): Node | null {
  const reader = new JsonReader(form);
  try {
    return reader.document();
  } catch (error) {
    if (error instanceof Stopped) return null;
    throw error;
  }
}

/** Ends the reading after its error was reported. */
class Stopped extends Error {}

class JsonReader {
  readonly #form: Form;
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(form: Form) {
    this.#form = form;
    this.#text = form.file;
  }

  document(): Node {
    const node = this.#value();
    this.#skip();
    if (this.#at < this.#text.length) this.#fail("FMS002", `unexpected ${this.#shown()}`, "a file holds one value");
    return node;
  }

  #value(): Node {
    this.#skip();
    const start = this.#at;
    const sign = this.#text[start];
    if (sign === "{" || sign === "[") {
      if (++this.#depth > limits.nestedYaml)
        this.#fail("FMS004", `more than ${limits.nestedYaml} brackets are open here`, "a policy needs far fewer");
      this.#at++;
      const node = sign === "{" ? this.#map(start) : this.#list(start);
      this.#depth--;
      return node;
    }
    if (sign === '"') return { kind: "scalar", value: this.#string(), style: "double", span: this.#span(start) };
    const word = this.#match(wordAt);
    const known = words.get(word);
    if (known !== undefined) return { kind: "scalar", value: known, style: "plain", span: this.#span(start) };
    this.#at = start;
    if (this.#match(numberAt) !== word || word === "") {
      this.#at = start;
      this.#fail("FMS002", `expected a value, found ${this.#shown()}`, this.#help(sign));
    }
    const number = readNumber(word);
    if (typeof number !== "number") {
      this.#form.report("FMS012", number.message, this.#span(start), { help: number.help });
      throw new Stopped();
    }
    return { kind: "scalar", value: number, style: "plain", span: this.#span(start) };
  }

  #map(start: number): Node {
    const entries: Entry[] = [];
    const seen = new Map<string, Span>();
    this.#skip();
    if (this.#take("}")) return { kind: "map", entries, span: this.#span(start) };
    for (;;) {
      this.#skip();
      const keyAt = this.#at;
      if (this.#text[keyAt] !== '"')
        this.#fail("FMS002", `expected a key in quotes, found ${this.#shown()}`, this.#help(this.#text[keyAt]));
      const key = this.#string();
      const keySpan = this.#span(keyAt);
      const first = seen.get(key);
      if (first !== undefined) this.#form.twice(`the key \`${key}\``, keySpan, first);
      else seen.set(key, keySpan);
      this.#skip();
      if (!this.#take(":")) this.#fail("FMS002", `expected \`:\`, found ${this.#shown()}`);
      entries.push({ key, keySpan, value: this.#value() });
      this.#skip();
      if (this.#take("}")) return { kind: "map", entries, span: this.#span(start) };
      if (!this.#take(",")) this.#fail("FMS002", `expected \`,\` or \`}\`, found ${this.#shown()}`);
    }
  }

  #list(start: number): Node {
    const items: Node[] = [];
    this.#skip();
    if (this.#take("]")) return { kind: "list", items, span: this.#span(start) };
    for (;;) {
      items.push(this.#value());
      this.#skip();
      if (this.#take("]")) return { kind: "list", items, span: this.#span(start) };
      if (!this.#take(",")) this.#fail("FMS002", `expected \`,\` or \`]\`, found ${this.#shown()}`);
    }
  }

  #string(): string {
    const start = this.#at;
    const body = this.#body();
    if (this.#text[this.#at] !== '"') {
      const here = this.#text[this.#at];
      if (here === undefined || here === "\n" || here === "\r") {
        this.#at = start;
        this.#fail("FMS003", "the text that begins here is not closed on its line", 'close it with "');
      }
      this.#fail("FMS001", "this character cannot stand in a JSON text", 'write \\n, \\t, \\\\ or \\u0000; " ends it');
    }
    this.#at++;
    return JSON.parse(`${body}"`) as string;
  }

  /** A text without its closing quote, as far as JSON allows its characters. */
  #body(): string {
    const start = this.#at++;
    for (;;) {
      const c = this.#text.charCodeAt(this.#at);
      if (c === 92) {
        if (this.#match(escapeAt) === "") break;
      } else if (c === 34 || !(c >= 0x20)) break;
      else this.#at++;
    }
    return this.#text.slice(start, this.#at);
  }

  #skip(): void {
    this.#match(blank);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #take(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #span(start: number): Span {
    return { source: 0, start, end: this.#at };
  }

  #shown(): string {
    if (this.#at >= this.#text.length) return "the end of the file";
    wordAt.lastIndex = this.#at;
    const word = wordAt.exec(this.#text)?.[0] ?? String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    return `\`${word.slice(0, 40)}\``;
  }

  #help(sign: string | undefined): string {
    if (sign === "/" || sign === "#") return "JSON has no comments; YAML has";
    if (sign === "}" || sign === "]") return "remove the comma before it";
    return "texts and keys stand in double quotes";
  }

  #fail(code: "FMS001" | "FMS002" | "FMS003" | "FMS004", message: string, help?: string): never {
    const end = Math.min(this.#text.length, this.#at + 1);
    this.#form.report(code, message, { source: 0, start: this.#at, end }, help === undefined ? {} : { help });
    throw new Stopped();
  }
}
