// The evaluator with all that it has: it loads a policy, decides, and explains. Runs in browsers, Node, Deno, Bun and
// workers; it imports nothing of node: and has no dependency.
import { explainTrace } from "./explain.ts";
import * as small from "./small.ts";
import type { Policy } from "./types.ts";

export { JsonNumber } from "./number.ts";
export type { LoadOptions } from "./open.ts";
export * from "./types.ts";

/**
 * Opens a policy: an image that `compile` made, or a module that `faramesh build` made. Throws LoadFailure when it is
 * malformed, changed or of an unknown version.
 */
export function loadPolicy(policy: Uint8Array | WebAssembly.Module, options: small.LoadOptions = {}): Promise<Policy> {
  return small.loadPolicy(policy, { explainer: explainTrace, ...options });
}

/** The same without waiting; browsers may refuse it for the compilation that it does on first use. */
export function loadPolicySync(policy: Uint8Array | WebAssembly.Module, options: small.LoadOptions = {}): Policy {
  return small.loadPolicySync(policy, { explainer: explainTrace, ...options });
}
