// Nondeterministic machine → deterministic one, by sets of nodes. A set keeps the conditions that wait for the next
// byte, and then what stood to their left as well. It must stop at its limits: the sets can double with each node.

import { type ByteClasses, byteClasses } from "./byte-classes.ts";
import { Closure } from "./closure.ts";
import { type Neighbour, neighbourOf, RIGHTS } from "./conditions.ts";
import type { Nfa, NfaNode } from "./nfa.ts";

export const DEAD = 0;
export const ACCEPTED = 1;
const FIRST_FREE = 2;

export interface Limits {
  readonly states: number;
  /** visits to nodes */
  readonly work: number;
  /** false: a match ends the run at once. true: matches are collected, and those at the end of the text count. */
  readonly collect: boolean;
}

export interface Dfa {
  readonly classes: ByteClasses;
  readonly stateCount: number;
  /** stateCount rows of classes.count states */
  readonly next: Int32Array;
  /** whether a text that ends in a state has matched (1) or not (0) */
  readonly endMatches: Uint8Array;
  /** when collecting, the sorted tags of the matches in each state */
  readonly tags: readonly (readonly number[])[];
  readonly start: number;
}

interface State {
  readonly set: Int32Array;
  /** what stood before, where a condition in the set will ask */
  readonly left: Neighbour | undefined;
}

/** The deterministic machine from node `start`; "states" or "work" names the limit it would pass. */
export function determinize(nfa: Nfa, start: number, limits: Limits): Dfa | "states" | "work" {
  return new Construction(nfa, limits).run(start);
}

class Construction {
  private readonly nodes: readonly NfaNode[];
  private readonly limits: Limits;
  private readonly classes: ByteClasses;
  private readonly leftOf: readonly Neighbour[];
  private readonly states: State[] = [];
  private readonly rows: Int32Array[] = [];
  private readonly ends: number[] = [];
  private readonly numbers = new Map<number, number[]>();
  private readonly closure: Closure;
  /** per class the nodes one byte away, kept between rows: a fresh list for each was a fifth of the time */
  private readonly reached: number[][];
  /** visits while rows are filled; the closure counts its own */
  private work = 0;

  constructor(nfa: Nfa, limits: Limits) {
    this.nodes = nfa.nodes;
    this.limits = limits;
    this.classes = byteClasses(nfa);
    this.leftOf = this.classes.first.map((byte) => neighbourOf(byte));
    this.reached = Array.from({ length: this.classes.count }, () => []);
    this.closure = new Closure(nfa, limits.collect);
    for (let i = 0; i < FIRST_FREE; i++) {
      this.states.push({ set: new Int32Array(0), left: undefined });
      this.rows.push(new Int32Array(this.classes.count).fill(i));
      this.ends.push(i);
    }
  }

  run(startNode: number): Dfa | "states" | "work" {
    const start = this.stateAt([startNode], "edge");
    for (let i = FIRST_FREE; i < this.states.length; i++) {
      this.expand(this.states[i] as State);
      if (this.states.length > this.limits.states) return "states";
      if (this.spent > this.limits.work) return "work";
    }
    const count = this.classes.count;
    const next = new Int32Array(this.states.length * count);
    for (const [i, row] of this.rows.entries()) next.set(row, i * count);
    return {
      classes: this.classes,
      stateCount: this.states.length,
      next,
      endMatches: Uint8Array.from(this.ends),
      tags: this.limits.collect ? this.states.map((state) => this.tagsOf(state)) : [],
      start,
    };
  }

  private get spent(): number {
    return this.work + this.closure.work;
  }

  private tagsOf(state: State): readonly number[] {
    const tags: number[] = [];
    for (const id of state.set) {
      const node = this.nodes[id];
      if (node?.kind === "match") tags.push(node.tag);
    }
    return tags.sort((a, b) => a - b);
  }

  /** The number of the state in which the machine stands on the nodes, with `left` before it. */
  private stateAt(from: readonly number[], left: Neighbour): number {
    const { closure } = this;
    if (closure.close(from, left, undefined)) return ACCEPTED;
    if (closure.found.length === 0) return DEAD;
    const set = Int32Array.from(closure.found).sort();
    const kept = closure.waits ? left : undefined;
    let hash = kept === undefined ? 5 : RIGHTS.indexOf(kept);
    for (const id of set) hash = (Math.imul(hash, 0x01000193) ^ id) | 0;
    const sameHash = this.numbers.get(hash) ?? [];
    for (const number of sameHash) {
      const state = this.states[number] as State;
      if (state.left === kept && equal(state.set, set)) return number;
    }
    const number = this.states.length;
    this.numbers.set(hash, [...sameHash, number]);
    this.states.push({ set, left: kept });
    return number;
  }

  private expand(state: State): void {
    const row = new Int32Array(this.classes.count);
    this.rows.push(row);
    if (state.left === undefined) {
      this.ends.push(0);
      this.fillRow(row, state.set, undefined);
      return;
    }
    for (const right of RIGHTS) {
      const matched = this.closure.close(state.set, state.left, right);
      if (right === "edge") this.ends.push(matched ? 1 : 0);
      else if (!matched) this.fillRow(row, this.closure.found, right);
      else for (let i = 0; i < row.length; i++) if (this.leftOf[i] === right) row[i] = ACCEPTED;
    }
  }

  /** Steps over every class, or over those that are `right`, from the nodes. */
  private fillRow(row: Int32Array, from: readonly number[] | Int32Array, right: Neighbour | undefined): void {
    const { reached } = this;
    for (const targets of reached) if (targets.length > 0) targets.length = 0;
    for (const id of from) {
      const node = this.nodes[id] as NfaNode;
      if (node.kind !== "bytes") continue;
      for (const { lo, hi, to } of node.steps) {
        const last = this.classes.classOf[hi] as number;
        for (let i = this.classes.classOf[lo] as number; i <= last; i++) (reached[i] as number[]).push(to);
        this.work += last - (this.classes.classOf[lo] as number) + 1;
      }
    }
    for (let i = 0; i < row.length && this.spent <= this.limits.work; i++) {
      const left = this.leftOf[i] as Neighbour;
      if (right !== undefined && left !== right) continue;
      const targets = reached[i] as number[];
      // Neighbouring classes often lead to the same place; asking again would cost a closure.
      const alike = i > 0 && this.leftOf[i - 1] === left && equal(reached[i - 1] as number[], targets);
      if (targets.length > 0) row[i] = alike ? (row[i - 1] as number) : this.stateAt(targets, left);
    }
  }
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
