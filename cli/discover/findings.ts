// What a discovery found, and the one gate through which a name becomes a tool. It must never let a name through that
// could not stand in a policy, and never drop one silently: such a name goes to the unread list with the reason.
import { MAX_NAME_CHARS, MAX_TEXT_CHARS } from "./limits.ts";
import { lineAt, type SourceModule } from "./source.ts";

/** A tool registration whose name was read. `file` is relative to the project with `/`; `line` counts from 1. */
export interface FoundTool {
  name: string;
  file: string;
  line: number;
  how: string;
}

/** A place that registers a tool whose name was not read. `text` is the source, on one line, cut. */
export interface UnreadTool {
  file: string;
  line: number;
  text: string;
  why: string;
}

const TOOL_ID = /^[A-Za-z0-9_./:@-]+$/;

/** Collects tools and unread places, each place once. */
export class Findings {
  readonly tools: FoundTool[] = [];
  readonly unread: UnreadTool[] = [];
  readonly #seen = new Set<string>();
  readonly #claimed = new Set<string>();

  /** Takes a name read at `from`; `text` is what to show should the name turn out to be no tool id. */
  found(module: SourceModule, from: number, to: number, name: string, how: string): void {
    this.claim(module, from);
    if (!TOOL_ID.test(name) || name.length > MAX_NAME_CHARS) {
      const title = JSON.stringify(name.slice(0, MAX_TEXT_CHARS));
      const crew = how.startsWith("CrewAI") ? "; CrewAI derives the name that is called from it" : "";
      this.unreadAt(module, from, to, `the name ${title} is not a tool id${crew}`);
      return;
    }
    const line = lineAt(module, from);
    if (this.#isNew(`tool ${module.file}:${line} ${name}`)) this.tools.push({ name, file: module.file, line, how });
  }

  unreadAt(module: SourceModule, from: number, to: number, why: string): void {
    this.claim(module, from);
    const line = lineAt(module, from);
    const text = oneLine(module.text.slice(from, Math.min(to, from + 4 * MAX_TEXT_CHARS)));
    if (this.#isNew(`unread ${module.file}:${line} ${text}`)) this.unread.push({ file: module.file, line, text, why });
  }

  /** Marks the code at `from` as dealt with, so that a list naming it adds nothing. */
  claim(module: SourceModule, from: number): void {
    this.#claimed.add(`${module.file}:${from}`);
  }

  isClaimed(module: SourceModule, from: number): boolean {
    return this.#claimed.has(`${module.file}:${from}`);
  }

  #isNew(key: string): boolean {
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}

/** Source text on one line, at most 80 characters, with control characters made visible. */
export function oneLine(text: string): string {
  const flat = text.replace(/\s+/gu, " ").trim();
  const safe = flat.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const chars = [...safe];
  return chars.length <= MAX_TEXT_CHARS ? safe : `${chars.slice(0, MAX_TEXT_CHARS - 1).join("")}…`;
}
