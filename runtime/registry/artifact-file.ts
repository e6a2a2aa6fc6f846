// What the one file of an artifact is called, and how large it may be. Names alone.

/** What the compiler takes of one file. */
export const artifactLimitBytes = 4 * 1024 * 1024;
const endings = [".fms", ".fpl", ".fms.yaml", ".fms.yml", ".fms.json"];
/** Whatever lies beside it is not read. */
export const artifactFiles: readonly string[] = ["pack", "policy", "framework", "provider"].flatMap((name) =>
  endings.map((ending) => name + ending),
);
