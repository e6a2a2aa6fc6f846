// What a run in CI must hold: ratios of one run and sizes, never times, each with so much room that a busy machine passes and a
// lost optimisation does not: engines compile hot code beside the program, and on a machine without a free core they do so late, which
// has cost a factor of three. Where a figure is exact, there is no room.
import { printed, type Row } from "./row.ts";

interface Bound {
  readonly atMost?: number;
  readonly atLeast?: number;
  /** What a value beyond it would mean. */
  readonly because: string;
}

const allowed: Readonly<Record<string, Bound>> = {
  "payments.over-javascript": {
    atMost: 60,
    because: "a decision on an object costs more calls into the machine than one",
  },
  "payments.faster-than-cedar": { atLeast: 40, because: "a decision has become several times slower" },
  "payments.faster-than-casbin": { atLeast: 10, because: "a decision has become several times slower" },
  "json.faster-than-javascript": {
    atLeast: 0.8,
    because: "reading the bytes costs more than building objects of them",
  },
  "rules.growth": { atMost: 8, because: "a decision looks at rules of other tools" },
  "size.evaluator": { atMost: 21, because: "something heavy came into the evaluator's bundle" },
  "size.built-policy": { atMost: 21, because: "a built policy carries what it has no use for" },
  "size.image-per-rule": { atMost: 60, because: "rules no longer share what they have in common" },
  "memory.machine-growth": { atMost: 0, because: "the machine allocates after it is loaded" },
};

/** A sentence for each figure beyond its bound. Figures that were not measured are not judged. */
export function regressionsOf(rows: readonly Row[]): string[] {
  return rows.flatMap(({ id, value, unit }) => {
    const bound = Object.hasOwn(allowed, id) ? allowed[id] : undefined;
    if (bound === undefined) return [];
    const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY, because } = bound;
    if (value <= atMost && value >= atLeast) return [];
    const limit = value > atMost ? `at most ${atMost}` : `at least ${atLeast}`;
    return [`${id} is ${printed(value)} ${unit}, ${limit} is allowed: ${because}`];
  });
}
