// Whether some tool name fits two patterns at once. Exact, and bounded by the product of their lengths.
import { matchesEveryTool } from "./pattern.ts";

/** True when a name exists that both patterns match. Patterns that are not well formed match nothing. */
export function overlap(left: string, right: string): boolean {
  if (matchesEveryTool(left) || matchesEveryTool(right)) return true;
  return meet(left.split("/"), right.split("/"), (a, b) => a === "**" || b === "**" || segmentsMeet(a, b), "**");
}

function segmentsMeet(left: string, right: string): boolean {
  return meet([...left], [...right], (a, b) => a === b || a === "*" || b === "*" || a === "?" || b === "?", "*");
}

/** Whether two sequences with `any`, which stands for any run of units, can be the same one. */
function meet(
  left: readonly string[],
  right: readonly string[],
  fits: (a: string, b: string) => boolean,
  any: string,
): boolean {
  // Row i, column j: whether left from i on and right from j on can meet; filled from the ends.
  let below: boolean[] = [];
  for (let i = left.length; i >= 0; i--) {
    const row: boolean[] = new Array<boolean>(right.length + 1).fill(false);
    for (let j = right.length; j >= 0; j--) {
      const [a, b] = [left[i], right[j]];
      if (a === undefined && b === undefined) row[j] = true;
      else if (a === any) row[j] = below[j] === true || (b !== undefined && row[j + 1] === true);
      else if (b === any) row[j] = row[j + 1] === true || (a !== undefined && below[j] === true);
      else row[j] = a !== undefined && b !== undefined && fits(a, b) && below[j + 1] === true;
    }
    below = row;
  }
  return below[0] === true;
}
