// Whether a pattern is tied to both ends of the text, for a lint. It must lean to "not tied": a warning too many is
// read, a missing one opens a rule.

import type { Assertion, Pattern } from "./syntax.ts";

/** True where a match may start after the text's beginning or stop before its end. */
export function mayMatchInside(pattern: Pattern): boolean {
  return !isTied(pattern, "beginText") || !isTied(pattern, "endText");
}

/** Whether every way through the pattern passes the assertion with nothing consumed on the outer side of it. */
function isTied(pattern: Pattern, side: Assertion): boolean {
  switch (pattern.kind) {
    case "empty":
    case "byte":
    case "character":
      return false;
    case "assertion":
      return pattern.assertion === side;
    case "choice":
      return pattern.parts.every((part) => isTied(part, side));
    case "repeat":
      return pattern.min > 0 && isTied(pattern.body, side);
    case "sequence": {
      const inward = side === "beginText" ? pattern.parts : pattern.parts.toReversed();
      const decisive = inward.find((part) => isTied(part, side) || mayConsume(part));
      return decisive !== undefined && isTied(decisive, side);
    }
  }
}

function mayConsume(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "empty":
    case "assertion":
      return false;
    case "byte":
    case "character":
      return true;
    case "choice":
    case "sequence":
      return pattern.parts.some(mayConsume);
    case "repeat":
      return pattern.max !== 0 && mayConsume(pattern.body);
  }
}
