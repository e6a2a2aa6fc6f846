// The counters in their canonical form: keyed by names, sorted by key, stale ones left out, so that equal states give equal
// bytes whatever policy or build they come from.
//
//   magic u32, version u32, meters u32, reserved u32, latest time in microseconds i64, then for each meter
//   key length u16, kind u8, warned u8, key, six i64, then for a window as many pairs of i64 as the third says: time, amount
import * as memoryMap from "./memory";
import * as meters from "./meters";
import * as rings from "./rings";
import { RestoreCode, METER_BYTES, SNAPSHOT_HEAD_BYTES } from "./shared/abi";
import { KEY_NAME_MAX } from "./shared/image";
import { EVENT_BYTES, valuesHold, VALUES_BYTES } from "./snapshot-values";
import { orderBytes } from "./value";

const MAGIC: u32 = 0x53534d7f; // 0x7f "MSS"
const VERSION: u32 = 1;
/** Latest time of a snapshot, in microseconds: sums of times stay far from the end of 64 bits. */
const TIME_MAX: i64 = 9007199254740992;

/** Writes the snapshot into the exchange area and returns its length. */
export function writeSnapshot(): u32 {
  const order = memoryMap.meterOrder;
  let kept: u32 = 0;
  for (let i: u32 = 0; i < meters.count; i++) {
    const meter = memoryMap.meters + i * METER_BYTES;
    if (meters.isStale(meter, meters.latest)) continue;
    store<u32>(order + kept * 4, meter);
    kept++;
  }
  sortByKey(order, kept);
  let at = memoryMap.exchange;
  store<u32>(at, MAGIC);
  store<u32>(at, VERSION, 4);
  store<u32>(at, kept, 8);
  store<u32>(at, 0, 12);
  store<i64>(at, meters.latest, 16);
  at += SNAPSHOT_HEAD_BYTES;
  for (let i: u32 = 0; i < kept; i++) {
    const meter = load<u32>(order + i * 4);
    const length = load<u32>(meter, meters.KEY_LENGTH);
    store<u16>(at, <u16>length);
    store<u8>(at, load<u8>(meter, meters.KIND), 2);
    store<u8>(at, load<u8>(meter, meters.WARNED), 3);
    memory.copy(at + 4, load<u32>(meter, meters.KEY), length);
    const values = at + 4 + length;
    memory.copy(values, meter + meters.A, VALUES_BYTES);
    at = values + VALUES_BYTES;
    if (meters.hasEvents(load<u8>(meter, meters.KIND))) at = writeEvents(meter, values);
  }
  return at - memoryMap.exchange;
}

/** Those that still count; where they stand in the pool is nobody's business. Returns where they end. */
function writeEvents(meter: u32, values: u32): u32 {
  const count = <u32>load<i64>(meter, meters.C);
  const live = rings.liveEvents(meter, meters.latest);
  store<i64>(values, live, meters.C - meters.A);
  store<i64>(values, 0, meters.E - meters.A);
  store<i64>(values, 0, meters.F - meters.A);
  let at = values + VALUES_BYTES;
  for (let i: u32 = 0; i < count; i++) {
    const event = i == 0 ? rings.firstEvent(meter) : rings.nextEvent();
    if (i < count - live) continue;
    memory.copy(at, event, EVENT_BYTES);
    at += EVENT_BYTES;
  }
  return at;
}

function keyOrder(a: u32, b: u32): i32 {
  return orderBytes(load<u32>(a, meters.KEY), load<u32>(a, meters.KEY_LENGTH), load<u32>(b, meters.KEY), load<u32>(b, meters.KEY_LENGTH));
}

/** Heap sort: in place, no recursion, the same steps everywhere. */
function sortByKey(list: u32, length: u32): void {
  for (let i: i32 = <i32>(length / 2) - 1; i >= 0; i--) sink(list, <u32>i, length);
  for (let end = length; end > 1; end--) {
    const first = load<u32>(list);
    store<u32>(list, load<u32>(list + (end - 1) * 4));
    store<u32>(list + (end - 1) * 4, first);
    sink(list, 0, end - 1);
  }
}

function sink(list: u32, root: u32, length: u32): void {
  while (true) {
    let child = root * 2 + 1;
    if (child >= length) return;
    if (child + 1 < length && keyOrder(load<u32>(list + child * 4), load<u32>(list + (child + 1) * 4)) < 0) child++;
    const a = load<u32>(list + root * 4);
    const b = load<u32>(list + child * 4);
    if (keyOrder(a, b) >= 0) return;
    store<u32>(list + root * 4, b);
    store<u32>(list + child * 4, a);
    root = child;
  }
}

