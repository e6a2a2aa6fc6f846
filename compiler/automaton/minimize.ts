// The smallest machine with the same language, and which of its states decide already: none of them may stay apart
// from DEAD or ACCEPTED. It must never look at numbers of states: those are given later.

import { Partition } from "./partition.ts";

export interface Table {
  readonly stateCount: number;
  readonly classCount: number;
  readonly next: Int32Array;
  /** per state, whether a text that ends there has matched */
  readonly endMatches: Uint8Array;
}

/** Transitions between states that can still match, as parallel arrays, ordered by class. */
interface Arrows {
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** where the arrows of each class that has any begin */
  readonly starts: readonly number[];
}

/** For each state the number of its group; states of one group match the same texts, -1 is the group of no text. */
export function groupStates(table: Table): Int32Array {
  const alive = aliveStates(table);
  const arrows = aliveArrows(table, alive);
  const states = new Partition(table.stateCount);
  markWhere(states, (state) => alive[state] === 1);
  markWhere(states, (state) => table.endMatches[state] === 1);
  const arrowOrder = Int32Array.from(arrows.from, (_, i) => i);
  const groups = new Partition(arrows.from.length, arrowOrder, arrows.starts);
  const incoming = incomingArrows(table.stateCount, arrows);
  let nextSet = 0;
  // The last set of states need not split arrows: whatever it would tell apart, the others do.
  let nextStates = 1;
  while (nextSet < groups.setCount) {
    for (let i = groups.first[nextSet] as number; i < (groups.past[nextSet] as number); i++) {
      states.mark(arrows.from[groups.members[i] as number] as number);
    }
    states.split();
    nextSet++;
    for (; nextStates < states.setCount; nextStates++) {
      for (let i = states.first[nextStates] as number; i < (states.past[nextStates] as number); i++) {
        const state = states.members[i] as number;
        const end = incoming.starts[state + 1] as number;
        for (let j = incoming.starts[state] as number; j < end; j++) groups.mark(incoming.arrows[j] as number);
      }
      groups.split();
    }
  }
  return Int32Array.from(states.setOf, (set, state) => (alive[state] === 1 ? set : -1));
}

function markWhere(states: Partition, test: (state: number) => boolean): void {
  for (let state = 0; state < states.setOf.length; state++) if (test(state)) states.mark(state);
  states.split();
}

/** States from which some text matches. */
function aliveStates(table: Table): Uint8Array {
  const { stateCount, classCount, next } = table;
  const all: Arrows = { from: new Int32Array(next.length), to: next, starts: [] };
  for (let i = 0; i < next.length; i++) all.from[i] = Math.floor(i / classCount);
  const incoming = incomingArrows(stateCount, all);
  const alive = Uint8Array.from(table.endMatches);
  const stack: number[] = [];
  for (let state = 0; state < stateCount; state++) if (alive[state] === 1) stack.push(state);
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    for (let j = incoming.starts[state] as number; j < (incoming.starts[state + 1] as number); j++) {
      const from = all.from[incoming.arrows[j] as number] as number;
      if (alive[from] === 1) continue;
      alive[from] = 1;
      stack.push(from);
    }
  }
  return alive;
}

function aliveArrows(table: Table, alive: Uint8Array): Arrows {
  const from: number[] = [];
  const to: number[] = [];
  const starts: number[] = [];
  for (let c = 0; c < table.classCount; c++) {
    const start = from.length;
    for (let state = 0; state < table.stateCount; state++) {
      const target = table.next[state * table.classCount + c] as number;
      if (alive[state] !== 1 || alive[target] !== 1) continue;
      from.push(state);
      to.push(target);
    }
    if (from.length > start) starts.push(start);
  }
  return { from: Int32Array.from(from), to: Int32Array.from(to), starts };
}

/** Arrows by the state they lead to: those to state s are arrows[starts[s] .. starts[s+1] - 1]. */
function incomingArrows(stateCount: number, arrows: Arrows): { starts: Int32Array; arrows: Int32Array } {
  const starts = new Int32Array(stateCount + 1);
  for (const state of arrows.to) starts[state + 1] = (starts[state + 1] as number) + 1;
  for (let state = 0; state < stateCount; state++) {
    starts[state + 1] = (starts[state + 1] as number) + (starts[state] as number);
  }
  const fill = starts.slice(0, stateCount);
  const byTarget = new Int32Array(arrows.to.length);
  arrows.to.forEach((state, arrow) => {
    const place = fill[state] as number;
    byTarget[place] = arrow;
    fill[state] = place + 1;
  });
  return { starts, arrows: byTarget };
}
