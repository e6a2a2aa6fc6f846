// The raw value at a path inside a request. It makes nothing of what it finds, and sees nothing that is inherited.

export type Path = readonly (string | number)[];

/** Own members of objects and members of lists; undefined where there is none. */
export function walk(start: unknown, path: Path): unknown {
  let at = start;
  for (const step of path) {
    if (at === null || typeof at !== "object") return undefined;
    if (Array.isArray(at) !== (typeof step === "number")) return undefined;
    at = Object.hasOwn(at, step) ? (at as Record<string | number, unknown>)[step] : undefined;
  }
  return at;
}

/** "a.b[0].c" as the steps of a path. */
export function stepsOf(text: string): Path {
  return text.split(".").flatMap((part) => {
    const name = part.split("[")[0] ?? "";
    const positions = [...part.matchAll(/\[(\d+)\]/g)].map((found) => Number(found[1]));
    return [name, ...positions];
  });
}
