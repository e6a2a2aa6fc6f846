// The Wasm machine as the host sees it: one instance, one image, one state. With carried.ts the only place that says
// WebAssembly.
import {
  ARENA_BYTES_DEFAULT,
  Area,
  LoadCode,
  NAME_BYTES,
  REQUEST_BYTES_DEFAULT,
  RestoreCode,
  Result,
  SNAPSHOT_HEAD_BYTES,
} from "../../vm/shared/abi.ts";
import { HEADER_TOTAL_BYTES } from "../../vm/shared/image.ts";
import { LoadFailure } from "./types.ts";

/** Latest time a machine takes, in milliseconds: microseconds stay exact in a double. */
export const NOW_MAX_MS = 9_007_199_254_740;

interface MachineExports {
  readonly memory: WebAssembly.Memory;
  /** This and the next are gone from a module that has its image within: it is proved, laid down and cannot be replaced. */
  allocate?(bytes: number, arenaBytes: number, requestBytes: number): number;
  loadImage?(capacity: number): number;
  arenaBytes(): number;
  requestBytes(): number;
  layout(area: number): number;
  lookup(agentBytes: number, toolBytes: number): number;
  decide(plan: number, nowUs: number, arenaUsed: number, approvedCount: number): number;
  /** This and the next two are gone from the machine of those who only decide on objects. Their host asks for the first alone. */
  decideJson?(bytes: number, nowUs: number, approvedCount: number, flags: number): number;
  decideOn?(arenaUsed: number): number;
  explain?(plan: number, nowUs: number, arenaUsed: number, approvedCount: number): number;
  /**
   * From here to `restore`: gone from the machine without counters. All but this are gone from a module whose policy counts nothing:
   * what they would answer is laid down in it.
   */
  caller?(agentBytes: number, sessionBytes: number): void;
  charge?(plan: number, nowUs: number): number;
  deny?(plan: number, nowUs: number): void;
  advance?(nowUs: number): void;
  settle?(budget: number, calledUs: number, delta: number, count: number): number;
  phaseStart?(phase: number): number;
  startPhase?(phase: number, nowUs: number): number;
  openSession?(nowUs: number): number;
  closeSession?(): number;
  inspectSession?(plan: number, nowUs: number): number;
  moveStage?(stage: number, nowUs: number): number;
  currentStage?(stage: number, nowUs: number): number;
  snapshot?(): number;
  restore?(bytes: number): number;
  exchangeBytes(): number;
  /** Gone where the hashes are there from the start. */
  hashes?(): void;
}

export class Machine {
  readonly calls: MachineExports;
  /** calls.decide, held apart: each look into an instance's exports costs as much as the call. */
  readonly decide: MachineExports["decide"];
  readonly decideJson: MachineExports["decideJson"];
  readonly bytes: Uint8Array;
  /** The image that decides, within the machine's memory, which it never writes there. */
  readonly image: Uint8Array;
  readonly words: Uint32Array;
  readonly integers: Int32Array;
  readonly numbers: Float64Array;
  readonly view: DataView;
  readonly names: number;
  readonly slots: number;
  readonly uses: number;
  readonly arena: number;
  readonly arenaBytes: number;
  readonly result: number;
  readonly approved: number;
  readonly costs: number;
  readonly digests: number;
  readonly trace: number;
  readonly exchange: number;
  readonly request: number;
  readonly requestBytes: number;

  /**
   * Loads an image; null opens a module that has one within. `capacity`: most counters it can hold, a power of two, or 0.
   * Throws LoadFailure.
   */
  constructor(
    module: WebAssembly.Module,
    image: Uint8Array | null,
    capacity: number,
    arenaBytes: number = ARENA_BYTES_DEFAULT,
    requestBytes: number = REQUEST_BYTES_DEFAULT,
  ) {
    const instance = new WebAssembly.Instance(module, {});
    this.calls = instance.exports as unknown as MachineExports;
    this.decide = this.calls.decide;
    this.decideJson = this.calls.decideJson;
    const code = image === null ? this.#opened() : this.#load(image, capacity, arenaBytes, requestBytes);
    const buffer = this.calls.memory.buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.integers = new Int32Array(buffer);
    this.numbers = new Float64Array(buffer);
    this.view = new DataView(buffer);
    this.arenaBytes = this.calls.arenaBytes();
    this.names = this.calls.layout(Area.Names);
    this.slots = this.calls.layout(Area.Slots);
    this.uses = this.calls.layout(Area.Uses);
    this.arena = this.calls.layout(Area.Arena);
    this.result = this.calls.layout(Area.Result);
    this.approved = this.calls.layout(Area.Approved);
    this.costs = this.calls.layout(Area.Costs);
    this.digests = this.calls.layout(Area.Digests);
    this.trace = this.calls.layout(Area.Trace);
    this.exchange = this.calls.layout(Area.Exchange);
    this.request = this.calls.layout(Area.Request);
    this.requestBytes = this.calls.requestBytes();
    if (code !== LoadCode.Ok) throw this.#loadFailure(code);
    const at = this.calls.layout(Area.Image);
    this.image = this.bytes.subarray(at, at + this.view.getUint32(at + HEADER_TOTAL_BYTES, true));
  }

