// What policies decide of one class of tools, as sets of calls: for each effect the calls that get it, for each clause those
// that it decides. Several policies are looked at in one space, so that their sets can be compared.
import type { Clause, Clauses, Effect } from "./clauses.ts";
import { ALWAYS, Diagrams, NEVER, type Node } from "./diagram.ts";
import type { Formula } from "./formula.ts";
import type { Place } from "./place.ts";
import { type Region, regionsOf } from "./regions.ts";
import type { Tri } from "./sample.ts";

export interface Decided {
  readonly clause: Clause;
  /** Calls for which it holds, whatever comes before it. */
  readonly holds: Node;
  /** Calls that it decides. */
  readonly decides: Node;
}

export interface Decision {
  readonly effects: Readonly<Record<Effect, Node>>;
  readonly clauses: readonly Decided[];
}

interface Answers {
  readonly yes: Node;
  readonly no: Node;
}

/** The calls of one class of tools. */
export class Space {
  readonly diagrams: Diagrams;
  readonly places: readonly Place[];
  /** By place, in the same order. */
  readonly regions: readonly (readonly Region[])[];
  /** Calls that there can be. */
  readonly possible: Node;
  readonly #levels: ReadonlyMap<Place, number>;
  /** By place: whether an answer that hangs on it is no more than "may". */
  readonly #isFree: readonly boolean[];

  /** Throws Beyond where tests tell too much apart; so may all else here. */
  constructor(places: readonly Place[]) {
    this.places = places;
    this.regions = places.map(({ domain, tests }) => regionsOf(domain, tests));
    this.diagrams = new Diagrams(this.regions.map(({ length }) => length));
    this.#levels = new Map(places.map((place, level) => [place, level]));
    this.#isFree = places.map(
      (place) => place.isFree || places.some((other) => other.tests.length > 0 && partOf(other, place) === "list"),
    );
    this.possible = this.#possible();
  }

  decision({ list, gates }: Clauses): Decision {
    const { diagrams } = this;
    const effects: Record<Effect, Node> = { permit: NEVER, defer: NEVER, deny: NEVER };
    const clauses: Decided[] = [];
    let left = this.possible;
    for (const clause of list) {
      const { yes, no } = this.answers(clause.holds);
      const holds = diagrams.and(clause.strict ? diagrams.not(no) : yes, this.possible);
      const decides = diagrams.and(left, holds);
      clauses.push({ clause, holds, decides });
      effects[clause.effect] = diagrams.or(effects[clause.effect], decides);
      left = diagrams.minus(left, holds);
    }
    for (const gate of gates) {
      const held = diagrams.and(effects.permit, this.answers(gate.holds).yes);
      effects.permit = diagrams.minus(effects.permit, held);
      effects[gate.effect] = diagrams.or(effects[gate.effect], held);
    }
    return { effects, clauses };
  }

  /** Calls for which the formula is true, and those for which it is false. */
  answers(formula: Formula): Answers {
    const { diagrams } = this;
    switch (formula.kind) {
      case "known":
        return { yes: formula.value === true ? ALWAYS : NEVER, no: formula.value === false ? ALWAYS : NEVER };
      case "test": {
        const level = this.#levels.get(formula.place) as number;
        const regions = this.regions[level] as readonly Region[];
        const where = (value: Tri): Node =>
          diagrams.literal(
            level,
            regions.map(({ answers }) => answers[formula.test] === value),
          );
        return { yes: where(true), no: where(false) };
      }
      case "not": {
        const { yes, no } = this.answers(formula.of);
        return { yes: no, no: yes };
      }
      case "and":
      case "or": {
        const isAnd = formula.kind === "and";
        let { yes, no } = { yes: isAnd ? ALWAYS : NEVER, no: isAnd ? NEVER : ALWAYS };
        for (const part of formula.parts) {
          const answers = this.answers(part);
          yes = isAnd ? diagrams.and(yes, answers.yes) : diagrams.or(yes, answers.yes);
          no = isAnd ? diagrams.or(no, answers.no) : diagrams.and(no, answers.no);
        }
        return { yes, no };
      }
    }
  }

  /** The set without what hangs on places whose values are not free to choose: calls that surely are in it. */
  certain(set: Node): Node {
    return this.diagrams.forAll(set, (level) => this.#isFree[level] === true);
  }

  /** What lies under a place is there only where the place holds it. */
  #possible(): Node {
    const { diagrams } = this;
    let possible: Node = ALWAYS;
    for (const [inner, place] of this.places.entries()) {
      for (const [outer, other] of this.places.entries()) {
        const below = partOf(other, place);
        if (below === null) continue;
        const holders = (this.regions[outer] ?? []).map(({ sample }) => sample.kind === below);
        const absent = (this.regions[inner] ?? []).map(({ sample }) => sample.kind === "missing");
        const fits = diagrams.or(diagrams.literal(outer, holders), diagrams.literal(inner, absent));
        possible = diagrams.and(possible, fits);
      }
    }
    return possible;
  }
}

/** What `outer` must be for `inner` to be in it, "object" or "list"; null where it is not above it. */
export function partOf(outer: Place, inner: Place): "object" | "list" | null {
  const [a, b] = [outer.holder, inner.holder];
  if (!("path" in a) || !("path" in b) || a.kind !== b.kind || a.path.length >= b.path.length) return null;
  if (!a.path.every((part, i) => part === b.path[i])) return null;
  return typeof b.path[a.path.length] === "number" ? "list" : "object";
}
