// One test of a condition on one place of the request, and its answer for a value that the place may hold. A place is seen
// through a view: its length, its text in lower case, the place times two.
import { type Automaton, run } from "../automaton/index.ts";
import {
  asciiLower,
  asciiUpper,
  type Constant,
  equal,
  holdsItem,
  isIn,
  lengthOf,
  numberSample,
  order,
  type Sample,
  type Tri,
  textSample,
  unknown,
} from "./sample.ts";

export type View =
  | { readonly kind: "lower" | "upper" | "length" | "count" | "negate" }
  /** `reversed`: the constant stands on the left. */
  | {
      readonly kind: "arithmetic";
      readonly operator: "+" | "-" | "*" | "/";
      readonly by: number;
      readonly reversed: boolean;
    };

/** A text test by an automaton; `name` is equal for equal languages of equal tests. */
export interface TextPattern {
  readonly name: string;
  /** As the author wrote it. */
  readonly text: string;
  readonly automaton: Automaton;
}

export type Question =
  | { readonly kind: "absent" }
  /** Not there at all; null is. */
  | { readonly kind: "missing" }
  | { readonly kind: "equal"; readonly value: Constant }
  | { readonly kind: "less"; readonly value: Constant; readonly orEqual: boolean }
  /** The place is one of these. */
  | { readonly kind: "member"; readonly items: readonly Constant[] }
  /** The constant is a member of the place. */
  | { readonly kind: "within"; readonly value: Constant }
  | { readonly kind: "contains"; readonly value: Constant }
  | { readonly kind: "hasItem"; readonly value: Constant }
  | { readonly kind: "starts" | "ends"; readonly text: string }
  | { readonly kind: "matches" | "anyMatches"; readonly pattern: TextPattern }
  /** The text without regard to the case of ASCII letters. */
  | { readonly kind: "folded"; readonly text: string }
  | { readonly kind: "truth" };

export interface Test {
  /** Applied in order. */
  readonly views: readonly View[];
  readonly question: Question;
  /** Where there is no answer: what network matchers and gates take for one. */
  readonly otherwise: Tri;
}

export function answer(test: Test, value: Sample): Tri {
  const seen = test.views.reduce((sample, view) => viewed(view, sample), value);
  const said = ask(test.question, seen);
  return said === null ? test.otherwise : said;
}

export function viewed(view: View, value: Sample): Sample {
  switch (view.kind) {
    case "lower":
      return value.kind === "text" ? textSample(asciiLower(value.value)) : unknown;
    case "upper":
      return value.kind === "text" ? textSample(asciiUpper(value.value)) : unknown;
    case "length":
      return lengthOf(value);
    case "count":
      return value.kind === "list" ? lengthOf(value) : unknown;
    case "negate":
      return value.kind === "number" ? numberSample(-value.value) : unknown;
    case "arithmetic":
      return value.kind === "number" ? computed(view.operator, value.value, view.by, view.reversed) : unknown;
  }
}

export function computed(operator: "+" | "-" | "*" | "/", x: number, by: number, reversed: boolean): Sample {
  const [a, b] = reversed ? [by, x] : [x, by];
  switch (operator) {
    case "+":
      return numberSample(a + b);
    case "-":
      return numberSample(a - b);
    case "*":
      return numberSample(a * b);
    case "/":
      return b === 0 ? unknown : numberSample(a / b);
  }
}

function ask(question: Question, value: Sample): Tri {
  switch (question.kind) {
    case "absent":
      return value.kind === "missing" || value.kind === "null" || value.kind === "unknown";
    case "missing":
      return value.kind === "missing";
    case "equal":
      return equal(value, question.value);
    case "less": {
      const sign = order(value, question.value);
      return sign === null ? null : question.orEqual ? sign <= 0 : sign < 0;
    }
    case "member":
      return isIn(value, question.items);
    case "within":
      return value.kind === "list" ? isIn(question.value, value.items) : null;
    case "contains":
      if (value.kind === "text")
        return question.value.kind === "text" ? value.value.includes(question.value.value) : null;
      return holdsItem(value, question.value);
    case "hasItem":
      return holdsItem(value, question.value);
    case "starts":
      return value.kind === "text" ? value.value.startsWith(question.text) : null;
    case "ends":
      return value.kind === "text" ? value.value.endsWith(question.text) : null;
    case "matches":
      return value.kind === "text" ? found(question.pattern, value.value) : null;
    case "anyMatches":
      if (value.kind !== "list") return null;
      return value.items.some((item) => item.kind === "text" && found(question.pattern, item.value));
    case "folded":
      return value.kind === "text" ? asciiLower(value.value) === asciiLower(question.text) : null;
    case "truth":
      return value.kind === "bool" ? value.value : null;
  }
}

const encoder = new TextEncoder();

function found(pattern: TextPattern, text: string): boolean {
  return run(pattern.automaton, encoder.encode(text));
}
