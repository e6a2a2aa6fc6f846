// Gates by chance, over the few hosts and models that generated requests speak of.

import type { Random } from "./random.ts";
import { models } from "./words.ts";

/** Lines of an agent: `egress { … }`, `model_policy { … }`, each now and then. `networked`: more often. */
export function gateLines(random: Random, networked: boolean): string[] {
  const often = networked ? 3 : 8;
  return [
    ...(random.oneIn(often) ? [`egress { ${lists(random, hostGlobs, true)} }`] : []),
    ...(random.oneIn(often) ? [`model_policy { ${lists(random, [...models, ...modelGlobs], false)} }`] : []),
  ];
}

function lists(random: Random, globs: readonly string[], mayBeEmpty: boolean): string {
  const list = (name: string, fewest: number): string =>
    `${name} [${random.list(fewest, 3, () => JSON.stringify(random.pick(globs as [string, ...string[]]))).join(", ")}]`;
  switch (random.below(mayBeEmpty ? 7 : 6)) {
    case 0:
    case 1:
      return list("allow", 0);
    case 2:
      return list("deny", 1);
    case 3:
      return `allow ${random.pick(["v", "w", '"*"'])}`;
    case 6:
      return "";
    default:
      return random.oneIn(2) ? `${list("allow", 0)} ${list("deny", 0)}` : `${list("deny", 0)}, ${list("allow", 0)}`;
  }
}

const hostGlobs = ["a", "*", "*", "a*", "*b", "?", "*.b.c", "X.b.C", "é", "[::1]", "*.*", "b"] as const;
const modelGlobs = ["*", "*", "m-*", "M-1", "*1", "?*", "a*"] as const;
