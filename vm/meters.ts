// Everything that counts: token buckets, budgets, phase clocks and sessions, in one table keyed by names, so that counters outlive a
// change of policy. The table never evicts what still matters: a meter is let go only when it equals a fresh one.
import * as image from "./image";
import * as memoryMap from "./memory";
import { METER_BYTES, NAME_BYTES, SESSION_IDLE_US } from "./shared/abi";
import { Budget, BudgetWindow, KEY_NAME_MAX } from "./shared/image";
import { sameBytes } from "./value";

/** Members of a meter, in bytes from its start. */
export const HASH: u32 = 0;
export const KEY: u32 = 4;
export const KEY_LENGTH: u32 = 8;
export const KIND: u32 = 12;
export const WARNED: u32 = 13;
/** Bucket: level in token·microseconds. Budget: spent micro-dollars. Phase: start. Session: begin + 1, 0 before it. */
export const A: u32 = 16;
/** Bucket: its window in microseconds. Budget: calls. Session: latest activity + 1. */
export const B: u32 = 24;
/** Bucket: time of its level. Budget: end of the window, 0 for a session's. Session: tag of its workflow phase, or 0. */
export const C: u32 = 32;
/** Budget: spent this day, and the day's end. Session: time + 1 of what keeps it from being forgotten, and of what made it. */
export const D: u32 = 40;
export const E: u32 = 48;
/** Budget: time of the last permit. */
export const F: u32 = 56;

export const KIND_BUCKET: u8 = 1;
export const KIND_BUDGET: u8 = 2;
export const KIND_PHASE: u8 = 3;
export const KIND_SESSION: u8 = 4;

/** Kind, agent, name, session. */
export const KEY_MAX: u32 = 1 + (2 + NAME_BYTES) + (2 + KEY_NAME_MAX) + (2 + NAME_BYTES);
export const DAY_US: i64 = 86400000000;

/** Static data: what `new` takes at the start lies where memory.ts lays out its areas. */
const keyRoom: StaticArray<u8> = changetype<StaticArray<u8>>(memory.data(KEY_MAX, 16));
let keyLength: u32 = 0;

export let count: u32 = 0;
let keysUsed: u32 = 0;
/** Latest time seen, in microseconds: meters never go back. */
export let latest: i64 = 0;

/** Set by the host's names; see Area.Names. */
export let agentLength: u32 = 0;
export let sessionLength: u32 = 0;

export function setCaller(agentBytes: u32, sessionBytes: u32): void {
  agentLength = agentBytes;
  sessionLength = sessionBytes;
}

export function clearMeters(): void {
  count = 0;
  keysUsed = 0;
  latest = 0;
  if (memoryMap.meterCapacity > 0) memory.fill(memoryMap.meterRows, 0, memoryMap.meterCapacity * 8);
}

export function setLatest(time: i64): void {
  latest = time;
}

/** The time that meters go by: never before one that was seen. */
export function advance(nowUs: i64): i64 {
  if (nowUs > latest) latest = nowUs;
  return latest;
}

// Keys: kind, then each part behind its length, so that no two lists of parts give the same key.

function beginKey(kind: u8): void {
  store<u8>(<u32>changetype<usize>(keyRoom), kind);
  keyLength = 1;
}

function addPart(from: u32, length: u32): void {
  const at = <u32>changetype<usize>(keyRoom) + keyLength;
  store<u16>(at, <u16>length);
  memory.copy(at + 2, from, length);
  keyLength += length + 2;
}

export function keyOfLimit(limit: u32): void {
  const name = load<u32>(image.limits + limit * 16);
  beginKey(KIND_BUCKET);
  addPart(memoryMap.names, agentLength);
  addPart(image.stringAt(name), image.stringLength(name));
}

