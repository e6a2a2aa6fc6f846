// The whole machine: all of objects.ts, and requests as raw JSON, which it reads itself.
import { decideFilled, decideRequest } from "./request";

export * from "./objects";

/** Judges `bytes` of JSON in Area.Request. `flags` are JSON_COUNTS and the like. The verdict, or a JsonCode. */
export function decideJson(bytes: u32, nowUs: f64, approvedCount: u32, flags: u32): i32 {
  return decideRequest(bytes, nowUs, approvedCount, flags);
}

/** Goes on where decideJson answered JsonCode.Url. */
export function decideOn(arenaUsed: u32): i32 {
  return decideFilled(arenaUsed);
}
