// What the counters of `ambient { … }` count and over which time, from their names: `max_calls_per_day`. One table, read
// by check and by lower.

export type AmbientCounting =
  /** Permitted calls. */
  | "calls"
  /** Dollars of the calls' costs. */
  | "cost"
  /** How much data the calls' arguments hold, in bytes. */
  | "bytes"
  /** Different values of an argument. */
  | "values";

const windows: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 3_600,
  day: 86_400,
  week: 604_800,
  month: 2_592_000,
};

const nouns: Readonly<Record<string, Exclude<AmbientCounting, "values">>> = {
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

export interface AmbientCounter {
  readonly noun: string;
  readonly counting: AmbientCounting;
  readonly windowSeconds: number;
  /** Of a counter of values: the names of the argument, the first that a call has counts. */
  readonly arguments: readonly string[];
}

/** `max_<noun>`, a day, or `max_<noun>_per_<window>`; null where the window is none. Seconds; a month is 30 days. */
export function ambientCounter(name: string): AmbientCounter | null {
  const [, noun = "", window = "day"] = /^max_(.+?)(?:_per_([a-z]+))?$/.exec(name) ?? [];
  const windowSeconds = Object.hasOwn(windows, window) ? windows[window] : undefined;
  if (noun === "" || windowSeconds === undefined) return null;
  const counting = Object.hasOwn(nouns, noun) ? (nouns[noun] ?? "values") : "values";
  return { noun, counting, windowSeconds, arguments: counting === "values" ? argumentsOf(noun) : [] };
}

/** `customers` and `unique_customers`: customer_id, customer, customers. */
function argumentsOf(noun: string): readonly string[] {
  const many = /^(?:unique|distinct)_(.+)$/.exec(noun)?.[1] ?? noun;
  const one = singularOf(many);
  return [...new Set([`${one}_id`, one, many])];
}

function singularOf(many: string): string {
  if (/[^aeiou]ies$/.test(many)) return `${many.slice(0, -3)}y`;
  if (/(?:s|x|z|ch|sh)es$/.test(many)) return many.slice(0, -2);
  return /[^s]s$/.test(many) ? many.slice(0, -1) : many;
}