export function keyOfBudget(budget: u32): void {
  const row = image.budgets + budget * 64;
  const name = load<u32>(row);
  beginKey(KIND_BUDGET);
  addPart(memoryMap.names, agentLength);
  addPart(image.stringAt(name), image.stringLength(name));
  if (load<u8>(row, Budget.Window) == BudgetWindow.Session) addPart(memoryMap.names + NAME_BYTES, sessionLength);
}

export function keyOfPhase(phase: u32): void {
  const name = load<u32>(image.phases + phase * 32);
  beginKey(KIND_PHASE);
  addPart(image.stringAt(name), image.stringLength(name));
}

export function keyOfSession(): void {
  beginKey(KIND_SESSION);
  addPart(memoryMap.names, agentLength);
  addPart(memoryMap.names + NAME_BYTES, sessionLength);
}

/** FNV-1a, 32 bits. */
export function hashBytes(from: u32, length: u32): u32 {
  let hash: u32 = 0x811c9dc5;
  for (let i: u32 = 0; i < length; i++) hash = (hash ^ load<u8>(from + i)) * 0x01000193;
  return hash;
}

/** The meter of the key just made, or 0. */
export function find(): u32 {
  if (count == 0) return 0;
  const key = <u32>changetype<usize>(keyRoom);
  const hash = hashBytes(key, keyLength);
  let row = hash & memoryMap.meterRowsMask;
  while (true) {
    const index = load<u32>(memoryMap.meterRows + row * 4);
    if (index == 0) return 0;
    const meter = memoryMap.meters + (index - 1) * METER_BYTES;
    if (load<u32>(meter, HASH) == hash && load<u32>(meter, KEY_LENGTH) == keyLength && sameBytes(load<u32>(meter, KEY), key, keyLength)) return meter;
    row = (row + 1) & memoryMap.meterRowsMask;
  }
}

/** How many bytes of key a place for the key just made takes; 0 when it has one. */
export function keyBytesWanted(): u32 {
  return find() != 0 ? 0 : keyLength;
}

/** The same after `reclaim(now)`. */
export function keyBytesWantedAfterReclaim(now: i64): u32 {
  const meter = find();
  return meter != 0 && !isStale(meter, now) ? 0 : keyLength;
}

export function hasRoom(meters: u32, keyBytes: u32): bool {
  return count + meters <= memoryMap.meterCapacity && memoryMap.meterKeys + keysUsed + keyBytes <= memoryMap.meterKeysEnd;
}

/** The meter of the key just made, made if need be. The caller has seen to room. */
export function findOrAdd(): u32 {
  const found = find();
  if (found != 0) return found;
  const key = memoryMap.meterKeys + keysUsed;
  memory.copy(key, <u32>changetype<usize>(keyRoom), keyLength);
  keysUsed += keyLength;
  const meter = memoryMap.meters + count * METER_BYTES;
  memory.fill(meter, 0, METER_BYTES);
  store<u32>(meter, hashBytes(key, keyLength), HASH);
  store<u32>(meter, key, KEY);
  store<u32>(meter, keyLength, KEY_LENGTH);
  store<u8>(meter, load<u8>(key), KIND);
  count++;
  enterRow(meter, count);
  return meter;
}

/** For restore: a key of at most KEY_MAX bytes from outside becomes the key just made. */
export function adoptKey(from: u32, length: u32): void {
  memory.copy(<u32>changetype<usize>(keyRoom), from, length);
  keyLength = length;
}

function enterRow(meter: u32, number: u32): void {
  let row = load<u32>(meter, HASH) & memoryMap.meterRowsMask;
  while (load<u32>(memoryMap.meterRows + row * 4) != 0) row = (row + 1) & memoryMap.meterRowsMask;
  store<u32>(memoryMap.meterRows + row * 4, number);
}

/** Equals a meter that was never made, at time `now`. */
export function isStale(meter: u32, now: i64): bool {
  return areStale(load<u8>(meter, KIND), meter + A, now);
}

