// The places of a request that conditions name, as the analysis sees them: in which words they are told, what may stand there, and
// whether a witness can be made to hold it.
import { Root, TimePart } from "../../vm/shared/isa.ts";
import { timeParts } from "../names.ts";
import type { Holder, Place } from "./place.ts";
import type { Domain } from "./regions.ts";
import { asciiLower, type Sample } from "./sample.ts";

const timeRanges: Readonly<Record<TimePart, readonly [number, number] | null>> = {
  [TimePart.Now]: null,
  [TimePart.Minute]: [0, 59],
  [TimePart.Hour]: [0, 23],
  [TimePart.Day]: [1, 31],
  [TimePart.Month]: [1, 12],
  [TimePart.Weekday]: [1, 7],
};

const actions = ["tool_call", "delegate", "completion_event", "model_call"];

/** Equal for the same place. Names of headers ignore case, in whatever case a rule writes them. */
export function pathOfPlace(root: Root, path: readonly (string | number)[]): readonly (string | number)[] {
  const [part, name, ...rest] = path;
  const isHeader = root === Root.Http && part === "headers" && typeof name === "string";
  return isHeader ? [part, asciiLower(name), ...rest] : path;
}

export function fieldPlace(root: Root, path: readonly (string | number)[]): Omit<Place, "key" | "tests"> {
  const json = (kind: Extract<Holder, { path: unknown }>["kind"], words: string): Omit<Place, "key" | "tests"> => ({
    words,
    holder: { kind, path },
    domain: { kind: "json" },
    isFree: false,
  });
  const text = (
    kind: "model" | "session" | "purpose" | "agent" | "tool",
    words: string,
    optional: boolean,
    isFree = false,
  ) => ({
    words,
    holder: { kind },
    domain: { kind: "text", optional } satisfies Domain,
    isFree,
  });
  switch (root) {
    case Root.Args:
      return json("args", pathText(path));
    case Root.Principal:
      return json("principal", pathText(["principal", ...path]));
    case Root.Delegation:
      return json("delegation", pathText(["delegation", ...path]));
    case Root.Http:
      return json("http", pathText(path));
    case Root.Selectors:
      return json("selectors", pathText(path));
    case Root.Tool:
      return text("tool", "tool", false, true);
    case Root.Agent:
      return text("agent", "agent", false, true);
    case Root.Model:
      return text("model", "model", true);
    case Root.Session:
      return text("session", "session.id", false);
    case Root.Purpose:
      return text("purpose", "purpose", true);
    case Root.Action: {
      const values = actions.map((value): Sample => ({ kind: "text", value }));
      return { words: "action", holder: { kind: "action" }, domain: { kind: "given", values }, isFree: false };
    }
    case Root.Time:
      return timePlace(Number(path[0]));
    case Root.Temporary:
    case Root.Size:
      throw new Error("no condition reads this place of a request");
  }
}

function timePlace(part: TimePart): Omit<Place, "key" | "tests"> {
  const range = timeRanges[part];
  const name = Object.entries(timeParts).find(([, one]) => one === part)?.[0] ?? "now";
  const holder: Holder = { kind: "time", part };
  const words = `time.${name}`;
  if (range === null) return { words, holder, domain: { kind: "number", whole: true }, isFree: true };
  const [low, high] = range;
  const values = Array.from({ length: high - low + 1 }, (_, i): Sample => ({ kind: "number", value: low + i }));
  return { words, holder, domain: { kind: "given", values }, isFree: false };
}

function pathText(path: readonly (string | number)[]): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}
