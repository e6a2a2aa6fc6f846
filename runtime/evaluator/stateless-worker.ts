// The smallest evaluator for platforms that compile Wasm only when code is uploaded: its machine stands in a file beside it, and
// is imported.

import { DecidingPolicy } from "./deciding-policy.ts";
import machine from "./machine-stateless.wasm";
import { isImage, openBuilt, openImage, type StatelessOptions, withoutState } from "./open.ts";
import type { StatelessPolicy } from "./types.ts";

export { JsonNumber } from "./number.ts";
export type { StatelessOptions } from "./open.ts";
export * from "./types.ts";

/** As in the evaluator; the policy decides on objects and does nothing else. Throws LoadFailure. */
export function loadPolicySync(
  policy: Uint8Array | WebAssembly.Module,
  options: StatelessOptions = {},
): StatelessPolicy {
  const taken = withoutState(options);
  if (!isImage(policy)) return openBuilt(DecidingPolicy, policy, taken);
  return openImage(DecidingPolicy, taken.module ?? machine, policy, taken);
}

export async function loadPolicy(
  policy: Uint8Array | WebAssembly.Module,
  options: StatelessOptions = {},
): Promise<StatelessPolicy> {
  return loadPolicySync(policy, options);
}
