// Regular expressions of conditions by the host's own engine: RE2 text is rewritten to a JavaScript pattern of the same
// meaning. Slow on hostile input, which tests never give it; it shares nothing with the automata of the compiler.
import type { Found, Tri } from "./value.ts";

/** `text matches pattern`: an unanchored search. */
export function searchMatches(text: Found, pattern: Found): Tri {
  if (text.kind !== "string" || pattern.kind !== "string") return "unknown";
  return toRegExp(pattern.value).test(text.value);
}

interface Flags {
  readonly i: boolean;
  readonly s: boolean;
  readonly m: boolean;
}

const cache = new Map<string, RegExp>();
const CACHE_MAX = 10_000;

export function toRegExp(source: string): RegExp {
  const known = cache.get(source);
  if (known !== undefined) return known;
  if (cache.size >= CACHE_MAX) cache.clear();
  const made = new RegExp(new Rewriter(source).whole(), "v");
  cache.set(source, made);
  return made;
}

const posixClasses: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: "\\t ",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t-\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
const perlClasses: Readonly<Record<string, string>> = { d: "0-9", w: "0-9A-Za-z_", s: "\\t\\n\\f\\r " };
const plainEscapes: Readonly<Record<string, string>> = { a: "\\x07", f: "\\f", n: "\\n", r: "\\r", t: "\\t", v: "\\v" };

class Rewriter {
  private readonly source: string;
  private at = 0;

  constructor(source: string) {
    this.source = source;
  }

  whole(): string {
    return this.alternatives({ i: false, s: false, m: false });
  }

  /** Up to the group's end; a flag group in the middle holds to that end. */
  private alternatives(flags: Flags): string {
    let out = "";
    let now = flags;
    while (this.at < this.source.length && this.source[this.at] !== ")") {
      const flagGroup = /^\(\?([ismU]*)(?:-([ismU]+))?\)/.exec(this.source.slice(this.at));
      if (flagGroup !== null) {
        this.at += flagGroup[0].length;
        now = withFlags(now, flagGroup[1] ?? "", flagGroup[2] ?? "");
      } else {
        out += this.piece(now);
      }
    }
    return out;
  }

