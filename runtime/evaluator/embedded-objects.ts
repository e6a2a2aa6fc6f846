// The same for modules that were written without decideJson. Nothing here may reach the machine that opens images.
import { type LoadOptions, openBuilt } from "./open.ts";
import { LoadedPolicy } from "./policy.ts";
import type { ObjectPolicy } from "./types.ts";

export { bytesOf, moduleOf } from "./carried.ts";
export { JsonNumber } from "./number.ts";
export { LoadFailure } from "./types.ts";

export function open(module: WebAssembly.Module, options?: LoadOptions): ObjectPolicy {
  return openBuilt(LoadedPolicy, module, options);
}
