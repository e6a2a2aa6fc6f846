// Which nodes of a nondeterministic machine wait for the next byte or symbol, from given nodes and what stands on either
// side. It must never forget a condition: one that cannot be decided yet stays among the nodes found.

import { holds, type Neighbour } from "./conditions.ts";
import type { Nfa, NfaNode } from "./nfa.ts";

export class Closure {
  /** of the last call: nodes with steps, conditions still open, and matches where they are collected */
  found: number[] = [];
  /** of the last call: whether a condition is still open */
  waits = false;
  /** visits to nodes, of all calls */
  work = 0;
  private readonly nodes: readonly NfaNode[];
  private readonly collect: boolean;
  /** visited nodes are those marked with the current generation, so that clearing costs nothing */
  private readonly marks: Int32Array;
  private generation = 0;

  constructor(nfa: Nfa, collect: boolean) {
    this.nodes = nfa.nodes;
    this.collect = collect;
    this.marks = new Int32Array(nfa.nodes.length);
  }

  /** Follows forks and decidable conditions; true where a match is reached and matches are not collected. */
  close(from: readonly number[] | Int32Array, left: Neighbour, right: Neighbour | undefined): boolean {
    this.generation++;
    this.found = [];
    this.waits = false;
    const stack = Array.from(from);
    while (stack.length > 0) {
      const id = stack.pop() as number;
      if (this.marks[id] === this.generation) continue;
      this.marks[id] = this.generation;
      this.work++;
      const node = this.nodes[id] as NfaNode;
      if (node.kind === "bytes") this.found.push(id);
      else if (node.kind === "fork") for (const to of node.to) stack.push(to);
      else if (node.kind === "match") {
        if (!this.collect) return true;
        this.found.push(id);
      } else {
        const held = holds(node.assertion, left, right);
        if (held === true) stack.push(node.to);
        if (held !== undefined) continue;
        this.found.push(id);
        this.waits = true;
      }
    }
    return false;
  }
}
