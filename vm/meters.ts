// Everything that counts: token buckets, budgets, phase clocks, sessions and their histories, in one table keyed by names, so that counters outlive a
// change of policy. The table never evicts what still matters: a meter is let go only when it equals a fresh one.
import * as image from "./image";
import * as memoryMap from "./memory";
import { blocksFor, blocksLeft, clearBlocks, drop, liveEvents, pack } from "./rings";
import { DIGEST_BYTES, METER_BYTES, NAME_BYTES, SESSION_IDLE_US } from "./shared/abi";
import { Budget, BudgetWindow, KEY_NAME_MAX, TRACK_ROW_BYTES } from "./shared/image";
import { orderBytes, sameBytes } from "./value";

/** Bytes of a meter, and its members in bytes from its start. */
export const BYTES: u32 = METER_BYTES;
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
/** History of a session: number of the session's meter + 1. Never in a snapshot, where the key says it. */
export const OWNER: u32 = 64;

export const KIND_BUCKET: u8 = 1;
export const KIND_BUDGET: u8 = 2;
export const KIND_PHASE: u8 = 3;
export const KIND_SESSION: u8 = 4;
/** A session's history; their values are history's. A number since it began; the latest time; a window's events. */
export const KIND_TALLY: u8 = 5;
export const KIND_LATEST: u8 = 6;
export const KIND_WINDOW: u8 = 7;
/** Times of denials, which need no session. */
export const KIND_DENIALS: u8 = 8;
/** A value that a budget has counted, by its digest. C: end of the window. */
export const KIND_VALUE: u8 = 9;

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
  clearBlocks();
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

export function keyOfTrack(track: u32, kind: u8): void {
  const name = load<u32>(image.tracks + track * TRACK_ROW_BYTES);
  beginKey(kind);
  addPart(memoryMap.names, agentLength);
  addPart(image.stringAt(name), image.stringLength(name));
  addPart(memoryMap.names + NAME_BYTES, sessionLength);
}

/** The key of a value that the budget counts, from its digest. */
export function keyOfValue(budget: u32, digest: u32): void {
  const name = load<u32>(image.budgets + budget * 64);
  beginKey(KIND_VALUE);
  addPart(memoryMap.names, agentLength);
  addPart(image.stringAt(name), image.stringLength(name));
  addPart(digest, DIGEST_BYTES);
}

