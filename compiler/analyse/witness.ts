// From a set of calls to one call that is in it, as plausible as the set allows: what the rules do not look at is left out,
// what they look at is there and of the kind they expect.

import type { Space } from "./decision.ts";
import { NEVER, type Node } from "./diagram.ts";
import type { Holder, Place } from "./place.ts";
import type { Sample } from "./sample.ts";
import type { ToolClass } from "./tool-classes.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A call, and the state in which it is made. */
export interface Witness {
  readonly request: {
    readonly agent_id: string;
    readonly tool_id: string;
    readonly args: { readonly [name: string]: Json };
    readonly [member: string]: Json;
  };
  /** The workflow phase of the session; null where it does not matter. */
  readonly phase: string | null;
  /** Rollouts that run, and those that are over; the others do not matter. */
  readonly rollouts: { readonly [name: string]: boolean };
  /** Parts of the time, in UTC unless the policy says otherwise; the others do not matter. */
  readonly time: { readonly [part: number]: number };
}

/** An agent id for the agent that governs whoever is not declared. */
const UNDECLARED = "undeclared-agent";

const TOOL_CALL: Sample = { kind: "text", value: "tool_call" };

/** Null for an empty set. `fixed`: values of places by level, each of a region that the whole set lies in. */
export function witnessOf(
  space: Space,
  set: Node,
  agent: string | null,
  tools: ToolClass,
  fixed: ReadonlyMap<number, Sample> = new Map(),
): Witness | null {
  const chosen = choose(space, set);
  if (chosen === null) return null;
  const values = space.places.map((_, level) => fixed.get(level) ?? chosen.get(level) ?? null);
  return witnessFrom(
    space.places.map(({ holder }, level) => [holder, values[level] ?? null] as const),
    agent,
    tools,
  );
}

/** A region for each level that the set asks about. */
function choose({ diagrams, regions, places }: Space, set: Node): Map<number, Sample> | null {
  if (set === NEVER) return null;
  const chosen = new Map<number, Sample>();
  for (let node = set; diagrams.childrenOf(node).length > 0; ) {
    const level = diagrams.dimensionOf(node);
    const children = diagrams.childrenOf(node);
    const open = (regions[level] ?? []).map((region, i) => ({ region, child: children[i] as Node }));
    const possible = open.filter(({ child }) => child !== NEVER);
    const liking = likingOf(places[level]);
    const best = possible.reduce((a, b) => (liking(b.region.sample) > liking(a.region.sample) ? b : a));
    chosen.set(level, best.region.sample);
    node = best.child;
  }
  return chosen;
}

/** How well a value serves as an example. */
export function likingOf(place: Place | undefined): (sample: Sample) => number {
  const wantsNumber = place?.tests.some(
    ({ question }) => (question.kind === "less" || question.kind === "equal") && question.value.kind === "number",
  );
  const order: Record<Sample["kind"], number> = {
    number: wantsNumber === true ? 9 : 6,
    text: 8,
    bool: 5,
    list: 4,
    object: 3,
    missing: 2,
    null: 1,
    unknown: 0,
  };
  return (sample) => {
    const isPlain = sample.kind !== "number" || (Number.isInteger(sample.value) && sample.value >= 0);
    const isEmpty = sample.kind === "text" && sample.value === "";
    return order[sample.kind] * 4 + (isPlain ? 2 : 0) + (isEmpty ? 0 : 1);
  };
}

/** A call with these values in these places; the last that is said of a place counts. */
export function witnessFrom(
  values: readonly (readonly [Holder | undefined, Sample | null])[],
  agent: string | null,
  tools: ToolClass,
): Witness {
  const request: { [member: string]: Json } = {
    agent_id: agent ?? UNDECLARED,
    tool_id: tools.example,
  };
  const args: { [name: string]: Json } = {};
  const rollouts: { [name: string]: boolean } = {};
  const time: { [part: number]: number } = {};
  let phase: string | null = null;
  const usesArguments = values.some(([holder]) => holder?.kind === "args" && isNetworkName(holder.path[0]));
  for (const [holder, given] of values) {
    // Every call has an action, as the daemon asks it.
    const sample = given ?? (holder?.kind === "action" ? TOOL_CALL : null);
    if (holder === undefined || sample === null || sample.kind === "missing" || sample.kind === "unknown") continue;
    const value = jsonOf(sample);
    switch (holder.kind) {
      case "args":
        put(args, holder.path, value);
        break;
      case "http":
        if (usesArguments) put(objectIn(request, "http"), holder.path, value);
        else put(args, holder.path, value);
        break;
      case "principal":
      case "delegation":
      case "selectors":
        put(objectIn(request, holder.kind), holder.path, value);
        break;
      case "model":
      case "purpose":
        request[holder.kind] = value;
        break;
      case "action":
        request.action_type = value;
        break;
      case "session":
        request.session_id = value;
        break;
      case "phase":
        phase = sample.kind === "text" ? sample.value : null;
        break;
      case "rollout":
        rollouts[holder.name] = sample.kind === "bool" && sample.value;
        break;
      case "time":
        if (sample.kind === "number") time[holder.part] = sample.value;
        break;
      default:
    }
  }
  const { agent_id, tool_id, ...rest } = request;
  return {
    request: { agent_id: String(agent_id), tool_id: String(tool_id), args, ...rest },
    phase,
    rollouts,
    time,
  };
}

function isNetworkName(name: string | number | undefined): boolean {
  return ["host", "port", "method", "path", "query", "headers", "url"].includes(String(name));
}

type Open = { [name: string]: Json };

function objectIn(holder: Open, name: string): Open {
  const known = holder[name];
  if (typeof known === "object" && known !== null && !Array.isArray(known)) return known as Open;
  const made: Open = {};
  holder[name] = made;
  return made;
}

/** Puts a value under a path; an object that stands there already, from a longer path, is kept. */
function put(holder: Open, path: readonly (string | number)[], value: Json): void {
  let at: Open | Json[] = holder;
  for (const [i, part] of path.entries()) {
    const isLast = i === path.length - 1;
    const box = at as { [part: string | number]: Json };
    // Lists are filled up to the index.
    if (Array.isArray(at)) while (at.length < Number(part)) at.push(null);
    const before = Object.hasOwn(box, part) ? box[part] : undefined;
    if (isLast) {
      const isOpen = typeof before === "object" && before !== null;
      if (!(isOpen && typeof value === "object" && value !== null)) define(box, part, value);
      return;
    }
    const next: Json =
      typeof before === "object" && before !== null ? before : typeof path[i + 1] === "number" ? [] : {};
    define(box, part, next);
    at = next as Open | Json[];
  }
}

/** An argument may be called `__proto__`. */
function define(box: object, name: string | number, value: Json): void {
  Object.defineProperty(box, name, { value, writable: true, enumerable: true, configurable: true });
}

function jsonOf(sample: Sample): Json {
  switch (sample.kind) {
    case "bool":
    case "number":
    case "text":
      return sample.value;
    case "list":
      return sample.items.map(jsonOf);
    case "object":
      return {};
    default:
      return null;
  }
}
