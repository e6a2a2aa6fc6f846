// The counters in their canonical form: keyed by names, sorted by key, stale ones left out, so that equal states give equal
// bytes whatever policy or build they come from.
//
//   magic u32, version u32, meters u32, reserved u32, latest time in microseconds i64, then for each meter
//   key length u16, kind u8, warned u8, key, six i64
import * as memoryMap from "./memory";
import * as meters from "./meters";
import { RestoreCode, METER_BYTES } from "./shared/abi";
import { AMOUNT_MAX, KEY_NAME_MAX, LIMIT_COUNT_MAX, LIMIT_WINDOW_MAX_US, PERIOD_MAX_US, WINDOW_MIN_US } from "./shared/image";
import { orderBytes } from "./value";

const MAGIC: u32 = 0x53534d7f; // 0x7f "MSS"
const VERSION: u32 = 1;
const HEAD_BYTES: u32 = 24;
const VALUES_BYTES: u32 = 48;
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
  at += HEAD_BYTES;
  for (let i: u32 = 0; i < kept; i++) {
    const meter = load<u32>(order + i * 4);
    const length = load<u32>(meter, meters.KEY_LENGTH);
    store<u16>(at, <u16>length);
    store<u8>(at, load<u8>(meter, meters.KIND), 2);
    store<u8>(at, load<u8>(meter, meters.WARNED), 3);
    memory.copy(at + 4, load<u32>(meter, meters.KEY), length);
    memory.copy(at + 4 + length, meter + meters.A, VALUES_BYTES);
    at += 4 + length + VALUES_BYTES;
  }
  return at - memoryMap.exchange;
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
  if (bytes < HEAD_BYTES || bytes > memoryMap.exchangeBytes || load<u32>(start) != MAGIC) return RestoreCode.BadSnapshot;
  if (load<u32>(start, 4) != VERSION) return RestoreCode.NewerSnapshot;
  const total = load<u32>(start, 8);
  if (total > memoryMap.meterCapacity) return RestoreCode.TooMany;
  const checked = checkEntries(start, bytes, total);
  if (checked != RestoreCode.Ok) return checked;
  meters.clearMeters();
  meters.setLatest(load<i64>(start, 16));
  let at = start + HEAD_BYTES;
  for (let i: u32 = 0; i < total; i++) {
    const length: u32 = load<u16>(at);
    meters.adoptKey(at + 4, length);
    const meter = meters.findOrAdd();
    store<u8>(meter, load<u8>(at, 3), meters.WARNED);
    memory.copy(meter + meters.A, at + 4 + length, VALUES_BYTES);
    at += 4 + length + VALUES_BYTES;
  }
  return RestoreCode.Ok;
}

/** Canonical: in order, no key twice, nothing stale; and nothing that the machine could not have written itself. */
function checkEntries(start: u32, bytes: u32, total: u32): i32 {
  const end = start + bytes;
  let at = start + HEAD_BYTES;
  let previous: u32 = 0;
  let keyBytes: u32 = 0;
  const latest = load<i64>(start, 16);
  if (load<u32>(start, 12) != 0 || latest < 0 || latest > TIME_MAX) return RestoreCode.BadSnapshot;
  for (let i: u32 = 0; i < total; i++) {
    if (end - at < 4) return RestoreCode.BadSnapshot;
    const length: u32 = load<u16>(at);
    const kind = load<u8>(at, 2);
    if (length < 3 || length > meters.KEY_MAX || end - at < 4 + length + VALUES_BYTES) return RestoreCode.BadSnapshot;
    if (kind < 1 || kind > meters.KIND_SESSION || load<u8>(at + 4) != kind || load<u8>(at, 3) > 1) return RestoreCode.BadSnapshot;
    if (previous != 0 && orderBytes(previous + 4, load<u16>(previous), at + 4, length) >= 0) return RestoreCode.BadSnapshot;
    const parts = keyParts(at + 4, length);
    if (!valuesHold(kind, parts, load<u8>(at, 3) != 0, at + 4 + length, latest)) return RestoreCode.BadSnapshot;
    previous = at;
    keyBytes += length;
    at += 4 + length + VALUES_BYTES;
  }
  if (at != end) return RestoreCode.BadSnapshot;
  return keyBytes <= memoryMap.meterKeysEnd - memoryMap.meterKeys ? RestoreCode.Ok : RestoreCode.TooMany;
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

/** Values beyond these could wrap a sum, and so make room where there is none. */
function valuesHold(kind: u8, parts: u32, warned: bool, values: u32, latest: i64): bool {
  for (let v: u32 = 0; v < VALUES_BYTES; v += 8) if (load<i64>(values + v) < 0) return false;
  const a = load<i64>(values);
  const b = load<i64>(values, 8);
  const c = load<i64>(values, 16);
  const d = load<i64>(values, 24);
  const e = load<i64>(values, 32);
  const f = load<i64>(values, 40);
  if (kind == meters.KIND_PHASE) return parts == 1 && !warned && a <= latest && (b | c | d | e | f) == 0;
  if (meters.areStale(kind, values, latest)) return false;
  if (kind == meters.KIND_SESSION) return parts == 2 && !warned && sessionHolds(a, b, c, d, e, f, latest);
  if (kind == meters.KIND_BUCKET) {
    if (parts != 2 || warned || (d | e | f) != 0 || c > latest) return false;
    return b >= <i64>WINDOW_MIN_US && b <= <i64>LIMIT_WINDOW_MAX_US && a <= LIMIT_COUNT_MAX * b;
  }
  if (parts != (c == 0 ? 3 : 2) || f > latest || c > latest + <i64>PERIOD_MAX_US || e > latest + meters.DAY_US) return false;
  return a <= meters.SUM_MAX && b <= <i64>AMOUNT_MAX && d <= meters.SUM_MAX && (e != 0 || d == 0);
}

/** Times plus one, 0 for none: made first, then begun, then active; what keeps it is the latest of all. */
function sessionHolds(begun: i64, active: i64, tag: i64, kept: i64, made: i64, rest: i64, latest: i64): bool {
  if (rest != 0 || tag > meters.SUM_MAX || (begun == 0) != (active == 0)) return false;
  if (made < 1 || kept < made || kept > latest + 1 || active > kept || begun > active) return false;
  return begun == 0 ? tag != 0 : begun >= made;
}
