// What a module written by `faramesh build` needs of the evaluator: build.mjs makes one text of it, which the built
// module carries. Nothing here may reach the machine that opens images.
import { JsonPolicy } from "./json-policy.ts";
import { type LoadOptions, openBuilt } from "./open.ts";
import type { EdgePolicy } from "./types.ts";

export { bytesOf, moduleOf } from "./carried.ts";
export { JsonNumber } from "./number.ts";
export { LoadFailure } from "./types.ts";

export function open(module: WebAssembly.Module, options?: LoadOptions): EdgePolicy {
  return openBuilt(JsonPolicy, module, options);
}