  #load(image: Uint8Array, capacity: number, arenaBytes: number, requestBytes: number): number {
    const { allocate, loadImage } = this.calls;
    if (typeof this.calls.arenaBytes !== "function" || allocate === undefined || loadImage === undefined) {
      throw new LoadFailure("BAD_MODULE", "this module is no machine that takes images");
    }
    const at = allocate(image.length, arenaBytes, this.decideJson === undefined ? 0 : requestBytes);
    if (at === 0) throw new LoadFailure("NO_MEMORY", `no memory for an image of ${image.length} bytes`);
    new Uint8Array(this.calls.memory.buffer).set(image, at);
    return loadImage(capacity);
  }

  #opened(): number {
    if (typeof this.calls.arenaBytes === "function" && this.calls.allocate === undefined) return LoadCode.Ok;
    throw new LoadFailure("BAD_MODULE", "this module has no policy within: `faramesh build` makes those that have");
  }

  resultInteger(cell: Result): number {
    return this.integers[(this.result >> 2) + cell * 2] ?? 0;
  }

  resultNumber(cell: Result): number {
    return this.numbers[(this.result >> 3) + cell] ?? 0;
  }

  resultHash(cell: Result): string {
    return hex(this.bytes.subarray(this.result + cell * 8, this.result + cell * 8 + 32));
  }

  /** Writes a name of at most NAME_BYTES into one of the three places; returns its bytes. */
  writeName(place: 0 | 1 | 2, name: string): number {
    const at = this.names + place * NAME_BYTES;
    return encoder.encodeInto(name, this.bytes.subarray(at, at + NAME_BYTES)).written;
  }

  snapshot(): Uint8Array {
    const length = this.calls.snapshot?.() ?? SNAPSHOT_HEAD_BYTES;
    return this.bytes.slice(this.exchange, this.exchange + length);
  }

  /** Throws LoadFailure; the counters are then as before. */
  restore(bytes: Uint8Array): void {
    const { restore } = this.calls;
    let code: number = RestoreCode.TooMany;
    if (restore === undefined) {
      // Without counters there is one state.
      if (String(bytes) === String(this.snapshot())) return;
    } else if (bytes.length <= this.calls.exchangeBytes()) {
      this.bytes.set(bytes, this.exchange);
      code = restore(bytes.length);
    }
    if (code === RestoreCode.Ok) return;
    throw failure("snapshot", restoreFailures[code as Exclude<RestoreCode, RestoreCode.Ok>]);
  }

  #loadFailure(code: number): LoadFailure {
    const section = this.resultInteger(Result.LoadSection);
    const row = this.resultInteger(Result.LoadRow);
    const place = section >= 0 ? ` (section ${section}, row ${row})` : row > 0 ? ` (version ${row})` : "";
    return failure("image", loadFailures[code as Exclude<LoadCode, LoadCode.Ok>], place);
  }
}

const encoder = new TextEncoder();

/** A code, then what is wrong with the image. */
const loadFailures: Record<Exclude<LoadCode, LoadCode.Ok>, string> = {
  [LoadCode.TooShort]: "BAD_IMAGE is too short to be one",
  [LoadCode.BadMagic]: "BAD_IMAGE is no faramesh image",
  [LoadCode.NewerFormat]: "UNSUPPORTED_IMAGE has a format that this machine does not read",
  [LoadCode.NewerIsa]: "UNSUPPORTED_IMAGE has instructions that this machine does not know",
  [LoadCode.BadLength]: "BAD_IMAGE has another length than it says",
  [LoadCode.BadDigest]: "BAD_DIGEST was changed after it was compiled: its digest does not fit",
  [LoadCode.BadSection]: "BAD_IMAGE has a misplaced section",
  [LoadCode.BadRow]: "BAD_IMAGE has a row that cannot be",
  [LoadCode.BadInstruction]: "BAD_IMAGE has an instruction that cannot be",
  [LoadCode.BadAutomaton]: "BAD_IMAGE has an automaton that is not closed",
  [LoadCode.BadTable]: "BAD_IMAGE has a table that points outside",
  [LoadCode.NoMemory]: "NO_MEMORY needs more memory than there is",
};

const restoreFailures: Record<Exclude<RestoreCode, RestoreCode.Ok>, string> = {
  [RestoreCode.BadSnapshot]: "BAD_SNAPSHOT is malformed",
  [RestoreCode.NewerSnapshot]: "UNSUPPORTED_SNAPSHOT is of a version that this machine does not read",
  [RestoreCode.TooMany]: "STATE_FULL holds more counters than fit",
};

function failure(subject: string, codeAndText: string, place = ""): LoadFailure {
  const end = codeAndText.indexOf(" ");
  return new LoadFailure(codeAndText.slice(0, end), `the ${subject}${codeAndText.slice(end)}${place}`);
}

export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
