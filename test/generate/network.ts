// Network matchers by chance, over the few hosts, paths and values that generated requests have.
import type { Random } from "./random.ts";
import { strings } from "./words.ts";

export interface MatcherDraft {
  /** `host`, `query q`, `header "H"`: what stands before the separator. */
  readonly part: string;
  readonly value: string;
}

/** One or more matchers of one rule. */
export function matcherDrafts(random: Random): MatcherDraft[] {
  return random.list(1, random.oneIn(4) ? 3 : 1, () => matcherDraft(random));
}

/** A matcher in one of the two dialects; `query` and `header` always have a separator. */
export function matcherText(matcher: MatcherDraft, older: boolean): string {
  const keyed = matcher.part.includes(" ");
  return `${matcher.part}${older ? ": " : keyed ? "=" : " "}${matcher.value}`;
}

function matcherDraft(random: Random): MatcherDraft {
  switch (random.below(7)) {
    case 0:
    case 1:
      return { part: "host", value: oneOrMore(random, () => quoted(random, random.pick(hostGlobs))) };
    case 2:
      return { part: "port", value: oneOrMore(random, () => random.pick(ports)) };
    case 3:
      return { part: "method", value: oneOrMore(random, () => quoted(random, random.pick(methodGlobs))) };
    case 4:
      return { part: "path", value: oneOrMore(random, () => quoted(random, pathGlob(random))) };
    case 5:
      return { part: `query ${random.pick(["q", '"q"', "k"])}`, value: oneOrMore(random, () => textGlob(random)) };
    default:
      return {
        part: `header ${random.pick(["h", "H", "X-a", "x-A"])}`,
        value: oneOrMore(random, () => textGlob(random)),
      };
  }
}

const hostGlobs = ["a", "A", "*", "a*", "*b", "?", "*.b.c", "a.*", "x.b.C", "é", "?b*", "[::1]", "*.*"] as const;
const methodGlobs = ["GET", "get", "*", "P*", "?ET", "*T"] as const;
const ports = ["443", "80", "8080", '"1-443"', '"80-80"', '"443-8080"', '"8000-9000"'] as const;

function pathGlob(random: Random): string {
  if (random.oneIn(6)) return random.pick(["*", "**", "/"]);
  return `/${random.list(1, 3, () => random.pick(["a", "b", "*", "**", "a*", "?", "*b", "", "A"])).join("/")}`;
}

function textGlob(random: Random): string {
  return quoted(
    random,
    random.oneIn(3) ? random.pick(strings) : random.pick(["*", "a*", "*b", "?", "*a*", "a?", "1*"]),
  );
}

function oneOrMore(random: Random, make: () => string): string {
  return random.oneIn(4) ? `[${random.list(1, 3, make).join(", ")}]` : make();
}

/** Quotes, or none where the word could stand without. */
function quoted(random: Random, text: string): string {
  return /^(?!true$)[A-Za-z]+$/.test(text) && random.oneIn(2) ? text : JSON.stringify(text);
}
