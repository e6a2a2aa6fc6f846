// A rule's conditions one by one, for systems that are given rules in a form of their own: each is made from the same list that
// CASL gets. It knows the operators that the workloads use, and no others.
import type { CaslRule } from "./casl.ts";

export interface Test {
  readonly field: string;
  readonly is: "equal" | "not-equal" | "below" | "at-most" | "in" | "matches";
  /** A pattern's source, for matches. */
  readonly value: string | number | readonly (string | number)[];
}

const operators: Readonly<Record<string, Test["is"]>> = {
  $lt: "below",
  $lte: "at-most",
  $in: "in",
  $ne: "not-equal",
  $regex: "matches",
};

export function testsOf({ conditions = {} }: CaslRule): Test[] {
  return Object.entries(conditions).flatMap(([field, condition]): Test[] => {
    if (typeof condition !== "object" || condition === null)
      return [{ field, is: "equal", value: condition as Test["value"] }];
    return Object.entries(condition).map(([operator, value]): Test => {
      const is = operators[operator];
      if (is === undefined) throw new Error(`no system is told what ${operator} means`);
      return { field, is, value: value instanceof RegExp ? value.source : (value as Test["value"]) };
    });
  });
}
