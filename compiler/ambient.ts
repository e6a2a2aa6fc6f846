// What the counters of `ambient { … }` count and over which time, from their names: `max_calls_per_day`. One table, read
// by check and by lower.

export type AmbientCounting =
  /** Permitted calls. */
  | "calls"
  /** Dollars of the calls' costs. */
  | "cost"
  /** Something else, of which a call has one at most: counted as calls, so that the limit is kept early rather than late. */
  | "others"
  /** Bytes: nothing that a number of calls could stand for. */
  | "bytes";

const windows: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 3_600,
  day: 86_400,
  week: 604_800,
  month: 2_592_000,
};

const nouns: Readonly<Record<string, AmbientCounting>> = {
  calls: "calls",
  tool_calls: "calls",
  api_calls: "calls",
  requests: "calls",
  actions: "calls",
  cost: "cost",
  spend: "cost",
  bytes: "bytes",
  data: "bytes",
  data_volume: "bytes",
  output: "bytes",
};

/** `max_<noun>`, a day, or `max_<noun>_per_<window>`; null where the window is none. Seconds; a month is 30 days. */
export function ambientCounter(
  name: string,
): { readonly noun: string; readonly counting: AmbientCounting; readonly windowSeconds: number } | null {
  const [, noun = "", window = "day"] = /^max_(.+?)(?:_per_([a-z]+))?$/.exec(name) ?? [];
  const windowSeconds = Object.hasOwn(windows, window) ? windows[window] : undefined;
  if (noun === "" || windowSeconds === undefined) return null;
  return { noun, counting: Object.hasOwn(nouns, noun) ? (nouns[noun] ?? "others") : "others", windowSeconds };
}
