// Where everything stands in the machine's memory. Laid out once by `allocate`; nothing grows afterwards.
import { APPROVED_MAX, Area, DIGEST_BYTES, JSON_DEPTH_MAX, JSON_ITEMS_MAX, METERS_PER_TOOL_MAX, METERS_PER_RING_BLOCK, METER_BYTES, METER_KEY_BYTES, NAME_BYTES, RING_BLOCK_BYTES, Result, TRACE_EVENTS_MAX, TRACE_EVENT_BYTES } from "./shared/abi";
import { SLOT_BYTES } from "./shared/isa";

const PAGE_BYTES: u32 = 65536;
/** What a machine may ask of its host: 1 GiB. */
const MEMORY_PAGES_MAX: u32 = 16384;

export let names: u32 = 0;
export let slots: u32 = 0;
export let arena: u32 = 0;
export let arenaBytes: u32 = 0;
export let result: u32 = 0;
/** The first slot that rules write themselves. */
export let temporaries: u32 = 0;
/** For each automaton its latest answer: decision u64, slot u32, Tri u32. */
export let answers: u32 = 0;
/** A byte for each field, see uses.ts. */
export let uses: u32 = 0;
/** A byte for each shape: 1 when its rules and its default are all there is to ask. */
export let plain: u32 = 0;
/** The table of each set's strings, and the sieve of each list of rules by its place in the pool: u32, 0 for none. Both are 0 where there is not one. */
export let setTables: u32 = 0;
export let sieves: u32 = 0;
export let approved: u32 = 0;
export let costs: u32 = 0;
export let digests: u32 = 0;
export let trace: u32 = 0;
export let image: u32 = 0;
export let imageBytes: u32 = 0;
/** Hash rows (meter index + 1), twice the capacity; then the meters; then their keys; then a list for sorting. */
export let meterRows: u32 = 0;
export let meterRowsMask: u32 = 0;
export let meters: u32 = 0;
export let meterCapacity: u32 = 0;
export let meterKeys: u32 = 0;
export let meterKeysEnd: u32 = 0;
export let meterOrder: u32 = 0;
/** Blocks for the events of windows. */
export let rings: u32 = 0;
export let ringBlocks: u32 = 0;
export let exchange: u32 = 0;
export let exchangeBytes: u32 = 0;
/** A request's JSON, with room for the zeros behind it. */
export let request: u32 = 0;
export let requestBytes: u32 = 0;
/** What was read of it: NODE_BYTES for each value, sorted references to the members of large objects, open containers. */
export let nodes: u32 = 0;
export let nodesMax: u32 = 0;
export let sorted: u32 = 0;
export let frames: u32 = 0;
/** Two big numbers of BIG_BYTES. */
export let bigs: u32 = 0;
/** Words that requests are made of, see words.ts; the nodes of a request's members by word. */
export let words: u32 = 0;
export let members: u32 = 0;

export const NODE_BYTES: u32 = 32;
export const FRAME_BYTES: u32 = 16;
/** 100 limbs: 770 digits, or half of the least double's neighbourhood, are 2,700 bits. */
export const BIG_BYTES: u32 = 404;
export const WORDS_BYTES: u32 = 1024;
export const MEMBERS_BYTES: u32 = 80;
/** A tool's name may be put together from longer parts before what nobody needs is cut off. */
const TOOL_PARTS_BYTES: u32 = 768;
/** Tables made at load. A policy that would need more is judged without some of them, which takes longer and answers the same. */
const TABLES_BYTES_MAX: u32 = 1048576;
/** Zeros behind the request: as many as are read at once. */
const END_BYTES: u32 = 32;

let end: u32 = 0;
let claimed: u32 = 0;

function take(bytes: u32): u32 {
  const at = end;
  end = (end + bytes + 15) & ~15;
  return at;
}

function grow(): bool {
  const pages: u32 = (end + PAGE_BYTES - 1) / PAGE_BYTES;
  const have: u32 = memory.size();
  if (pages > MEMORY_PAGES_MAX) return false;
  return pages <= have || memory.grow(pages - have) >= 0;
}

