// Events of a window, kept apart: time and amount each, oldest first, in blocks from one pool that is laid out with the
// meters. A ring belongs to a meter. Nothing here knows what is counted.
import * as memoryMap from "./memory";
import { C, D, E, F } from "./meters";
import { RING_BLOCK_BYTES } from "./shared/abi";

/** A block: next u32 (block + 1), reserved, then events of 16 bytes. */
const HEAD_BYTES: u32 = 16;
const EVENT_BYTES: u32 = 16;
export const BLOCK_EVENTS: u32 = (RING_BLOCK_BYTES - HEAD_BYTES) / EVENT_BYTES;

/** Blocks given back, chained; and how many were ever given. */
let freeHead: u32 = 0;
let freeCount: u32 = 0;
let given: u32 = 0;

export function clearBlocks(): void {
  freeHead = 0;
  freeCount = 0;
  given = 0;
}

/** Blocks that are left. */
export function blocksLeft(): u32 {
  return memoryMap.ringBlocks - given + freeCount;
}

export function blocksFor(events: u32): u32 {
  return (events + BLOCK_EVENTS - 1) / BLOCK_EVENTS;
}

@inline
function blockAt(number: u32): u32 {
  return memoryMap.rings + (number - 1) * RING_BLOCK_BYTES;
}

function takeBlock(): u32 {
  let number = freeHead;
  if (number != 0) {
    freeHead = load<u32>(blockAt(number));
    freeCount--;
  } else {
    given++;
    number = given;
  }
  store<u32>(blockAt(number), 0);
  return number;
}

function giveBack(number: u32): void {
  store<u32>(blockAt(number), freeHead);
  freeHead = number;
  freeCount++;
}

// A meter's ring: C events, E first block (low half) and last block (high half), F place of the first event in its block.

/** Where the walk over a ring stands. */
let walkBlock: u32 = 0;
let walkPlace: u32 = 0;

/** Address of the meter's first event; its ring is not empty. */
export function firstEvent(meter: u32): u32 {
  walkBlock = load<u32>(meter, E);
  walkPlace = load<u32>(meter, F);
  return blockAt(walkBlock) + HEAD_BYTES + walkPlace * EVENT_BYTES;
}

/** The one after it; only where there is one. */
export function nextEvent(): u32 {
  walkPlace++;
  if (walkPlace == BLOCK_EVENTS) {
    walkBlock = load<u32>(blockAt(walkBlock));
    walkPlace = 0;
  }
  return blockAt(walkBlock) + HEAD_BYTES + walkPlace * EVENT_BYTES;
}

/** Events of the ring that lie in its window at `now`: the latest ones. */
export function liveEvents(meter: u32, now: i64): u32 {
  const count = <u32>load<i64>(meter, C);
  if (count == 0) return 0;
  const window = load<i64>(meter, D);
  let event = firstEvent(meter);
  for (let i: u32 = 0; i < count; i++) {
    if (now - load<i64>(event) < window) return count - i;
    if (i + 1 < count) event = nextEvent();
  }
  return 0;
}

/** Whether one more event needs a block. */
export function needsBlock(meter: u32): bool {
  return (load<i64>(meter, F) + load<i64>(meter, C)) % BLOCK_EVENTS == 0;
}

/** The caller has seen to a block. */
export function append(meter: u32, time: i64, amount: i64): void {
  const count = <u32>load<i64>(meter, C);
  const at = <u32>load<i64>(meter, F) + count;
  let last = load<u32>(meter, E + 4);
  if (at % BLOCK_EVENTS == 0) {
    // Only an image that feeds one ring twice can come here without a block; then it loses an event, and nothing else.
    if (blocksLeft() == 0) return;
    const block = takeBlock();
    if (count == 0) store<u32>(meter, block, E);
    else store<u32>(blockAt(last), block);
    last = block;
    store<u32>(meter, block, E + 4);
  }
  const event = blockAt(last) + HEAD_BYTES + (at % BLOCK_EVENTS) * EVENT_BYTES;
  store<i64>(event, time);
  store<i64>(event, amount, 8);
  store<i64>(meter, count + 1, C);
}

/** Lets go of the ring's first `events`. */
export function drop(meter: u32, events: u32): void {
  const count = <u32>load<i64>(meter, C);
  let place = <u32>load<i64>(meter, F);
  let block = load<u32>(meter, E);
  for (let i: u32 = 0; i < events; i++) {
    place++;
    if (place < BLOCK_EVENTS && i + 1 < count) continue;
    const next = load<u32>(blockAt(block));
    giveBack(block);
    block = next;
    place = 0;
  }
  store<i64>(meter, count - events, C);
  store<i64>(meter, place, F);
  store<u32>(meter, block, E);
  if (count == events) store<i64>(meter, 0, E);
}

/** Drops what lies outside of the window and moves the rest to the start of its first block: the fewest blocks. */
export function pack(meter: u32, now: i64): void {
  drop(meter, <u32>load<i64>(meter, C) - liveEvents(meter, now));
  const count = <u32>load<i64>(meter, C);
  if (count == 0 || load<i64>(meter, F) == 0) return;
  const first = load<u32>(meter, E);
  let to = first;
  let event = firstEvent(meter);
  for (let i: u32 = 0; i < count; i++) {
    memory.copy(blockAt(to) + HEAD_BYTES + (i % BLOCK_EVENTS) * EVENT_BYTES, event, EVENT_BYTES);
    if (i + 1 == count) break;
    event = nextEvent();
    if ((i + 1) % BLOCK_EVENTS == 0) to = load<u32>(blockAt(to));
  }
  const last = load<u32>(meter, E + 4);
  if (last != to) giveBack(last);
  store<u32>(blockAt(to), 0);
  store<u32>(meter, to, E + 4);
  store<i64>(meter, 0, F);
}
