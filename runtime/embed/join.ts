// Joins the machine and an image into one module: what loading makes of memory and globals is laid down in it, the loader
// falls away, and what is left is optimised with this policy's addresses as constants. The same input gives the same
// bytes. It needs binaryen, which is large: import this file only where a module is built.
import binaryen from "binaryen";
import {
  ARENA_BYTES_DEFAULT,
  Area,
  METER_CAPACITY_DEFAULT,
  TRACE_EVENT_BYTES,
  TRACE_EVENTS_MAX,
} from "../../vm/shared/abi.ts";
import { moduleOf } from "../evaluator/carried.ts";
import { Machine } from "../evaluator/machine.ts";
import type { PolicyInfo } from "../evaluator/types.ts";
import { wholeMachine } from "../evaluator/whole-machine.ts";
import { WholePolicy } from "../evaluator/whole-policy.ts";

/** Stretches of zeros shorter than this stay within a segment: compressed, they cost less than another segment. */
const GAP_BYTES = 256;
const PAGE_BYTES = 65_536;
const OPTIMISING_ROUNDS = 2;
/** Names under which globals are exported while their values are read. */
const GLOBAL_PREFIX = "global:";
/** What only loading needs. */
const loaderExports = ["allocate", "loadImage", "hashes"];
const jsonExports = ["decideJson", "decideOn", "explain"];
/** What is asked of counters, sessions and phases. A policy without any needs none of it: its state never changes. */
const stateExports = [
  ["charge", "deny", "settle", "snapshot", "restore"],
  ["phaseStart", "startPhase", "moveStage", "currentStage", "openSession", "closeSession", "inspectSession"],
].flat();
/** Those of build.mjs for the machine: bounds for inlining, in nodes. */
const INLINED_SIZE_MAX = 8;
const INLINED_ONCE_SIZE_MAX = 400;

export interface JoinOptions {
  /** Most counters held, a power of two. Ignored for a policy that counts nothing. */
  readonly meterCapacity?: number;
  /** Room for the text and lists that rules read of one request. */
  readonly arenaBytes?: number;
  /** Longest JSON that decideJson takes. */
  readonly requestBytes?: number;
  /** False leaves decideJson and explain out. */
  readonly json?: boolean;
}

export interface JoinedPolicy {
  readonly wasm: Uint8Array;
  readonly info: PolicyInfo;
  /** Whether decideJson is in it. */
  readonly json: boolean;
}

type Module = ReturnType<typeof binaryen.readBinary>;
type Globals = Readonly<Record<string, WebAssembly.Global | undefined>>;

/** Throws LoadFailure when the image is refused: it is proved here, once, and never again. */
export function joinPolicy(image: Uint8Array, options: JoinOptions = {}): JoinedPolicy {
  const open = readMachine();
  const names = mutableGlobals(open);
  for (const name of names) open.addGlobalExport(name, GLOBAL_PREFIX + name);
  const module = moduleOf(emit(open).slice());
  const { machine, info } = load(module, image, options);
  const joined = readMachine();
  const globals = machine.calls as unknown as Globals;
  for (const name of names) setGlobal(joined, name, globals[GLOBAL_PREFIX + name]);
  const json = options.json ?? true;
  const unused = [...loaderExports, ...(json ? [] : jsonExports), ...(info.stateful ? [] : stateExports)];
  for (const name of unused) joined.removeExport(name);
  optimise(joined);
  layDown(joined, machine);
  if (joined.validate() !== 1) throw new Error("the joined module is not valid");
  return { wasm: emit(joined), info, json };
}

function readMachine(): Module {
  const module = binaryen.readBinary(wholeMachine.bytes());
  module.setFeatures(binaryen.Features.All);
  return module;
}

/** Loads as any host would, once for each kind of policy: one that counts nothing has no room for counters. */
function load(
  module: WebAssembly.Module,
  image: Uint8Array,
  options: JoinOptions,
): { machine: Machine; info: PolicyInfo } {
  const arenaBytes = options.arenaBytes ?? ARENA_BYTES_DEFAULT;
  const requestBytes = options.json === false ? 0 : options.requestBytes;
  const bare = new WholePolicy(new Machine(module, image, 0, arenaBytes, requestBytes), false, null);
  const capacity = bare.info.stateful ? (options.meterCapacity ?? METER_CAPACITY_DEFAULT) : 0;
  const machine = new Machine(module, image, capacity, arenaBytes, requestBytes);
  const { info } = new WholePolicy(machine, capacity > 0, null);
  // Asked for, so that they stand in memory: the joined module cannot find them any more.
  machine.calls.snapshot?.();
  machine.calls.inspectSession?.(0, 0);
  if (info.image_hash === "" || info.policy_hash === "") throw new Error("an image without a hash");
  return { machine, info };
}

function mutableGlobals(module: Module): string[] {
  const all = Array.from({ length: module.getNumGlobals() }, (_, i) =>
    binaryen.getGlobalInfo(module.getGlobalByIndex(i)),
  );
  return all.filter(({ mutable }) => mutable).map(({ name }) => name);
}

/** Gives a global the value it has after loading. Those that nothing writes any more become constants on the way. */
function setGlobal(module: Module, name: string, global: WebAssembly.Global | undefined): void {
  const value: unknown = global?.value;
  const { type } = binaryen.getGlobalInfo(module.getGlobal(name));
  const init = constantOf(module, type, value);
  module.removeGlobal(name);
  module.addGlobal(name, type, true, init);
}

function constantOf(module: Module, type: number, value: unknown): number {
  if (type === binaryen.i32 && typeof value === "number") return module.i32.const(value);
  if (type === binaryen.f64 && typeof value === "number") return module.f64.const(value);
  if (type === binaryen.i64 && typeof value === "bigint") return module.i64.const(value);
  throw new Error("a global of the machine has a type that is not laid down");
}

/** Writes the memory as loading left it, after all passes: they would cut it at every row of zeros, which compresses badly. The trace is left out: the proof used it for notes, and nothing reads them. */
function layDown(module: Module, machine: Machine): void {
  const bytes = machine.bytes.slice();
  const trace = machine.calls.layout(Area.Trace);
  bytes.fill(0, trace, trace + TRACE_EVENTS_MAX * TRACE_EVENT_BYTES);
  const pages = bytes.length / PAGE_BYTES;
  module.removeExport("memory");
  module.setMemory(pages, pages, "memory", segmentsOf(module, bytes));
}

function segmentsOf(module: Module, bytes: Uint8Array): { name: string; offset: number; data: Uint8Array }[] {
  const words = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  const segments = [];
  let start = -1;
  let end = 0;
  for (let i = 0; i <= words.length; i++) {
    const at = i * 8;
    // NaN and -0 are not empty: -0 is compared by Object.is.
    if (i < words.length && !Object.is(words[i], 0)) {
      if (start < 0) start = at;
      end = at + 8;
    } else if (start >= 0 && (i === words.length || at - end >= GAP_BYTES)) {
      const data = bytes.slice(start, end);
      segments.push({ name: String(segments.length), offset: module.i32.const(start), data });
      start = -1;
    }
  }
  return segments;
}

function optimise(module: Module): void {
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  binaryen.setFlexibleInlineMaxSize(INLINED_SIZE_MAX);
  binaryen.setOneCallerInlineMaxSize(INLINED_ONCE_SIZE_MAX);
  for (let round = 0; round < OPTIMISING_ROUNDS; round++) module.optimize();
}

function emit(module: Module): Uint8Array {
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}
