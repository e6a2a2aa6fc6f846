// The loader alone, asked again and again in one instance until an image passes: an instance that has refused one may be
// given another. It saves a machine for each mutant, which is most of what one costs.
import { wholeMachine } from "../../runtime/evaluator/whole-machine.ts";
import { LoadCode } from "../../vm/shared/abi.ts";

const METERS = 16;
const ROOM_BYTES = 4096;
const MEMORY_BYTES_MAX = 4 * 1024 * 1024;

interface Loader {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number, arenaBytes: number, requestBytes: number): number;
  loadImage(capacity: number): number;
}

export class Prover {
  #loader = loader();

  /** False where the loader refuses. Throws where it traps, grows, or answers what is no refusal. */
  passes(bytes: Uint8Array): boolean {
    const at = this.#loader.allocate(bytes.length, ROOM_BYTES, ROOM_BYTES);
    if (at === 0) throw new Error("the machine has no memory for a small image");
    new Uint8Array(this.#loader.memory.buffer).set(bytes, at);
    const code = this.#loader.loadImage(METERS);
    if (LoadCode[code] === undefined) throw new Error(`the loader answers ${code}`);
    if (this.#loader.memory.buffer.byteLength > MEMORY_BYTES_MAX) throw new Error("the loader's memory grew");
    if (code !== LoadCode.Ok) return false;
    this.#loader = loader();
    return true;
  }
}

function loader(): Loader {
  return new WebAssembly.Instance(wholeMachine.module(), {}).exports as unknown as Loader;
}