/** Reads a snapshot from the exchange area. Whatever it refuses, the counters are as before. */
export function readSnapshot(bytes: u32): i32 {
  const start = memoryMap.exchange;
  if (bytes < <u32>SNAPSHOT_HEAD_BYTES || bytes > memoryMap.exchangeBytes || load<u32>(start) != MAGIC) return RestoreCode.BadSnapshot;
  if (load<u32>(start, 4) != VERSION) return RestoreCode.NewerSnapshot;
  const total = load<u32>(start, 8);
  if (total > memoryMap.meterCapacity) return RestoreCode.TooMany;
  const checked = checkEntries(start, bytes, total);
  if (checked != RestoreCode.Ok) return checked;
  meters.clearMeters();
  meters.setLatest(load<i64>(start, 16));
  let at = start + SNAPSHOT_HEAD_BYTES;
  for (let i: u32 = 0; i < total; i++) {
    const length: u32 = load<u16>(at);
    meters.adoptKey(at + 4, length);
    const meter = meters.findOrAdd();
    store<u8>(meter, load<u8>(at, 3), meters.WARNED);
    const values = at + 4 + length;
    memory.copy(meter + meters.A, values, VALUES_BYTES);
    at = values + VALUES_BYTES;
    const kind = load<u8>(meter, meters.KIND);
    if (meters.hasEvents(kind)) at = readEvents(meter, at);
    if (kind >= meters.KIND_TALLY && kind <= meters.KIND_WINDOW) meters.findOwner(meter);
  }
  return RestoreCode.Ok;
}

function readEvents(meter: u32, at: u32): u32 {
  const count = <u32>load<i64>(meter, meters.C);
  store<i64>(meter, 0, meters.C);
  for (let i: u32 = 0; i < count; i++, at += EVENT_BYTES) rings.append(meter, load<i64>(at), load<i64>(at, 8));
  return at;
}

/** Canonical: in order, no key twice, nothing stale; and nothing that the machine could not have written itself. */
function checkEntries(start: u32, bytes: u32, total: u32): i32 {
  const end = start + bytes;
  let at = start + SNAPSHOT_HEAD_BYTES;
  let previous: u32 = 0;
  let keyBytes: u32 = 0;
  let sessions: u32 = 0;
  let blocks: u32 = 0;
  const latest = load<i64>(start, 16);
  if (load<u32>(start, 12) != 0 || latest < 0 || latest > TIME_MAX) return RestoreCode.BadSnapshot;
  for (let i: u32 = 0; i < total; i++) {
    if (end - at < 4) return RestoreCode.BadSnapshot;
    const length: u32 = load<u16>(at);
    const kind = load<u8>(at, 2);
    if (length < 3 || length > meters.KEY_MAX || end - at < 4 + length + VALUES_BYTES) return RestoreCode.BadSnapshot;
    if (kind < 1 || kind > meters.KIND_VALUE || load<u8>(at + 4) != kind || load<u8>(at, 3) > 1) return RestoreCode.BadSnapshot;
    if (previous != 0 && orderBytes(previous + 4, load<u16>(previous), at + 4, length) >= 0) return RestoreCode.BadSnapshot;
    const parts = keyParts(at + 4, length);
    const values = at + 4 + length;
    const events = eventBytes(kind, values, end);
    if (events < 0) return RestoreCode.BadSnapshot;
    if (kind == meters.KIND_SESSION) store<u32>(memoryMap.meterOrder + sessions++ * 4, at);
    const made: i64 = kind >= meters.KIND_TALLY && kind <= meters.KIND_WINDOW ? madeOf(at + 4, length, parts, sessions) : 0;
    if (!valuesHold(kind, parts, load<u8>(at, 3) != 0, values, <u32>events, made, latest)) return RestoreCode.BadSnapshot;
    previous = at;
    keyBytes += length;
    blocks += rings.blocksFor(<u32>events / EVENT_BYTES);
    at = values + VALUES_BYTES + <u32>events;
  }
  if (at != end) return RestoreCode.BadSnapshot;
  return blocks <= memoryMap.ringBlocks && keyBytes <= memoryMap.meterKeysEnd - memoryMap.meterKeys ? RestoreCode.Ok : RestoreCode.TooMany;
}

/** Parts of a key, or 0 when their lengths do not add up to it. */
function keyParts(key: u32, length: u32): u32 {
  let parts: u32 = 0;
  let at: u32 = 1;
  while (at < length) {
    if (length - at < 2) return 0;
    const part: u32 = load<u16>(key + at);
    if (part > <u32>KEY_NAME_MAX || part > length - at - 2) return 0;
    at += 2 + part;
    parts++;
  }
  return parts;
}

/** Bytes of events behind the values of an entry; -1 when they do not fit in what is left. */
function eventBytes(kind: u8, values: u32, end: u32): i32 {
  if (!meters.hasEvents(kind)) return 0;
  const count = load<i64>(values, meters.C - meters.A);
  if (count < 0 || count > <i64>((end - values - VALUES_BYTES) / EVENT_BYTES)) return -1;
  return <i32>count * EVENT_BYTES;
}

/** Of the session that a history is of, by the parts of its key: when it was made; 0 when it is not among the entries before. */
function madeOf(key: u32, length: u32, parts: u32, sessions: u32): i64 {
  if (parts != 3) return 0;
  const agent: u32 = <u32>load<u16>(key + 1) + 2;
  const name: u32 = <u32>load<u16>(key + 1 + agent) + 2;
  const session = key + 1 + agent + name;
  meters.makeSessionKey(key + 1, agent, session, key + length - session);
  let low: u32 = 0;
  let high = sessions;
  while (low < high) {
    const middle = (low + high) / 2;
    const entry = load<u32>(memoryMap.meterOrder + middle * 4);
    const order = meters.orderOfKey(entry + 4, load<u16>(entry));
    if (order == 0) return load<i64>(entry + 4 + <u32>load<u16>(entry), meters.E - meters.A);
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return 0;
}
