// A machine's module, carried as text within the evaluator and compiled once. With machine.ts the only place that says
// WebAssembly. Not for hosts that forbid compiling at run time.

/** What Node, Deno and Bun have beyond the web's own: a copy loop costs 2 ms there while it is not yet compiled. */
interface NativeCopy {
  readonly Buffer?: { from(text: string, encoding: "latin1"): Uint8Array<ArrayBuffer> };
}

export class CarriedMachine {
  readonly #text: string;
  #module: WebAssembly.Module | null = null;

  /** `text` has a character for each byte. */
  constructor(text: string) {
    this.#text = text;
  }

  /** The machine as it was built: a module that opens images. */
  bytes(): Uint8Array<ArrayBuffer> {
    return bytesOf(this.#text);
  }

  module(): WebAssembly.Module {
    this.#module ??= moduleOf(this.bytes());
    return this.#module;
  }

  async compile(): Promise<WebAssembly.Module> {
    this.#module ??= await WebAssembly.compile(this.bytes());
    return this.#module;
  }
}

export function moduleOf(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  return new WebAssembly.Module(bytes);
}

/** Bytes of a text whose characters are bytes. As such a module is a quarter smaller than in base64 when compressed. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const native = (globalThis as NativeCopy).Buffer;
  if (native !== undefined) return native.from(text, "latin1");
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
