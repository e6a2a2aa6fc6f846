// The places of a request that conditions read, each once, with all that is asked of them. A place may also stand for what no
// request shows: the past of a session, a phase, or a comparison that reasoning by regions cannot take apart.
import type { Reads } from "./reads.ts";
import type { Domain } from "./regions.ts";
import type { Sample } from "./sample.ts";
import type { Test } from "./test.ts";

/** Where an example puts the value. */
export type Holder =
  | {
      readonly kind: "args" | "principal" | "delegation" | "http" | "selectors";
      readonly path: readonly (string | number)[];
    }
  | { readonly kind: "model" | "action" | "session" | "purpose" | "agent" | "tool" }
  | { readonly kind: "time"; readonly part: number }
  /** The workflow phase of the session, or whether a rollout runs. */
  | { readonly kind: "phase" }
  | { readonly kind: "rollout"; readonly name: string }
  | { readonly kind: "nowhere" };

export interface Place {
  readonly key: string;
  /** As a condition would name it. */
  readonly words: string;
  readonly holder: Holder;
  readonly domain: Domain;
  /** An answer that hangs on it is "may": its values are not free to choose, or not to be seen. */
  readonly isFree: boolean;
  /** Of what regions cannot take apart: what it is made of. */
  readonly reads?: Reads;
  readonly tests: Test[];
}

/** Order of the questions of a diagram: what is outside the request first, what makes an answer uncertain last. */
const CONTEXT = 0;
const CHOICE = 1;
const SEEN = 2;
const FREE = 3;

/**
 * Equalities from which a place that is asked for nothing else comes before the others. Each of its values is then one small
 * branch: 300 rules with a bound and a currency of their own take 7.5 s with the bounds first, and less than one with the currencies.
 */
const CHOICE_TESTS_MIN = 32;

export class Places {
  readonly #places = new Map<string, Place>();
  readonly #testNumbers = new Map<string, number>();

  /** The place of that key; `make` says what it is when it is new. */
  at(key: string, make: () => Omit<Place, "key" | "tests">): Place {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = { key, tests: [], ...make() };
    this.#places.set(key, place);
    return place;
  }

  /** The number of a test among those of its place. */
  test(place: Place, test: Test): number {
    const key = `${place.key}\n${JSON.stringify(test, patternNames)}`;
    const known = this.#testNumbers.get(key);
    if (known !== undefined) return known;
    const number = place.tests.push(test) - 1;
    this.#testNumbers.set(key, number);
    return number;
  }

  /** In the order of a diagram's levels. */
  ordered(): Place[] {
    const rank = (place: Place): number => {
      if (place.holder.kind === "phase" || place.holder.kind === "rollout") return CONTEXT;
      if (place.isFree) return FREE;
      return isChoice(place) ? CHOICE : SEEN;
    };
    return [...this.#places.values()].sort((a, b) => rank(a) - rank(b));
  }
}

function isChoice({ tests }: Place): boolean {
  if (tests.length < CHOICE_TESTS_MIN) return false;
  return tests.every(({ question }) => ["equal", "member", "folded", "absent", "missing"].includes(question.kind));
}

/** An automaton is known by its name. */
function patternNames(key: string, value: unknown): unknown {
  return key === "automaton" ? undefined : value;
}

export const truths: readonly Sample[] = [
  { kind: "bool", value: true },
  { kind: "bool", value: false },
  { kind: "unknown" },
];
