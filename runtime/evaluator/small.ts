// The evaluator as edge functions ship it: its machine, and no words for the steps of a decision. It imports nothing of
// node: and has no dependency.
import { JsonPolicy } from "./json-policy.ts";
import { isImage, type LoadOptions, openBuilt, openImage } from "./open.ts";
import type { EdgePolicy } from "./types.ts";
import { wholeMachine } from "./whole-machine.ts";

export { JsonNumber } from "./number.ts";
export type { LoadOptions } from "./open.ts";
export * from "./types.ts";

/**
 * Opens a policy: an image that `compile` made, or a module that `faramesh build` made. Throws LoadFailure when it is
 * malformed, changed or of an unknown version.
 */
export async function loadPolicy(
  policy: Uint8Array | WebAssembly.Module,
  options: LoadOptions = {},
): Promise<EdgePolicy> {
  if (!isImage(policy)) return openBuilt(JsonPolicy, policy, options);
  // Copied before the first wait: what is loaded is what was handed over.
  const image = policy.slice();
  return openImage(JsonPolicy, options.module ?? (await wholeMachine.compile()), image, options);
}

/** The same without waiting; browsers may refuse it for the compilation that it does on first use. */
export function loadPolicySync(policy: Uint8Array | WebAssembly.Module, options: LoadOptions = {}): EdgePolicy {
  if (!isImage(policy)) return openBuilt(JsonPolicy, policy, options);
  return openImage(JsonPolicy, options.module ?? wholeMachine.module(), policy, options);
}
