// Decision diagrams over regions: a node asks in which region one place of the request lies and has a child for each.
// Equal functions are the same node, so that "can this ever be" is a comparison with NEVER. Work is bounded: beyond the
// limits a Beyond is thrown, and whoever asked answers "unknown".

import { DIAGRAM_NODES_MAX, DIAGRAM_STEPS_MAX } from "./limits.ts";

/** A set of calls. Equal sets of one `Diagrams` are equal numbers. */
export type Node = number;

export const NEVER: Node = 0;
export const ALWAYS: Node = 1;

/** Thrown when a limit of limits.ts is reached. */
export class Beyond extends Error {}

/** The last level: what the two terminals have. */
const TERMINAL = 0x7fffffff;
/** Two nodes make one key, which a double holds exactly. */
const KEY_BASE = 2 ** 26;

export class Diagrams {
  /** Regions of each dimension, in the order in which diagrams ask. */
  readonly domains: readonly number[];
  readonly #levels: number[] = [TERMINAL, TERMINAL];
  readonly #children: (readonly Node[])[] = [[], []];
  readonly #unique = new Map<string, Node>();
  readonly #meets = new Map<number, Node>();
  readonly #unions = new Map<number, Node>();
  readonly #complements = new Map<Node, Node>();
  /** Steps taken so far: children looked at. */
  steps = 0;

  constructor(domains: readonly number[]) {
    this.domains = domains;
  }

  /** The calls whose place `dimension` lies in a region that `holds` marks. */
  literal(dimension: number, holds: readonly boolean[]): Node {
    return this.#node(
      dimension,
      holds.map((one) => (one ? ALWAYS : NEVER)),
    );
  }

  and(a: Node, b: Node): Node {
    return this.#join(a, b, this.#meets, NEVER);
  }

  not(a: Node): Node {
    if (a <= ALWAYS) return ALWAYS - a;
    const known = this.#complements.get(a);
    if (known !== undefined) return known;
    const level = this.#level(a);
    this.#step(level);
    const result = this.#node(
      level,
      this.childrenOf(a).map((child) => this.not(child)),
    );
    this.#complements.set(a, result);
    this.#complements.set(result, a);
    return result;
  }

  or(a: Node, b: Node): Node {
    return this.#join(a, b, this.#unions, ALWAYS);
  }

  minus(a: Node, b: Node): Node {
    return this.and(a, this.not(b));
  }

  /** The calls that are in `a` whatever the dimensions hold that `free` names. */
  forAll(a: Node, free: (dimension: number) => boolean): Node {
    const known = new Map<Node, Node>();
    const visit = (node: Node): Node => {
      if (node <= ALWAYS) return node;
      const before = known.get(node);
      if (before !== undefined) return before;
      const level = this.#level(node);
      this.#step(level);
      const children = this.childrenOf(node).map(visit);
      const result = free(level) ? children.reduce((x, y) => this.and(x, y), ALWAYS) : this.#node(level, children);
      known.set(node, result);
      return result;
    };
    return visit(a);
  }

  /** The dimension that the node asks about. */
  dimensionOf(node: Node): number {
    return this.#level(node);
  }

  /** One child for each region of the node's dimension; none for NEVER and ALWAYS. */
  childrenOf(node: Node): readonly Node[] {
    return this.#children[node] as readonly Node[];
  }

  /** `strong` is the terminal that wins: NEVER for a meet, ALWAYS for a union. */
  #join(a: Node, b: Node, joins: Map<number, Node>, strong: Node): Node {
    if (a === strong || b === strong) return strong;
    if (a === b || b <= ALWAYS) return a;
    if (a <= ALWAYS) return b;
    const key = a < b ? a * KEY_BASE + b : b * KEY_BASE + a;
    const known = joins.get(key);
    if (known !== undefined) return known;
    const level = Math.min(this.#level(a), this.#level(b));
    this.#step(level);
    const left = this.#under(a, level);
    const right = this.#under(b, level);
    const children: Node[] = [];
    for (let i = 0; i < this.#width(level); i++) {
      const [x, y] = [left === null ? a : (left[i] as Node), right === null ? b : (right[i] as Node)];
      children.push(this.#join(x, y, joins, strong));
    }
    const result = this.#node(level, children);
    joins.set(key, result);
    return result;
  }

  #level(node: Node): number {
    return this.#levels[node] as number;
  }

  #width(level: number): number {
    return this.domains[level] as number;
  }

  /** Null where the node does not ask at this level. */
  #under(node: Node, level: number): readonly Node[] | null {
    return this.#level(node) === level ? this.childrenOf(node) : null;
  }

  #node(level: number, children: readonly Node[]): Node {
    const [first] = children;
    if (first !== undefined && children.every((child) => child === first)) return first;
    const key = `${level}:${children.join()}`;
    const known = this.#unique.get(key);
    if (known !== undefined) return known;
    const node = this.#levels.length;
    if (node >= DIAGRAM_NODES_MAX) throw new Beyond("too many nodes");
    this.#levels.push(level);
    this.#children.push(children);
    this.#unique.set(key, node);
    return node;
  }

  /** A node of many regions is as much work as it is wide. */
  #step(level: number): void {
    this.steps += this.#width(level);
    if (this.steps > DIAGRAM_STEPS_MAX) throw new Beyond("too many steps");
  }
}