  private piece(flags: Flags): string {
    const rest = this.source.slice(this.at);
    const open = /^\((?:\?P?<[A-Za-z0-9_]+>|\?([ismU]*)(?:-([ismU]+))?:)?/.exec(rest);
    if (open !== null) {
      this.at += open[0].length;
      const inner = this.alternatives(withFlags(flags, open[1] ?? "", open[2] ?? ""));
      this.at += 1;
      return `(?:${inner})`;
    }
    const c = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    this.at += c.length;
    if (c === "[") return this.charClass(flags);
    if (c === "\\") return this.escape(flags);
    if (c === ".") return flags.s ? "[^]" : "[^\\n]";
    if (c === "^") return flags.m ? "(?<=^|\\n)" : "^";
    if (c === "$") return flags.m ? "(?=$|\\n)" : "$";
    if (c === "{") return /^\{\d+(?:,\d*)?\}/.test(rest) ? c : "\\{";
    if (c === "}") return this.closesRepeat() ? c : "\\}";
    if (c === "]") return "\\]";
    if ("*+?|".includes(c)) return c;
    return this.inRepeat() ? c : literal(c, flags);
  }

  private closesRepeat(): boolean {
    return /\{\d+(?:,\d*)?\}$/.test(this.source.slice(0, this.at));
  }

  /** Inside `{2,5}`, where digits are counts. */
  private inRepeat(): boolean {
    const open = this.source.lastIndexOf("{", this.at - 1);
    return (
      open >= 0 && /^\{\d+(?:,\d*)?\}/.test(this.source.slice(open)) && !this.source.slice(open, this.at).includes("}")
    );
  }

  private escape(flags: Flags): string {
    const rest = this.source.slice(this.at);
    const quoted = /^Q([\s\S]*?)(?:\\E|$)/.exec(rest);
    if (quoted !== null) {
      this.at += quoted[0].length;
      return [...(quoted[1] ?? "")].map((c) => literal(c, flags)).join("");
    }
    const property = /^([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(rest);
    if (property !== null) {
      this.at += property[0].length;
      return propertyText(property);
    }
    const hex = /^x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(rest);
    if (hex !== null) {
      this.at += hex[0].length;
      return literal(String.fromCodePoint(Number.parseInt(hex[1] ?? hex[2] ?? "0", 16)), flags);
    }
    const c = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    this.at += c.length;
    const perl = perlClasses[c.toLowerCase()];
    if (perl !== undefined) return c === c.toLowerCase() ? `[${perl}]` : `[^${perl}]`;
    if (c === "b" || c === "B") return `\\${c}`;
    if (c === "A") return "^";
    if (c === "z") return "$";
    return plainEscapes[c] ?? literal(c, flags);
  }

  private charClass(flags: Flags): string {
    let out = "";
    const negated = this.source[this.at] === "^";
    if (negated) this.at += 1;
    let first = true;
    while (this.at < this.source.length && (first || this.source[this.at] !== "]")) {
      out += this.classMember(flags);
      first = false;
    }
    this.at += 1;
    return `[${negated ? "^" : ""}${out}]`;
  }

  private classMember(flags: Flags): string {
    const rest = this.source.slice(this.at);
    const posix = /^\[:(\^?)(\w+):\]/.exec(rest);
    if (posix !== null) {
      this.at += posix[0].length;
      return `[${posix[1] ?? ""}${posixClasses[posix[2] ?? ""] ?? ""}]`;
    }
    const set = /^\\([dws])/.exec(rest);
    if (set !== null) {
      this.at += 2;
      return perlClasses[set[1] ?? ""] ?? "";
    }
    const negatedSet = /^\\([DWS])/.exec(rest);
    if (negatedSet !== null) {
      this.at += 2;
      const complement: Record<string, string> = {
        D: "\\0-\\/:-\\u{10FFFF}",
        W: "\\0-\\/:-@\\[-\\^`\\{-\\u{10FFFF}",
        S: "\\0-\\x08\\x0b\\x0e-\\x1f!-\\u{10FFFF}",
      };
      return complement[negatedSet[1] ?? ""] ?? "";
    }
    const low = this.classCharacter();
    if (low.length > 2 && low.startsWith("\\p")) return low;
    if (this.source[this.at] === "-" && this.source[this.at + 1] !== "]" && this.at + 1 < this.source.length) {
      this.at += 1;
      return rangeText(low, this.classCharacter(), flags);
    }
    return rangeText(low, low, flags);
  }

  /** One character of a class, unescaped. */
  private classCharacter(): string {
    const rest = this.source.slice(this.at);
    const escaped = rest[0] === "\\" ? rest.slice(1) : null;
    const property = escaped === null ? null : /^([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(escaped);
    if (property !== null) {
      this.at += 1 + property[0].length;
      return propertyText(property);
    }
    const hex = escaped === null ? null : /^x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(escaped);
    if (hex !== null) {
      this.at += 1 + hex[0].length;
      return String.fromCodePoint(Number.parseInt(hex[1] ?? hex[2] ?? "0", 16));
    }
    const c = String.fromCodePoint((escaped ?? rest).codePointAt(0) ?? 0);
    this.at += c.length + (escaped === null ? 0 : 1);
    const controls: Record<string, string> = { a: "\x07", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };
    return escaped === null ? c : (controls[c] ?? c);
  }
}

function withFlags(flags: Flags, on: string, off: string): Flags {
  const pick = (f: "i" | "s" | "m"): boolean => (on.includes(f) || flags[f]) && !off.includes(f);
  return { i: pick("i"), s: pick("s"), m: pick("m") };
}

function propertyText(match: RegExpExecArray): string {
  const name = match[3] ?? match[4] ?? "";
  const negated = (match[1] === "P") !== (match[2] === "^");
  const general = /^(?:[CLMNPSZ][a-z]?)$/.test(name);
  return `\\${negated ? "P" : "p"}{${general ? name : `Script=${name}`}}`;
}

/** A character by itself; under (?i) both of its ASCII cases. */
function literal(c: string, flags: Flags): string {
  const text = codeText(c);
  if (!flags.i || c.toLowerCase() === c.toUpperCase()) return text;
  return `[${codeText(c.toLowerCase())}${codeText(c.toUpperCase())}]`;
}

/** A range of a class; under (?i) with what its letters are in the other case. */
function rangeText(low: string, high: string, flags: Flags): string {
  const range = `${codeText(low)}-${codeText(high)}`;
  if (!flags.i) return range;
  let out = range;
  const [from, to] = [low.codePointAt(0) ?? 0, Math.min(high.codePointAt(0) ?? 0, 0x24f)];
  for (let code = from; code <= to; code++) {
    const c = String.fromCodePoint(code);
    for (const other of [c.toLowerCase(), c.toUpperCase()]) if ([...other].length === 1) out += codeText(other);
  }
  return out;
}

function codeText(c: string): string {
  return `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`;
}
