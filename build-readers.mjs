// Writes build/readers.ts: one function many times over. An engine learns what objects look like for each text of a function, so a
// function that reads the arguments of all tools stays at its slow end, 8 ns a value; one that reads a single tool's takes 2.
// Making them at run time would need `new Function`, which platforms at the edge forbid.
import { writeFile } from "node:fs/promises";

/** Fields of tools that are asked often; beyond so many they share one. */
const COPIES = 32;

export async function buildReaders() {
  const times = (text) => Array.from({ length: COPIES }, () => `  ${text},`).join("\n");
  await writeFile(
    "build/readers.ts",
    `// Written by build-readers.mjs.
export type Holder = { readonly [name: string]: unknown };
/** Inherits what a plain object inherits, and has nothing. */
const bare: Holder = {};
function own(holder: Holder, name: string): unknown {
  return Object.hasOwn(holder, name) ? holder[name] : undefined;
}
/** A member of its own of an object that is plain. */
export const getters: readonly ((holder: Holder, name: string) => unknown)[] = [
${times("(holder, name) => (bare[name] === undefined ? holder[name] : own(holder, name))")}
];
/** What an object inherits from. The member is looked at first: engines know the object then, and need not ask. */
export const prototypes: readonly ((holder: Holder, name: string) => unknown)[] = [
${times("(holder, name) => (void holder[name], Object.getPrototypeOf(holder))")}
];
`,
  );
}