/** The same of a meter's six values, A to F. */
export function areStale(kind: u8, values: u32, now: i64): bool {
  switch (kind) {
    case KIND_BUCKET: return now - load<i64>(values, C - A) >= load<i64>(values, B - A);
    case KIND_BUDGET:
      if (load<i64>(values, C - A) == 0) return now - load<i64>(values, F - A) >= <i64>SESSION_IDLE_US;
      return now >= load<i64>(values, C - A) && now >= load<i64>(values, E - A);
    case KIND_SESSION: return now - (load<i64>(values, D - A) - 1) >= <i64>SESSION_IDLE_US || load<i64>(values, D - A) == 0;
    default: return false;
  }
}

/** Whether there would be room for so much more after `reclaim(now)`, which this does not do. */
export function wouldHaveRoom(meters: u32, keyBytes: u32, now: i64): bool {
  let kept: u32 = 0;
  let bytes: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const meter = memoryMap.meters + i * METER_BYTES;
    if (isStale(meter, now)) continue;
    kept++;
    bytes += load<u32>(meter, KEY_LENGTH);
  }
  return kept + meters <= memoryMap.meterCapacity && memoryMap.meterKeys + bytes + keyBytes <= memoryMap.meterKeysEnd;
}

/** Lets go of stale meters, keeping the others in order. */
export function reclaim(now: i64): void {
  let kept: u32 = 0;
  let keyEnd = memoryMap.meterKeys;
  memory.fill(memoryMap.meterRows, 0, memoryMap.meterCapacity * 8);
  for (let i: u32 = 0; i < count; i++) {
    const meter = memoryMap.meters + i * METER_BYTES;
    if (isStale(meter, now)) continue;
    const length = load<u32>(meter, KEY_LENGTH);
    memory.copy(keyEnd, load<u32>(meter, KEY), length);
    store<u32>(meter, keyEnd, KEY);
    keyEnd += length;
    const to = memoryMap.meters + kept * METER_BYTES;
    if (to != meter) memory.copy(to, meter, METER_BYTES);
    kept++;
    enterRow(to, kept);
  }
  count = kept;
  keysUsed = keyEnd - memoryMap.meterKeys;
}

// Token buckets. A bucket's level is what was taken and has not flowed back, in tokens times the window in microseconds:
// one token is `window`, and `count` flows back each microsecond, so that all is exact in integers.

function limitWindow(limit: u32): i64 {
  return <i64>load<f64>(image.limits + limit * 16, 8);
}

function levelAt(meter: u32, limit: u32, now: i64): i64 {
  const window = limitWindow(limit);
  const tokens: i64 = load<u32>(image.limits + limit * 16, 4);
  let level = load<i64>(meter, A);
  const before = load<i64>(meter, B);
  const elapsed = now - load<i64>(meter, C);
  // After either window it is stale or empty; a policy's change of the window must not wake what snapshots leave out.
  if (elapsed >= window || elapsed >= before) return 0;
  if (before != window) {
    const rest = level % before;
    level = min<i64>(level / before, tokens) * window + <i64>Math.ceil((<f64>rest / <f64>before) * <f64>window);
  }
  return max<i64>(0, min<i64>(level, tokens * window) - elapsed * tokens);
}

/** Microseconds until the limit whose key was just made has a token; 0 when it has one. */
export function waitOf(limit: u32, now: i64): i64 {
  const meter = find();
  if (meter == 0) return 0;
  const window = limitWindow(limit);
  const tokens: i64 = load<u32>(image.limits + limit * 16, 4);
  const over = levelAt(meter, limit, now) + window - tokens * window;
  return over <= 0 ? 0 : (over + tokens - 1) / tokens;
}

export function takeToken(limit: u32, now: i64): void {
  const meter = findOrAdd();
  const level = levelAt(meter, limit, now);
  const window = limitWindow(limit);
  const tokens: i64 = load<u32>(image.limits + limit * 16, 4);
  store<i64>(meter, min<i64>(level + window, tokens * window), A);
  store<i64>(meter, window, B);
  store<i64>(meter, now, C);
}

