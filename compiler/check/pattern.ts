// Tool patterns: which are well formed, and which surely match all that another matches. The cover test is sound and
// simple: it may miss a cover, it never claims one.
import type { Pattern } from "../ast.ts";
import { limits } from "../limits.ts";
import type { Report } from "./report.ts";

const foreign = /[^A-Za-z0-9_.:@*?/-]/;

export function checkPattern(report: Report, pattern: Pattern): void {
  const problem = patternProblem(pattern.text);
  if (problem === null) return;
  report.add("FMS024", problem.message, pattern.span, { help: problem.help });
}

function patternProblem(text: string): { message: string; help: string } | null {
  if (text.length > limits.patternLength) {
    return {
      message: `this tool pattern has ${text.length} characters; at most ${limits.patternLength} are allowed`,
      help: "use `*` or `**`",
    };
  }
  const bad = foreign.exec(text);
  if (bad !== null) {
    const help = text.startsWith("!")
      ? "a mandatory deny is written `deny!`, without a space"
      : bad[0] === "#"
        ? "put a space before a comment"
        : "tool patterns are made of letters, digits and _ . : @ - / * ?";
    return { message: `\`${bad[0]}\` cannot stand in a tool pattern`, help };
  }
  if (text === "") return { message: "this tool pattern is empty", help: "write `*` for every tool" };
  for (const segment of text.split("/")) {
    if (segment === "")
      return { message: `\`${text}\` has an empty segment`, help: "write one `/` between names, none at the ends" };
    if (segment === "." || segment === "..") {
      return {
        message: `no tool has a segment \`${segment}\``,
        help: `a name with one is denied (BAD_TOOL_NAME): write the name without it`,
      };
    }
    if (segment !== "**" && segment.includes("**")) {
      return {
        message: `\`**\` stands for whole segments, not for part of \`${segment}\``,
        help: "write `*` inside a segment, `**` between slashes",
      };
    }
  }
  return null;
}

/** A bare `*` matches every tool, and so does `**`. */
export function matchesEveryTool(text: string): boolean {
  return text === "*" || text === "**";
}

/** Patterns of rules without a condition, in order, asked which of them covers another. */
export class Covers<T> {
  readonly #exact = new Map<string, T>();
  /** `a/b` for `a/b/**` and for `a/b/*`. */
  readonly #deep = new Map<string, T>();
  readonly #level = new Map<string, T>();
  readonly #others: { readonly glob: RegExp; readonly rule: T }[] = [];
  #every: T | null = null;

  add(text: string, rule: T): void {
    if (matchesEveryTool(text)) this.#every ??= rule;
    setFirst(this.#exact, text, rule);
    if (text.endsWith("/**")) setFirst(this.#deep, text.slice(0, -3), rule);
    else if (text.endsWith("/*")) setFirst(this.#level, text.slice(0, -2), rule);
    else if (/[*?]/.test(text) && !text.includes("**") && this.#others.length < OTHERS_ASKED)
      this.#others.push({ glob: globOf(text), rule });
  }

  /** A rule whose pattern matches every name that `text` matches; null when none surely does. */
  find(text: string): T | null {
    if (this.#every !== null) return this.#every;
    const same = this.#exact.get(text);
    if (same !== undefined) return same;
    if (matchesEveryTool(text)) return null;
    for (let at = text.indexOf("/"); at >= 0; at = text.indexOf("/", at + 1)) {
      const deep = this.#deep.get(text.slice(0, at));
      if (deep !== undefined) return deep;
    }
    const last = text.lastIndexOf("/");
    const level = last < 0 || text.endsWith("/**") ? undefined : this.#level.get(text.slice(0, last));
    if (level !== undefined) return level;
    if (/[*?]/.test(text)) return null;
    return this.#others.find(({ glob }) => glob.test(text))?.rule ?? null;
  }
}

/** Irregular globs such as `read_*` that are asked one by one. */
const OTHERS_ASKED = 64;

function setFirst<T>(map: Map<string, T>, key: string, value: T): void {
  if (!map.has(key)) map.set(key, value);
}

/** A glob without `**`, for names without wildcards. Runs of `*` are one, so that the test stays quick. */
function globOf(text: string): RegExp {
  const body = text.replace(/\*+|[^*]/g, (part) =>
    part.startsWith("*") ? "[^/]*" : part === "?" ? "[^/]" : part.replace(/[.]/g, "\\."),
  );
  return new RegExp(`^${body}$`);
}
