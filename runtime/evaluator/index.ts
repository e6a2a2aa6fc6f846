// The evaluator: loads an image into the machine and decides. Runs in browsers, Node, Deno, Bun and workers; it imports
// nothing of node: and has no dependency.
import { METER_CAPACITY_DEFAULT } from "../../vm/shared/abi.ts";
import { compileMachine, Machine, machineModule } from "./machine.ts";
import { LoadedPolicy } from "./policy.ts";
import type { Policy } from "./types.ts";

export { JsonNumber } from "./number.ts";
export * from "./types.ts";

export interface LoadOptions {
  /**
   * "volatile": limits, budgets and phases are counted in this instance only, and are gone with it unless snapshot() is kept.
   * Absent: a policy that counts denies STATE_UNAVAILABLE rather than count in a place that nobody chose.
   */
  readonly state?: "volatile";
  /** Most counters held, a power of two; default 65,536. More agents, sessions and limits than that deny STATE_FULL. */
  readonly meterCapacity?: number;
  /** Room for the text and lists that rules read of one request, in bytes; default 12 MiB. A request that needs more is BAD_REQUEST. */
  readonly arenaBytes?: number;
  /** The machine's module, for hosts that forbid compiling at run time. */
  readonly module?: WebAssembly.Module;
}

/** Loads a compiled policy. Throws LoadFailure when the image is malformed, changed or of an unknown version. */
export async function loadPolicy(image: Uint8Array, options: LoadOptions = {}): Promise<Policy> {
  const module = options.module ?? (await compileMachine());
  return load(module, image, options);
}

/** The same without waiting; browsers may refuse it for the compilation that it does on first use. */
export function loadPolicySync(image: Uint8Array, options: LoadOptions = {}): Policy {
  return load(options.module ?? machineModule(), image, options);
}

function load(module: WebAssembly.Module, image: Uint8Array, options: LoadOptions): Policy {
  const counts = options.state === "volatile";
  const capacity = counts ? (options.meterCapacity ?? METER_CAPACITY_DEFAULT) : 0;
  const bytes = image.slice();
  return new LoadedPolicy(new Machine(module, bytes, capacity, options.arenaBytes), bytes, counts);
}
