// The evaluator with all that it has: it loads a policy, decides, explains, and tells what the policy says and holds. Runs in
// browsers, Node, Deno, Bun and workers; it imports nothing of node: and has no dependency.
import { explainTrace } from "./explain.ts";
import { isImage, type LoadOptions, openBuilt, openImage } from "./open.ts";
import { type SharedOptions, SharedPolicy, type StateStore } from "./shared.ts";
import { LoadFailure, type Policy } from "./types.ts";
import { wholeMachine } from "./whole-machine.ts";
import { WholePolicy } from "./whole-policy.ts";

export { JsonNumber } from "./number.ts";
export type { LoadOptions } from "./open.ts";
export { type DecisionRecord, type SharedOptions, SharedPolicy, type StateStore, share } from "./shared.ts";
export * from "./types.ts";

type Alone = LoadOptions & { readonly store?: undefined; readonly onRecord?: undefined };
type Shared = LoadOptions &
  SharedOptions &
  ({ readonly store: StateStore } | Required<Pick<SharedOptions, "onRecord">>);

/**
 * Opens a policy: an image that `compile` made, or a module that `faramesh build` made. Throws LoadFailure when it is
 * malformed, changed or of an unknown version. With `store` or `onRecord` its decisions are promises: a SharedPolicy.
 */
export function loadPolicy(policy: Uint8Array | WebAssembly.Module, options?: Alone): Promise<Policy>;
export function loadPolicy(policy: Uint8Array | WebAssembly.Module, options: Shared): Promise<SharedPolicy>;
export async function loadPolicy(
  policy: Uint8Array | WebAssembly.Module,
  { store, onRecord, ...options }: Alone | Shared = {},
): Promise<Policy | SharedPolicy> {
  if (store !== undefined && options.state !== undefined)
    throw new LoadFailure("BAD_OPTION", "counters live in `store` or, with `state`, in this instance");
  const opened = await openPolicy(policy, store === undefined ? options : { ...options, state: "volatile" });
  return store === undefined && onRecord === undefined ? opened : new SharedPolicy(opened, { store, onRecord });
}

async function openPolicy(policy: Uint8Array | WebAssembly.Module, options: LoadOptions): Promise<Policy> {
  if (!isImage(policy)) return open(policy, options);
  // Copied before the first wait: what is loaded is what was handed over.
  const image = policy.slice();
  return open(image, { ...options, module: options.module ?? (await wholeMachine.compile()) });
}

/** The same without waiting; browsers may refuse it for the compilation that it does on first use. */
export function loadPolicySync(policy: Uint8Array | WebAssembly.Module, options: LoadOptions = {}): Policy {
  return open(policy, options);
}

function open(policy: Uint8Array | WebAssembly.Module, options: LoadOptions): Policy {
  const all = { explainer: explainTrace, ...options };
  if (!isImage(policy)) return openBuilt(WholePolicy, policy, all);
  return openImage(WholePolicy, options.module ?? wholeMachine.module(), policy, all);
}
