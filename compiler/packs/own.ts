// What the author of an agent wrote there, apart from what packs brought in.
import type { Origin } from "../ast.ts";

export function ownParts<T extends { readonly origin?: Origin }>(parts: readonly T[]): T[] {
  return parts.filter(({ origin }) => origin === undefined);
}
