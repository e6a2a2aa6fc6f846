// What a permit takes, all at once: room is seen to first, so that nothing is taken by half.
import * as distinct from "./distinct";
import * as history from "./history";
import * as image from "./image";
import * as limits from "./limits";
import * as memoryMap from "./memory";
import * as meters from "./meters";
import * as sessions from "./sessions";
import { setResult } from "./memory";
import { Result } from "./shared/abi";
import { Shape, SHAPE_SESSION } from "./shared/image";

@inline
function cell(shape: u32, member: i32): u32 {
  return load<u32>(shape + (<u32>member << 2));
}

/** Sees to room for all that a permit of the shape would add to. */
export function reserveRoom(shape: u32, now: i64): bool {
  if (!want(shape, now, -1)) return false;
  if (meters.hasRoom(wanted, wantedBytes, history.wantedBlocks)) return true;
  // What is let go is stale at this time; it must not come back by an earlier one.
  meters.reclaim(meters.advance(now));
  want(shape, now, -1);
  return meters.hasRoom(wanted, wantedBytes, history.wantedBlocks);
}

/** What reserveRoom would answer, without letting go of anything. */
export function couldReserveRoom(shape: u32, now: i64): bool {
  if (!want(shape, now, -1)) return false;
  if (meters.hasRoom(wanted, wantedBytes, history.wantedBlocks)) return true;
  want(shape, now, now);
  return meters.wouldHaveRoom(wanted, wantedBytes, history.wantedBlocks, now);
}

/** Places and bytes of keys that the shape's meters lack. */
let wanted: u32 = 0;
let wantedBytes: u32 = 0;

/** Counts them; with a time to reclaim at, as if what is stale then were gone. False when a window holds all that it can. */
function want(shape: u32, now: i64, reclaimAt: i64): bool {
  const pairs = image.pool + cell(shape, Shape.TracksStart) * 4;
  if (!history.wantTracks(pairs, cell(shape, Shape.TracksCount), 8, now, reclaimAt)) return false;
  wanted = history.wanted;
  wantedBytes = history.wantedBytes;
  const list = image.pool + cell(shape, Shape.LimitsStart) * 4;
  for (let i: u32 = 0; i < cell(shape, Shape.LimitsCount); i++) {
    meters.keyOfLimit(load<u32>(list + i * 4));
    wantKey(reclaimAt);
  }
  const budgets = image.pool + cell(shape, Shape.BudgetsStart) * 4;
  for (let i: u32 = 0; i < cell(shape, Shape.BudgetsCount); i++) {
    const budget = load<u32>(budgets + i * 4);
    meters.keyOfBudget(budget);
    wantKey(reclaimAt);
    if (!distinct.keyOfNoted(budget, i)) continue;
    wantKey(reclaimAt);
  }
  if ((cell(shape, Shape.Flags) & SHAPE_SESSION) != 0) {
    meters.keyOfSession();
    wantKey(reclaimAt);
  }
  return true;
}

function wantKey(reclaimAt: i64): void {
  const bytes = reclaimAt < 0 ? meters.keyBytesWanted() : meters.keyBytesWantedAfterReclaim(reclaimAt);
  wanted += <u32>(bytes > 0);
  wantedBytes += bytes;
}

/** Takes it: costs and amounts stand in the costs area, after the first cell. */
export function take(shape: u32, now: i64): void {
  meters.advance(now);
  const list = image.pool + cell(shape, Shape.LimitsStart) * 4;
  for (let i: u32 = 0; i < cell(shape, Shape.LimitsCount); i++) {
    const limit = load<u32>(list + i * 4);
    meters.keyOfLimit(limit);
    limits.takeToken(limit, now);
  }
  const budgets = image.pool + cell(shape, Shape.BudgetsStart) * 4;
  let crossed: u64 = 0;
  for (let i: u32 = 0; i < cell(shape, Shape.BudgetsCount); i++) {
    const budget = load<u32>(budgets + i * 4);
    if (distinct.counts(budget)) {
      distinct.takeValue(budget, i, now);
      continue;
    }
    meters.keyOfBudget(budget);
    if (limits.takeBudget(budget, <i64>load<f64>(memoryMap.costs + ((i + 1) << 3)), 1, now)) crossed |= <u64>1 << <u64>i;
  }
  setResult(Result.WarnedLow, <i32>crossed);
  setResult(Result.WarnedHigh, <i32>(crossed >> 32));
  if ((cell(shape, Shape.Flags) & SHAPE_SESSION) != 0) sessions.touchSession(now);
  history.feedTracks(image.pool + cell(shape, Shape.TracksStart) * 4, cell(shape, Shape.TracksCount), now);
}
