// The evaluator for requests as objects, for platforms that compile Wasm only when code is uploaded: its machine stands in a
// file beside it, and is imported.
import machine from "./machine-objects.wasm";
import { isImage, type LoadOptions, openBuilt, openImage } from "./open.ts";
import { LoadedPolicy } from "./policy.ts";
import type { ObjectPolicy } from "./types.ts";

export { JsonNumber } from "./number.ts";
export type { LoadOptions } from "./open.ts";
export * from "./types.ts";

/** As in the evaluator; the policy has no decideJson. Throws LoadFailure. */
export function loadPolicySync(policy: Uint8Array | WebAssembly.Module, options: LoadOptions = {}): ObjectPolicy {
  if (!isImage(policy)) return openBuilt(LoadedPolicy, policy, options);
  return openImage(LoadedPolicy, options.module ?? machine, policy, options);
}

export async function loadPolicy(
  policy: Uint8Array | WebAssembly.Module,
  options: LoadOptions = {},
): Promise<ObjectPolicy> {
  return loadPolicySync(policy, options);
}
