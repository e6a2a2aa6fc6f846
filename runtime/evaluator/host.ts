// The evaluator without a machine of its own, for hosts that forbid compiling at run time: they hand over a module that
// was compiled for them, the machine's or one that `faramesh build` made.
import { JsonPolicy } from "./json-policy.ts";
import { isImage, type LoadOptions, openBuilt, openImage } from "./open.ts";
import { type EdgePolicy, LoadFailure } from "./types.ts";

export { JsonNumber } from "./number.ts";
export type { LoadOptions } from "./open.ts";
export * from "./types.ts";

/** As in the evaluator; an image needs the option `module`. Throws LoadFailure. */
export function loadPolicySync(policy: Uint8Array | WebAssembly.Module, options: LoadOptions = {}): EdgePolicy {
  if (!isImage(policy)) return openBuilt(JsonPolicy, policy, options);
  if (options.module === undefined) {
    throw new LoadFailure("NO_MACHINE", "an image needs the machine: pass its module in the option `module`");
  }
  return openImage(JsonPolicy, options.module, policy, options);
}

export async function loadPolicy(
  policy: Uint8Array | WebAssembly.Module,
  options: LoadOptions = {},
): Promise<EdgePolicy> {
  return loadPolicySync(policy, options);
}