// Budgets

/** What a budget holds against the time: a window that has passed counts as empty. */
export let spent: i64 = 0;
export let calls: i64 = 0;
export let daySpent: i64 = 0;
export let warned: bool = false;

export function readBudget(budget: u32, now: i64): void {
  const meter = find();
  spent = 0;
  calls = 0;
  daySpent = 0;
  warned = false;
  if (meter == 0) return;
  const end = load<i64>(meter, C);
  const open = end == 0 ? now - load<i64>(meter, F) < <i64>SESSION_IDLE_US : now < end;
  if (open && (end == 0) == (load<u8>(image.budgets + budget * 64, Budget.Window) == BudgetWindow.Session)) {
    spent = load<i64>(meter, A);
    calls = load<i64>(meter, B);
    warned = load<u8>(meter, WARNED) != 0;
  }
  if (now < load<i64>(meter, E)) daySpent = load<i64>(meter, D);
}

/** End of the budget's window that holds `now`; 0 for a session's. */
export function windowEnd(budget: u32, now: i64): i64 {
  const row = image.budgets + budget * 64;
  if (load<u8>(row, Budget.Window) == BudgetWindow.Session) return 0;
  const window = <i64>load<f64>(row, Budget.WindowUs);
  return (now / window + 1) * window;
}

export function dayEnd(now: i64): i64 {
  return (now / DAY_US + 1) * DAY_US;
}

/** Charges the budget whose key was just made. Returns whether it crossed its warning mark. */
export function takeBudget(budget: u32, cost: i64, now: i64): bool {
  readBudget(budget, now);
  const row = image.budgets + budget * 64;
  const meter = findOrAdd();
  const mark = load<i64>(row, Budget.WarnAt);
  const after = addCapped(spent, cost);
  const crosses = mark >= 0 && !warned && after >= mark;
  store<i64>(meter, after, A);
  store<i64>(meter, calls + 1, B);
  store<i64>(meter, windowEnd(budget, now), C);
  store<u8>(meter, warned || crosses ? 1 : 0, WARNED);
  if (load<i64>(row, Budget.Daily) >= 0 || daySpent > 0) {
    store<i64>(meter, addCapped(daySpent, cost), D);
    store<i64>(meter, dayEnd(now), E);
  } else {
    store<i64>(meter, 0, D);
    store<i64>(meter, 0, E);
  }
  store<i64>(meter, now, F);
  return crosses;
}

/** Sums stay below 2^62 however often they are added to. */
export const SUM_MAX: i64 = 0x3fffffffffffffff;

export function addCapped(a: i64, b: i64): i64 {
  return min<i64>(a + b, SUM_MAX);
}

/** Start of a phase in microseconds, or -1: activated, or when its predecessor ends. */
export function phaseStart(phase: u32): i64 {
  let before: i64 = 0;
  for (let previous = load<u32>(image.phases + phase * 32, 8); previous > 0; previous = load<u32>(image.phases + phase * 32, 8)) {
    phase = previous - 1;
    before += <i64>load<f64>(image.phases + phase * 32, 16);
  }
  keyOfPhase(phase);
  const meter = find();
  return meter == 0 ? -1 : load<i64>(meter, A) + before;
}

/** Starts the clock of a phase without predecessor; 1 started, 0 had one, -1 no room. */
export function startPhase(phase: u32, now: i64): i32 {
  if (load<u32>(image.phases + phase * 32, 8) > 0) return 0;
  keyOfPhase(phase);
  if (find() != 0) return 0;
  if (!makeRoomForKey(now)) return -1;
  store<i64>(findOrAdd(), now, A);
  return 1;
}

/** Sees to room for the key just made, letting go of what is stale if need be. */
export function makeRoomForKey(now: i64): bool {
  if (find() != 0 || hasRoom(1, keyLength)) return true;
  reclaim(advance(now));
  return hasRoom(1, keyLength);
}
