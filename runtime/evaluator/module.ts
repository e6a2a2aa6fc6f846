// The machine's module, carried as text within the evaluator and compiled once. With machine.ts the only place that says
// WebAssembly. Not for hosts that forbid compiling at run time.
import { machineText } from "../../build/machine.ts";

/** What Node, Deno and Bun have beyond the web's own: a copy loop costs 2 ms there while it is not yet compiled. */
interface NativeCopy {
  readonly Buffer?: { from(text: string, encoding: "latin1"): Uint8Array<ArrayBuffer> };
}

let shared: WebAssembly.Module | null = null;

export function machineModule(): WebAssembly.Module {
  shared ??= moduleOf(machineBytes());
  return shared;
}

export async function compileMachine(): Promise<WebAssembly.Module> {
  shared ??= await WebAssembly.compile(machineBytes());
  return shared;
}

/** The machine as it was built: a module that opens images. */
export function machineBytes(): Uint8Array<ArrayBuffer> {
  return bytesOf(machineText);
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
