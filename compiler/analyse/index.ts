// The door of this folder: what two policies decide differently, of all calls that there can be, and which rules no call reaches. Pure, like all of the compiler.
export { type AccessChange, type AccessDifference, compareAccess } from "./access.ts";
export { type Asked, agentsOf, assertsOf, type Breach, type JudgedAssert, judgeAsserts } from "./asserts.ts";
export { type ReasonedCase, type ReasonedCases, reasonCases } from "./cases.ts";
export type { Effect } from "./clauses.ts";
export { reasonAbout } from "./findings.ts";
export { probeImage } from "./probe.ts";
export { timeWith } from "./time.ts";
export type { Json, Witness } from "./witness.ts";
