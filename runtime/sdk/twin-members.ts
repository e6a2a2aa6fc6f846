// Members of a message that some readers would take for others. Pure.

export type Members = { readonly [name: string]: unknown };

/** What servers read of the params of `tools/call`. */
export const callMembers: ReadonlySet<string> = new Set(["name", "arguments", "_meta", "task"]);

/**
 * Readers of JSON that ignore case, or what stands behind a zero byte, take `Method` for `method`: what they would do is not what was
 * looked at. Says which member is meant to be taken for one of `names`; null where none is.
 */
export function twinIn(members: Members, names: ReadonlySet<string>): string | null {
  for (const name of Object.keys(members)) {
    const folded = name
      .normalize("NFKC")
      .replaceAll(/[\p{C}\p{Z}]/gu, "")
      .toLowerCase();
    if (!names.has(name) && names.has(folded)) return `a member could be taken for \`${folded}\``;
  }
  return null;
}
