// Opens a policy: from an image and the machine's module, or from a module that has its image within.
import { METER_CAPACITY_DEFAULT } from "../../vm/shared/abi.ts";
import { Machine } from "./machine.ts";
import { type Explainer, LoadFailure } from "./types.ts";

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
  /** Longest JSON that decideJson takes, in bytes; default 8 MiB. Longer requests are BAD_REQUEST. */
  readonly requestBytes?: number;
  /** The machine's module, for hosts that forbid compiling at run time. */
  readonly module?: WebAssembly.Module;
  /** What explain() needs; the evaluator of `faramesh` has it from the start. */
  readonly explainer?: Explainer;
}

/** What the evaluator without state takes of them. */
export type StatelessOptions = Pick<LoadOptions, "arenaBytes" | "module">;

/** The options as they are. Throws LoadFailure where somebody who is not held to types asks for state: it would never be kept. */
export function withoutState(options: StatelessOptions): StatelessOptions {
  if ("state" in options)
    throw new LoadFailure("BAD_OPTION", "this evaluator keeps no `state`: open the policy with another one");
  return options;
}

/** How much of a policy is opened: what decides, and what the daemon asks for beside. */
export type Kind<P> = new (machine: Machine, counts: boolean, explainer: Explainer | null) => P;

/** Loads an image. Throws LoadFailure when it is malformed, changed or of an unknown version. */
export function openImage<P>(kind: Kind<P>, module: WebAssembly.Module, image: Uint8Array, options: LoadOptions): P {
  const counts = options.state === "volatile";
  const capacity = counts ? (options.meterCapacity ?? METER_CAPACITY_DEFAULT) : 0;
  const machine = new Machine(module, image, capacity, options.arenaBytes, options.requestBytes);
  return new kind(machine, counts, options.explainer ?? null);
}

/** What is laid down in a built module, and so is not for the one who opens it to choose. */
const builtIn = ["meterCapacity", "arenaBytes", "requestBytes", "module"] as const;

/** Opens a module that `faramesh build` made. Nothing is loaded or proved: that was done when it was built. Throws LoadFailure. */
export function openBuilt<P>(kind: Kind<P>, module: WebAssembly.Module, options: LoadOptions = {}): P {
  const fixed = builtIn.find((name) => options[name] !== undefined);
  if (fixed !== undefined) {
    throw new LoadFailure("BAD_OPTION", `\`${fixed}\` is chosen when a module is built, not when it is opened`);
  }
  return new kind(new Machine(module, null, 0), options.state === "volatile", options.explainer ?? null);
}

/** Whether a policy came as bytes. Told by their shape: those of another realm are no instance of this one's Uint8Array. */
export function isImage(policy: Uint8Array | WebAssembly.Module): policy is Uint8Array {
  return ArrayBuffer.isView(policy);
}
