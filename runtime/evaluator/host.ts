// The evaluator without a machine of its own, for hosts that forbid compiling at run time: they hand over a module that
// was compiled for them, the machine's or one that `faramesh build` made.
import { isImage, type LoadOptions, openBuilt, openImage } from "./open.ts";
import { LoadFailure, type Policy } from "./types.ts";

export { JsonNumber } from "./number.ts";
export type { LoadOptions } from "./open.ts";
export * from "./types.ts";

/** As in the evaluator; an image needs the option `module`. Throws LoadFailure. */
export function loadPolicySync(policy: Uint8Array | WebAssembly.Module, options: LoadOptions = {}): Policy {
  if (!isImage(policy)) return openBuilt(policy, options);
  if (options.module === undefined) {
    throw new LoadFailure("NO_MACHINE", "an image needs the machine: pass its module in the option `module`");
  }
  return openImage(options.module, policy, options);
}

export async function loadPolicy(policy: Uint8Array | WebAssembly.Module, options: LoadOptions = {}): Promise<Policy> {
  return loadPolicySync(policy, options);
}