/** Whether meters of the kind have a ring of events. */
@inline
export function hasEvents(kind: u8): bool {
  return kind == KIND_WINDOW || kind == KIND_DENIALS;
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

export function hasRoom(meters: u32, keyBytes: u32, blocks: u32): bool {
  return blocks <= blocksLeft() && count + meters <= memoryMap.meterCapacity && memoryMap.meterKeys + keysUsed + keyBytes <= memoryMap.meterKeysEnd;
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

/** The key of a session from its two parts, lengths before them, becomes the key just made; parts may be those of any key. */
export function makeSessionKey(agent: u32, agentBytes: u32, session: u32, sessionBytes: u32): void {
  const room = <u32>changetype<usize>(keyRoom);
  store<u8>(room, KIND_SESSION);
  memory.copy(room + 1, agent, agentBytes);
  memory.copy(room + 1 + agentBytes, session, sessionBytes);
  keyLength = 1 + agentBytes + sessionBytes;
}

/** Order of another key against the one just made. */
export function orderOfKey(key: u32, length: u32): i32 {
  return orderBytes(key, length, <u32>changetype<usize>(keyRoom), keyLength);
}

/** For restore: a history's meter learns its session's, which is there. */
export function findOwner(meter: u32): void {
  if (load<u8>(meter, KIND) == KIND_DENIALS) return;
  const key = load<u32>(meter, KEY);
  const agent: u32 = <u32>load<u16>(key + 1) + 2;
  const session = key + 1 + agent + 2 + <u32>load<u16>(key + 1 + agent);
  makeSessionKey(key + 1, agent, session, key + load<u32>(meter, KEY_LENGTH) - session);
  store<u32>(meter, numberOf(find()), OWNER);
}

function enterRow(meter: u32, number: u32): void {
  let row = load<u32>(meter, HASH) & memoryMap.meterRowsMask;
  while (load<u32>(memoryMap.meterRows + row * 4) != 0) row = (row + 1) & memoryMap.meterRowsMask;
  store<u32>(memoryMap.meterRows + row * 4, number);
}

/** Equals a meter that was never made, at time `now`. */
export function isStale(meter: u32, now: i64): bool {
  const kind = load<u8>(meter, KIND);
  if (kind < KIND_TALLY || kind == KIND_VALUE) return areStale(kind, meter + A, now);
  if (kind != KIND_DENIALS) {
    const owner = memoryMap.meters + (load<u32>(meter, OWNER) - 1) * METER_BYTES;
    if (load<i64>(owner, E) != load<i64>(meter, B) || isStale(owner, now)) return true;
  }
  if (kind == KIND_TALLY) return load<i64>(meter, A) == 0;
  return kind == KIND_LATEST ? now - load<i64>(meter, A) >= load<i64>(meter, D) : liveEvents(meter, now) == 0;
}

/** The same of the six values, A to F, of a meter that is no history. */
export function areStale(kind: u8, values: u32, now: i64): bool {
  switch (kind) {
    case KIND_BUCKET: return now - load<i64>(values, C - A) >= load<i64>(values, B - A);
    case KIND_BUDGET:
      if (load<i64>(values, C - A) == 0) return now - load<i64>(values, F - A) >= <i64>SESSION_IDLE_US;
      return now >= load<i64>(values, C - A) && now >= load<i64>(values, E - A);
    case KIND_VALUE: return now >= load<i64>(values, C - A);
    case KIND_SESSION: return now - (load<i64>(values, D - A) - 1) >= <i64>SESSION_IDLE_US || load<i64>(values, D - A) == 0;
    default: return false;
  }
}

/** Whether there would be room for so much more after `reclaim(now)`, which this does not do. */
export function wouldHaveRoom(meters: u32, keyBytes: u32, blocks: u32, now: i64): bool {
  let kept: u32 = 0;
  let bytes: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const meter = memoryMap.meters + i * METER_BYTES;
    if (isStale(meter, now)) continue;
    kept++;
    bytes += load<u32>(meter, KEY_LENGTH);
    if (hasEvents(load<u8>(meter, KIND))) blocks += blocksFor(liveEvents(meter, now));
  }
  if (blocks > memoryMap.ringBlocks) return false;
  return kept + meters <= memoryMap.meterCapacity && memoryMap.meterKeys + bytes + keyBytes <= memoryMap.meterKeysEnd;
}

/** Lets go of stale meters, keeping the others in order. What is kept does not depend on how the table came to be. */
export function reclaim(now: i64): void {
  // Numbers first: whether a history is stale is asked of its session's meter, which moves.
  const numbers = memoryMap.meterOrder;
  let kept: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const stale = isStale(memoryMap.meters + i * METER_BYTES, now);
    if (!stale) kept++;
    store<u32>(numbers + i * 4, stale ? 0 : kept);
  }
  let keyEnd = memoryMap.meterKeys;
  memory.fill(memoryMap.meterRows, 0, memoryMap.meterCapacity * 8);
  for (let i: u32 = 0; i < count; i++) {
    const meter = memoryMap.meters + i * METER_BYTES;
    const number = load<u32>(numbers + i * 4);
    const hasRing = hasEvents(load<u8>(meter, KIND));
    if (number == 0) {
      if (hasRing) drop(meter, <u32>load<i64>(meter, C));
      continue;
    }
    if (hasRing) pack(meter, now);
    const owner = load<u32>(meter, OWNER);
    if (owner != 0) store<u32>(meter, load<u32>(numbers + (owner - 1) * 4), OWNER);
    const length = load<u32>(meter, KEY_LENGTH);
    memory.copy(keyEnd, load<u32>(meter, KEY), length);
    store<u32>(meter, keyEnd, KEY);
    keyEnd += length;
    const to = memoryMap.meters + (number - 1) * METER_BYTES;
    if (to != meter) memory.copy(to, meter, METER_BYTES);
    enterRow(to, number);
  }
  count = kept;
  keysUsed = keyEnd - memoryMap.meterKeys;
}

/** Whether there is, or after `reclaim(now)` would be, room for a meter of the key just made and the first events of its window. */
export function couldNote(now: i64): bool {
  return hasRoom(1, keyLength, 1) || wouldHaveRoom(1, keyLength, 1, now);
}

/** The history belongs to the caller: its key begins with the agent's name and ends with the session's. */
export function isOfCaller(meter: u32): bool {
  const key = load<u32>(meter, KEY);
  const length = load<u32>(meter, KEY_LENGTH);
  if (<u32>load<u16>(key, 1) != agentLength || !sameBytes(key + 3, memoryMap.names, agentLength)) return false;
  const name = 3 + agentLength;
  const session = name + 2 + <u32>load<u16>(key + name);
  return <u32>load<u16>(key + session) == sessionLength && session + 2 + sessionLength == length && sameBytes(key + session + 2, memoryMap.names + NAME_BYTES, sessionLength);
}

/** A meter's number from 1 on, or 0. */
export function numberOf(meter: u32): u32 {
  return meter == 0 ? 0 : (meter - memoryMap.meters) / METER_BYTES + 1;
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
  if (find() != 0 || hasRoom(1, keyLength, 0)) return true;
  reclaim(advance(now));
  return hasRoom(1, keyLength, 0);
}