/** Lays out the fixed areas and room for an image of `bytes`. */
export function layOut(bytes: u32, arenaSize: u32, requestSize: u32): bool {
  if (bytes > 0x10000000 || arenaSize > 0x10000000 || requestSize > 0x10000000) return false;
  end = (<u32>__heap_base + 15) & ~15;
  names = take(3 * NAME_BYTES + TOOL_PARTS_BYTES);
  result = take(Result.End * 8);
  approved = take(APPROVED_MAX * 4);
  costs = take((2 * METERS_PER_TOOL_MAX + 1) * 8);
  digests = take(METERS_PER_TOOL_MAX * DIGEST_BYTES);
  trace = take(TRACE_EVENTS_MAX * TRACE_EVENT_BYTES);
  words = take(WORDS_BYTES);
  members = take(MEMBERS_BYTES);
  bigs = take(2 * BIG_BYTES);
  frames = take((JSON_DEPTH_MAX + 1) * FRAME_BYTES);
  requestBytes = requestSize;
  request = take(requestSize + END_BYTES);
  // A list member and its comma are two bytes.
  nodesMax = min(requestSize / 2, JSON_ITEMS_MAX) + 1;
  nodes = take(nodesMax * NODE_BYTES);
  sorted = take(nodesMax * 4);
  arenaBytes = arenaSize;
  arena = take(arenaSize);
  imageBytes = bytes;
  image = take(bytes);
  return grow();
}

/** Once the image is known: its slots, and the meters if it counts. `capacity` is a power of two, or 0. */
export function layOutState(slotCount: u32, fieldCount: u32, shapeCount: u32, automataCount: u32, capacity: u32): bool {
  slots = take(slotCount * SLOT_BYTES);
  temporaries = slots + fieldCount * SLOT_BYTES;
  answers = take(automataCount * 16);
  uses = take(slotCount);
  plain = take(shapeCount);
  meterCapacity = capacity;
  if (capacity > 0) {
    meterRowsMask = capacity * 2 - 1;
    meterRows = take(capacity * 8);
    meters = take(capacity * METER_BYTES);
    meterKeys = take(capacity * METER_KEY_BYTES);
    meterKeysEnd = meterKeys + capacity * METER_KEY_BYTES;
    meterOrder = take(capacity * 4);
    ringBlocks = capacity / METERS_PER_RING_BLOCK + 1;
    rings = take(ringBlocks * RING_BLOCK_BYTES);
    exchangeBytes = 64 + capacity * (METER_BYTES + METER_KEY_BYTES) + ringBlocks * RING_BLOCK_BYTES;
    exchange = take(exchangeBytes);
  } else {
    exchangeBytes = 64;
    exchange = take(64);
  }
  return grow();
}

/** Room for a table made at load, zeroed; 0 when they have had TABLES_BYTES_MAX together, or the host gives no more. */
export function claim(bytes: u32): u32 {
  if (bytes > TABLES_BYTES_MAX - claimed) return 0;
  const before = end;
  const at = take(bytes);
  if (!grow()) {
    end = before;
    return 0;
  }
  claimed += bytes;
  return at;
}

export function setSetTables(at: u32): void {
  setTables = at;
}

export function setSieves(at: u32): void {
  sieves = at;
}

export function areaAddress(area: i32): u32 {
  switch (area) {
    case Area.Names: return names;
    case Area.Slots: return slots;
    case Area.Arena: return arena;
    case Area.Result: return result;
    case Area.Approved: return approved;
    case Area.Costs: return costs;
    case Area.Trace: return trace;
    case Area.Image: return image;
    case Area.Exchange: return exchange;
    case Area.Request: return request;
    case Area.Uses: return uses;
    case Area.Digests: return digests;
    default: return 0;
  }
}

export function setResult(cell: i32, value: i32): void {
  store<i32>(result + (<u32>cell << 3), value);
}

export function setResultNumber(cell: i32, value: f64): void {
  store<f64>(result + (<u32>cell << 3), value);
}
