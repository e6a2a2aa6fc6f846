// Pattern → nondeterministic machine over bytes (Thompson's construction), with repeats written out. With an alphabet its
// steps are over that alphabet's symbols, a whole character each.
// It must never decide anything about a text: conditions stay conditions until the next byte is known.

import type { Alphabet } from "./alphabet.ts";
import { NFA_NODE_LIMIT } from "./limits.ts";
import { toRanges } from "./ranges.ts";
import { type Assertion, type Pattern, PatternError } from "./syntax.ts";
import { type ByteStep, DONE, type Utf8Machine, utf8Machine } from "./utf8.ts";

export type NfaNode =
  /** one byte, by whichever step holds it */
  | { readonly kind: "bytes"; readonly steps: readonly ByteStep[] }
  | { readonly kind: "fork"; readonly to: number[] }
  | { readonly kind: "condition"; readonly assertion: Assertion; readonly to: number }
  | { readonly kind: "match"; readonly tag: number };

export class Nfa {
  readonly nodes: NfaNode[] = [];
  private readonly nodeLimit: number;
  /** where there is one, steps are over its symbols instead of bytes */
  private readonly alphabet: Alphabet | undefined;
  private readonly machines = new Map<readonly number[], Utf8Machine>();
  private readonly machinesByText = new Map<string, Utf8Machine>();

  constructor(nodeLimit: number = NFA_NODE_LIMIT, alphabet?: Alphabet) {
    this.nodeLimit = nodeLimit;
    this.alphabet = alphabet;
  }

  /** A node where the machine has matched; `tag` tells joined patterns apart. */
  addMatch(tag: number): number {
    return this.add({ kind: "match", tag });
  }

  addFork(to: number[]): number {
    return this.add({ kind: "fork", to });
  }

  /** Begins at `start` at any later byte as well as at the first. */
  addSearch(start: number): number {
    const fork: number[] = [start];
    const loop = this.add({ kind: "fork", to: fork });
    const hi = this.alphabet === undefined ? 0xff : this.alphabet.symbolCount - 1;
    fork.push(this.add({ kind: "bytes", steps: [{ lo: 0, hi, to: loop }] }));
    return loop;
  }

  /** The node from which `pattern` leads to `next`. Throws PatternError beyond the node limit. */
  addPattern(pattern: Pattern, next: number): number {
    switch (pattern.kind) {
      case "empty":
        return next;
      case "character":
        return this.addCharacter(pattern.set, next);
      case "byte":
        return this.addBytes(this.alphabet?.symbolsOfBytes(pattern.set) ?? pattern.set, next);
      case "assertion":
        return this.add({ kind: "condition", assertion: pattern.assertion, to: next });
      case "sequence":
        return pattern.parts.reduceRight((after, part) => this.addPattern(part, after), next);
      case "choice":
        return this.addFork(joinCharacters(pattern.parts).map((part) => this.addPattern(part, next)));
      case "repeat":
        return this.addRepeat(pattern.body, pattern.min, pattern.max, next);
    }
  }

  private addRepeat(body: Pattern, min: number, max: number | undefined, next: number): number {
    let entry = next;
    if (max === undefined) {
      const to: number[] = [];
      entry = this.add({ kind: "fork", to });
      to.push(this.addPattern(body, entry), next);
    } else {
      for (let i = min; i < max; i++) entry = this.addFork([this.addPattern(body, entry), next]);
    }
    for (let i = 0; i < min; i++) entry = this.addPattern(body, entry);
    return entry;
  }

  private addBytes(set: readonly number[], next: number): number {
    const steps: ByteStep[] = [];
    for (let i = 0; i < set.length; i += 2) steps.push({ lo: set[i] as number, hi: set[i + 1] as number, to: next });
    return this.add({ kind: "bytes", steps });
  }

  private addCharacter(set: readonly number[], next: number): number {
    if (this.alphabet !== undefined) return this.addBytes(this.alphabet.symbolsOf(set), next);
    if (set.length === 2 && (set[1] as number) < 0x80) return this.addBytes(set, next);
    const machine = this.machineFor(set);
    const first = this.nodes.length;
    for (const steps of machine) {
      this.add({
        kind: "bytes",
        steps: steps.map(({ lo, hi, to }) => ({ lo, hi, to: to === DONE ? next : first + to })),
      });
    }
    return this.nodes.length - 1;
  }

  /** Repeats present the same array again and again, equal sets elsewhere the same text. */
  private machineFor(set: readonly number[]): Utf8Machine {
    const before = this.machines.get(set);
    if (before !== undefined) return before;
    const text = set.join();
    const machine = this.machinesByText.get(text) ?? utf8Machine(set);
    this.machines.set(set, machine);
    this.machinesByText.set(text, machine);
    return machine;
  }

  private add(node: NfaNode): number {
    if (this.nodes.length >= this.nodeLimit) {
      const help = "make the counts in `{n,m}` smaller, or use `*` or `+`";
      throw new PatternError(`the pattern needs more than ${this.nodeLimit} nodes when written out`, 0, help);
    }
    this.nodes.push(node);
    return this.nodes.length - 1;
  }
}

/** `a|b|c` as one set: the fewer ways there are, the smaller every machine becomes. */
function joinCharacters(parts: readonly Pattern[]): readonly Pattern[] {
  const sets = parts.flatMap((part) => (part.kind === "character" ? [part.set] : []));
  if (sets.length < 2) return parts;
  const others = parts.filter((part) => part.kind !== "character");
  return [{ kind: "character", set: toRanges(sets.flat()) }, ...others];
}
