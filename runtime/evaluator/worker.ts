// The small evaluator for platforms that compile Wasm only when code is uploaded: its machine stands in a file beside it,
// and is imported.

import { type LoadOptions, loadPolicySync as openWith } from "./host.ts";
import machine from "./machine.wasm";
import type { EdgePolicy } from "./types.ts";

export { JsonNumber } from "./number.ts";
export type { LoadOptions } from "./open.ts";
export * from "./types.ts";

/** As in the evaluator. Throws LoadFailure. */
export function loadPolicySync(policy: Uint8Array | WebAssembly.Module, options: LoadOptions = {}): EdgePolicy {
  if (!ArrayBuffer.isView(policy)) return openWith(policy, options);
  return openWith(policy, { module: machine, ...options });
}

export async function loadPolicy(
  policy: Uint8Array | WebAssembly.Module,
  options: LoadOptions = {},
): Promise<EdgePolicy> {
  return loadPolicySync(policy, options);
}
