// The smallest evaluator: requests as objects, for policies that count nothing, or where nothing may be counted. Its machine has
// neither counters nor sessions, and is a third smaller. What would need them is denied. It imports nothing of node: and has no
// dependency.
import { machineText } from "../../build/machine-stateless.ts";
import { CarriedMachine } from "./carried.ts";
import { DecidingPolicy } from "./deciding-policy.ts";
import { isImage, openBuilt, openImage, type StatelessOptions, withoutState } from "./open.ts";
import type { StatelessPolicy } from "./types.ts";

export { JsonNumber } from "./number.ts";
export type { StatelessOptions } from "./open.ts";
export * from "./types.ts";

const machine = /* @__PURE__ */ new CarriedMachine(machineText);

/** As in the evaluator; the policy decides on objects and does nothing else. Throws LoadFailure. */
export async function loadPolicy(
  policy: Uint8Array | WebAssembly.Module,
  options: StatelessOptions = {},
): Promise<StatelessPolicy> {
  const taken = withoutState(options);
  if (!isImage(policy)) return openBuilt(DecidingPolicy, policy, taken);
  // Copied before the first wait: what is loaded is what was handed over.
  const image = policy.slice();
  return openImage(DecidingPolicy, taken.module ?? (await machine.compile()), image, taken);
}

/** The same without waiting; browsers may refuse it for the compilation that it does on first use. */
export function loadPolicySync(
  policy: Uint8Array | WebAssembly.Module,
  options: StatelessOptions = {},
): StatelessPolicy {
  const taken = withoutState(options);
  if (!isImage(policy)) return openBuilt(DecidingPolicy, policy, taken);
  return openImage(DecidingPolicy, taken.module ?? machine.module(), policy, taken);
}
