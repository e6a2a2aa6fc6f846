// Joined globs say of every name just what the globs say one by one.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compileDispatch, compileGlob, type Dispatch, run } from "../../compiler/automaton/index.ts";

const encoder = new TextEncoder();
const ROOMY = { states: 60_000, entries: 1_000_000 };

function dispatched(dispatch: Dispatch, name: string): readonly number[] {
  let state = dispatch.start;
  for (const byte of encoder.encode(name)) {
    state = dispatch.next[state * dispatch.classCount + (dispatch.classOf[byte] ?? 0)] ?? 0;
  }
  return dispatch.sets[dispatch.accept[state] ?? 0] ?? [];
}

/** A glob that is left out has to be looked at in each set. */
function entriesOf({ sets, left }: Dispatch): number {
  return sets.reduce((sum, set) => sum + set.length + left.length, 0);
}

function oneByOne(globs: readonly string[], name: string): number[] {
  const bytes = encoder.encode(name);
  return globs.flatMap((glob, i) => {
    const result = compileGlob(glob, { separator: "/", ignoreCase: false });
    return result.ok && run(result.automaton, bytes) ? [i] : [];
  });
}

const segment = fc.string({ unit: fc.constantFrom("a", "b", "é", "*", "?"), maxLength: 4 });
const glob = fc.array(fc.oneof(segment, fc.constant("**")), { minLength: 1, maxLength: 4 }).map((all) => all.join("/"));
const name = fc.string({ unit: fc.constantFrom("a", "b", "é", "/"), maxLength: 8 });

test("E05 a dispatch equals its globs matched one by one", () => {
  fc.assert(
    fc.property(
      fc.array(glob, { maxLength: 8 }),
      fc.array(name, { minLength: 1, maxLength: 8 }),
      fc.constantFrom(8, 30, 10_000),
      fc.constantFrom(10, 40, 1_000_000),
      (globs, names, states, entries) => {
        const dispatch = compileDispatch(globs, { states, entries });
        assert.ok(dispatch.stateCount <= Math.max(states, 3));
        assert.ok(entriesOf(dispatch) <= Math.max(entries, globs.length));
        for (const sample of names) {
          const expected = oneByOne(globs, sample).filter((i) => !dispatch.left.includes(i));
          assert.equal(dispatched(dispatch, sample), expected, sample);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("a thousand prefixes fit, and each finds its own", () => {
  const shapes = [(i: number) => `provider${i}/*`, (i: number) => `tool_${i}_*`, (i: number) => `space${i}/**`];
  const globs = Array.from({ length: 1_000 }, (_, i) => shapes[i % 3]?.(i) ?? "");
  const dispatch = compileDispatch(globs, ROOMY);
  assert.equal(dispatch.left, []);
  assert.equal(dispatched(dispatch, "provider999/refund"), [999]);
  assert.equal(dispatched(dispatch, "tool_1_x"), [1]);
  assert.equal(dispatched(dispatch, "space998/a/b"), [998]);
  assert.equal(dispatched(dispatch, "provider999"), []);
  assert.equal(compileDispatch(globs, ROOMY), dispatch);
});

test("E10 globs that multiply each other's states are left, the plain ones stay", () => {
  const wild = Array.from({ length: 40 }, (_, i) => `*a${i}*b*c?/**/d*e`);
  const plain = ["stripe/*", "read_*", "shell/**", "*"];
  const dispatch = compileDispatch([...wild, ...plain], { ...ROOMY, states: 500 });
  assert.ok(dispatch.stateCount <= 500);
  assert.ok(dispatch.left.length > 0 && dispatch.left.every((i) => i < wild.length));
  assert.equal(dispatched(dispatch, "stripe/refund"), [40, 43]);
});

test("few globs that do not fit do not stand in the plan of each of many sets", () => {
  const overlapping = Array.from({ length: 1_000 }, (_, i) => (i % 2 === 0 ? `team*/svc${i}*/**` : `team*/*/x${i}*`));
  const dispatch = compileDispatch(overlapping, { states: 20_000, entries: 300_000 });
  assert.ok(entriesOf(dispatch) <= 300_000);
  assert.ok(dispatch.left.length < overlapping.length);
});

test("what is no glob is left, and no globs make a machine that matches nothing", () => {
  assert.equal(compileDispatch(["a", "\ud800", "b".repeat(10_001)], ROOMY).left, [1, 2]);
  const none = compileDispatch([], ROOMY);
  assert.equal([none.left, dispatched(none, ""), dispatched(none, "a")], [[], [], []]);
});

test.run();
