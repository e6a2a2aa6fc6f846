// What a module written by `faramesh build` needs of the evaluator: build.mjs makes one text of it, which the built
// module carries. Nothing here may reach the machine that opens images.
export { bytesOf, moduleOf } from "./carried.ts";
export { JsonNumber } from "./number.ts";
export { openBuilt } from "./open.ts";
export { LoadFailure } from "./types.ts";
