// What is known of a session: when it began, its latest activity, its workflow phase. One meter for each session of an agent
// that keeps them; without one a session is as if it were new. It must never take a time that lies before one that was seen.
import * as image from "./image";
import { forgetHistory } from "./history";
import * as meters from "./meters";
import { STAGE_ROW_BYTES } from "./shared/image";

/** Begin and latest activity (permit or open), or -1 before a session has begun. Of the caller, by readSession. */
export let begun: i64 = -1;
export let active: i64 = -1;
/** Tag of the workflow phase it was moved to; 0 when it never was. */
export let tag: i64 = 0;
/** What its history is known by: the time + 1 at which its state was made; 0 where it has none. */
export let made: i64 = 0;

/** The caller's session at `now`: what has been idle for a day is forgotten. */
export function readSession(now: i64): void {
  begun = -1;
  active = -1;
  tag = 0;
  made = 0;
  meters.keyOfSession();
  const meter = meters.find();
  if (meter == 0 || meters.isStale(meter, now)) return;
  begun = load<i64>(meter, meters.A) - 1;
  active = load<i64>(meter, meters.B) - 1;
  tag = load<i64>(meter, meters.C);
  made = load<i64>(meter, meters.E);
}

/** The meter of the caller's session, fresh where the one before is forgotten. The caller has seen to room. */
function sessionMeter(now: i64): u32 {
  meters.keyOfSession();
  const meter = meters.findOrAdd();
  if (meters.isStale(meter, now)) {
    memory.fill(meter + meters.A, 0, 48);
    store<i64>(meter, now + 1, meters.E);
  }
  store<i64>(meter, now + 1, meters.D);
  return meter;
}

/** A permitted call: the session has begun, and is active now. */
export function touchSession(now: i64): void {
  const meter = sessionMeter(now);
  if (load<i64>(meter, meters.A) == 0) store<i64>(meter, now + 1, meters.A);
  store<i64>(meter, now + 1, meters.B);
}

/** The session that was read has begun too long ago, or was idle too long. Bounds in microseconds; 0 for none. */
export function isExpired(maxDuration: f64, idleTimeout: f64, now: i64): bool {
  if (begun < 0) return false;
  if (maxDuration > 0 && now - begun >= <i64>maxDuration) return true;
  return idleTimeout > 0 && now - active >= <i64>idleTimeout;
}

/** Begins the caller's session: 1 begun, 0 it had begun, -1 no room. */
export function openSession(nowUs: i64): i32 {
  const now = max<i64>(meters.latest, nowUs);
  readSession(now);
  if (begun >= 0) return 0;
  meters.keyOfSession();
  if (!meters.makeRoomForKey(now)) return -1;
  meters.advance(now);
  touchSession(now);
  return 1;
}

/** Forgets all that is known of the caller's session; limits and budgets stay. Whether there was anything. */
export function closeSession(): bool {
  meters.keyOfSession();
  const meter = meters.find();
  const known = meter != 0 && !meters.isStale(meter, meters.latest);
  const past = forgetHistory(meter);
  if (meter != 0) memory.fill(meter + meters.A, 0, 48);
  return known || past;
}

@inline
function rowOf(stage: u32): u32 {
  return image.stages + stage * STAGE_ROW_BYTES;
}

/** The caller's workflow phase among those of the agent that `stage` is one of: the first where it was moved to none of them. */
export function currentStage(stage: u32, now: i64): u32 {
  readSession(now);
  return stageOfRead(stage);
}

/** The same of the session that was read last. */
export function stageOfRead(stage: u32): u32 {
  const first = load<u32>(rowOf(stage), 8);
  const end = first + load<u32>(rowOf(stage), 12);
  if (tag != 0) for (let at = first; at < end; at++) if (load<i64>(rowOf(at), 16) == tag) return at;
  return first;
}

/** Moves the caller's session: 1 moved, 0 it is there already, -1 no room. */
export function moveStage(stage: u32, nowUs: i64): i32 {
  const now = max<i64>(meters.latest, nowUs);
  if (currentStage(stage, now) == stage) return 0;
  meters.keyOfSession();
  if (!meters.makeRoomForKey(now)) return -1;
  meters.advance(now);
  store<i64>(sessionMeter(now), load<i64>(rowOf(stage), 16), meters.C);
  return 1;
}
