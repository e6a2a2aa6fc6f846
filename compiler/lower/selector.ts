// What becomes of a call whose rules read a selector that has no value. It knows nothing of how values are asked for.
import type { Block, Value } from "../ast.ts";

type Without = "deny" | "defer" | "permit";

const fromStrict: readonly Without[] = ["deny", "defer", "permit"];

/**
 * The stricter of `on_unavailable` (absent: deny) and `on_timeout` (absent: the same): a value that came too late is a
 * missing one, and a machine that gets none cannot tell why.
 */
export function effectWithout(block: Block): Without {
  const chosen = (field: string): string | null =>
    wordOf(block.entries.find(({ name }) => name === field)?.values[0]) ?? null;
  const unavailable = chosen("on_unavailable") ?? "deny";
  const late = chosen("on_timeout") ?? unavailable;
  return fromStrict.find((effect) => effect === unavailable || effect === late) ?? "deny";
}

function wordOf(value: Value | undefined): string | null {
  return value?.kind === "word" || value?.kind === "string" ? value.value : null;
}
