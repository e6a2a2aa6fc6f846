// Whom a stack believes: the keys of `trust { key "<registry>" ed25519:… }` in the policy's own text, never in what it imports.
import { textOf } from "../../compiler/check/report.ts";
import type { SourceText, Stack } from "../../compiler/index.ts";
import { readPolicy } from "../../compiler/read.ts";
import { type PublicKey, readPublicKey } from "./signature.ts";
import type { TrustedKeys } from "./trust.ts";

/** The keys of a policy's own text; none where it cannot be read, since then nothing compiles either. */
export function trustedKeys(main: SourceText): TrustedKeys {
  return keysOf(readPolicy([main]).stack);
}

export function keysOf(stack: Stack | null): TrustedKeys {
  const found = new Map<string, PublicKey[]>();
  for (const block of stack?.blocks ?? []) {
    if (block.keyword !== "trust") continue;
    for (const { name, values } of block.entries) {
      if (name !== "key") continue;
      const [registry, text] = values.map((value) => textOf(value) ?? "");
      const key = readPublicKey(text ?? "");
      if (registry === undefined || registry === "") continue;
      // A key that cannot be read trusts nobody, and the name is no less one that must be signed.
      found.set(registry, [...(found.get(registry) ?? []), ...(key === null ? [] : [key])]);
    }
  }
  return found;
}
