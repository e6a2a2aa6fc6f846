// The evaluator for those who hand over requests as objects and never as JSON: its machine has no reader, and is a quarter
// smaller. It imports nothing of node: and has no dependency.
import { machineText } from "../../build/machine-objects.ts";
import { CarriedMachine } from "./carried.ts";
import { isImage, type LoadOptions, openBuilt, openImage } from "./open.ts";
import { LoadedPolicy } from "./policy.ts";
import type { ObjectPolicy } from "./types.ts";

export { JsonNumber } from "./number.ts";
export type { LoadOptions } from "./open.ts";
export * from "./types.ts";

const machine = /* @__PURE__ */ new CarriedMachine(machineText);

/** As in the evaluator; the policy has no decideJson. Throws LoadFailure. */
export async function loadPolicy(
  policy: Uint8Array | WebAssembly.Module,
  options: LoadOptions = {},
): Promise<ObjectPolicy> {
  if (!isImage(policy)) return openBuilt(LoadedPolicy, policy, options);
  // Copied before the first wait: what is loaded is what was handed over.
  const image = policy.slice();
  return openImage(LoadedPolicy, options.module ?? (await machine.compile()), image, options);
}

/** The same without waiting; browsers may refuse it for the compilation that it does on first use. */
export function loadPolicySync(policy: Uint8Array | WebAssembly.Module, options: LoadOptions = {}): ObjectPolicy {
  if (!isImage(policy)) return openBuilt(LoadedPolicy, policy, options);
  return openImage(LoadedPolicy, options.module ?? machine.module(), policy, options);
}
