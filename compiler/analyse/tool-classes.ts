// Tool names, split into classes: all names of a class are matched by the same patterns. Each class has the shortest
// legal name that is in it.
import { compileDispatch } from "../automaton/index.ts";
import { Beyond } from "./diagram.ts";
import { TOOL_CLASSES_MAX, TOOL_ENTRIES_MAX, TOOL_STATES_MAX } from "./limits.ts";

export interface ToolClass {
  /** Patterns that match every name of the class. */
  readonly patterns: ReadonlySet<string>;
  /** A name of the class. */
  readonly example: string;
  /** True when it has no other. */
  readonly isSingle: boolean;
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789_-ABCDEFGHIJKLMNOPQRSTUVWXYZ.:@/";

/** How a segment has begun: after nothing, one dot or two it is no name yet; with anything more it is. */
const NAMED = 3;
const NAME_BYTES_MAX = 256;

function begunAfter(begun: number, letter: string): number | null {
  if (letter === "/") return begun === NAMED ? 0 : null;
  return letter === "." ? Math.min(begun + 1, NAMED) : NAMED;
}

interface Reached {
  readonly state: number;
  readonly begun: number;
  readonly from: number;
  readonly letter: string;
  readonly length: number;
}

/** Classes in the order of their examples' lengths. Throws Beyond where the patterns cannot be told apart together. */
export function toolClasses(patterns: readonly string[]): ToolClass[] {
  const all = [...new Set(patterns)];
  const dispatch = compileDispatch(all, { states: TOOL_STATES_MAX, entries: TOOL_ENTRIES_MAX });
  if (dispatch.left.length > 0) throw new Beyond("tool patterns that cannot be told apart together");
  const exact = new Set(all.filter((pattern) => !/[*?]/.test(pattern)));
  const reached: Reached[] = [{ state: dispatch.start, begun: 0, from: -1, letter: "", length: 0 }];
  const known = new Set<number>([dispatch.start * 4]);
  const found = new Map<number, number>();
  // Letters that the machine does not tell apart lead to the same state: one of each is enough, `.` and `/` apart.
  const steps = distinctLetters(dispatch.classOf);
  for (let at = 0; at < reached.length; at++) {
    const { state, begun, length } = reached[at] as Reached;
    const set = dispatch.accept[state] as number;
    if (begun === NAMED && !found.has(set)) {
      found.set(set, at);
      if (found.size > TOOL_CLASSES_MAX) throw new Beyond("too many classes of tools");
    }
    if (length === NAME_BYTES_MAX) continue;
    for (const letter of steps) {
      const after = begunAfter(begun, letter);
      if (after === null) continue;
      const next = dispatch.next[
        state * dispatch.classCount + (dispatch.classOf[letter.charCodeAt(0)] as number)
      ] as number;
      const key = next * 4 + after;
      if (known.has(key)) continue;
      known.add(key);
      reached.push({ state: next, begun: after, from: at, letter, length: length + 1 });
    }
  }
  return [...found].map(([set, at]) => {
    const matching = (dispatch.sets[set] ?? []).map((i) => all[i] as string);
    const own = matching.find((pattern) => exact.has(pattern));
    return { patterns: new Set(matching), example: own ?? nameTo(reached, at), isSingle: own !== undefined };
  });
}

function distinctLetters(classOf: Uint8Array): string[] {
  const known = new Set<string>();
  return [...letters].filter((letter) => {
    const kind = letter === "." || letter === "/" ? letter : "";
    const key = `${classOf[letter.charCodeAt(0)]}${kind}`;
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}

function nameTo(reached: readonly Reached[], end: number): string {
  let name = "";
  for (let at = end; at > 0; at = (reached[at] as Reached).from) name = (reached[at] as Reached).letter + name;
  return name;
}
