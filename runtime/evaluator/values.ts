// Looks into a request's values: own members only, one step at a time.

/** Only what the object itself has: a request cannot reach a prototype, nor a prototype a request. */
export function own(holder: unknown, name: string): unknown {
  return holder !== null && typeof holder === "object" && Object.hasOwn(holder, name)
    ? (holder as { [name: string]: unknown })[name]
    : undefined;
}

export function follow(holder: unknown, path: readonly (string | number)[]): unknown {
  let value = holder;
  for (const part of path) {
    if (typeof part === "number") value = Array.isArray(value) ? value[part] : undefined;
    else value = Array.isArray(value) ? undefined : own(value, part);
    if (value === undefined) return undefined;
  }
  return value;
}
