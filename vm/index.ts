// The whole machine: all of objects.ts, requests as raw JSON, which it reads itself, explanations, and what rebuilds counters from
// a log.
import * as image from "./image";
import * as limits from "./limits";
import * as meters from "./meters";
import { chargeDenial, chargePlan, decidePlan } from "./decide";
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

/** Without taking anything, every step in Area.Trace. */
export function explain(plan: u32, nowUs: f64, arenaUsed: u32, approvedCount: u32): i32 {
  return decidePlan(plan, nowUs, arenaUsed, approvedCount, true);
}

export function charge(plan: u32, nowUs: f64): i32 {
  return chargePlan(plan, nowUs);
}

/**
 * Corrects the cost of a permitted call of the caller by `delta` micro-dollars in one budget of its agent, and its calls by `count`.
 * 1 corrected, 0 when the window that the call was in is over.
 */
export function settle(budget: u32, calledUs: f64, delta: f64, count: i32): i32 {
  if (budget >= image.budgetCount) return 0;
  meters.keyOfBudget(budget);
  return limits.settleBudget(budget, <i64>calledUs, <i64>delta, count) ? 1 : 0;
}

/** The counters' time is now, or later already: what is stale then is left out of snapshots. */
export function advance(nowUs: f64): void {
  meters.advance(<i64>nowUs);
}

/** Notes what a recorded denial noted. */
export function deny(plan: u32, nowUs: f64): void {
  chargeDenial(plan, nowUs);
}

/** Microseconds since 1970, or -1. */
export function phaseStart(phase: u32): f64 {
  return phase < image.phaseCount ? <f64>meters.phaseStart(phase) : -1;
}
