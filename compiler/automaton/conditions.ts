// Zero-width conditions, decided from what stands on either side of a place in the text. It must never look further.

import type { Assertion } from "./syntax.ts";

/** What stands beside a place. A continuation byte is 80..BF: with one to the right, the place is inside a character. */
export type Neighbour = "edge" | "newline" | "word" | "continuation" | "other";

export const RIGHTS: readonly Neighbour[] = ["edge", "newline", "word", "continuation", "other"];

export function neighbourOf(byte: number): Neighbour {
  if (byte === 0x0a) return "newline";
  if (byte >= 0x80 && byte < 0xc0) return "continuation";
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f ? "word" : "other";
}

/** Whether the condition holds; undefined where that takes the byte to the right, and it is not known yet. */
export function holds(assertion: Assertion, left: Neighbour, right: Neighbour | undefined): boolean | undefined {
  switch (assertion) {
    case "beginText":
      return left === "edge";
    case "beginLine":
      return left === "edge" || left === "newline";
    case "endText":
      return right === undefined ? undefined : right === "edge";
    case "endLine":
      return right === undefined ? undefined : right === "edge" || right === "newline";
    case "wordBoundary":
      return right === undefined ? undefined : (left === "word") !== (right === "word");
    case "notWordBoundary":
      // Between the bytes of one character there is no place at all, so nothing holds there.
      return right === undefined ? undefined : (left === "word") === (right === "word") && right !== "continuation";
  }
}
