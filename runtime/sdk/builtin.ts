// Node's own modules, loaded when they are first needed: importing the SDK works where there are none.
type Builtins = {
  "node:net": typeof import("node:net");
  "node:path": typeof import("node:path");
  "node:fs/promises": typeof import("node:fs/promises");
};

/** At once where the runtime can; an `import()` of the first module takes Node 4 ms. */
export async function builtin<Name extends keyof Builtins>(name: Name): Promise<Builtins[Name]> {
  const at: unknown = globalThis.process?.getBuiltinModule?.(name);
  return (at ?? (await import(name))) as Builtins[Name];
}
