// What a session's rules look back at: numbers, sums, sequences and windows over its permitted calls, and its denials. Each query
// is a track of the image; a session keeps one meter for each, valid as long as the session is the one that it was made in.
// Whatever a track holds is exact: where there is no room for that, the call is denied.
import * as image from "./image";
import * as memoryMap from "./memory";
import * as meters from "./meters";
import * as rings from "./rings";
import * as sessions from "./sessions";
import { METERS_PER_TOOL_MAX, RING_EVENTS_MAX } from "./shared/abi";
import { Track, TRACK_ROW_BYTES } from "./shared/image";
import { Kind } from "./shared/isa";

/** Micro-units of one amount: exact where the host reads them as numbers. */
const AMOUNT_MAX: f64 = 9007199254740991.0;

/** Of the decision that is being made. */
let now: i64 = 0;
/** A rule asked for denials that there may have been no room to note. */
export let unknown: bool = false;

/** After the caller's session was read. */
export function beginHistory(time: i64): void {
  now = time;
  unknown = false;
}

@inline
function rowOf(track: u32): u32 {
  return image.tracks + track * TRACK_ROW_BYTES;
}

@inline
function kindOf(track: u32): u32 {
  return load<u8>(rowOf(track), 4);
}

function windowOf(track: u32): i64 {
  return <i64>load<f64>(rowOf(track), 16);
}

function meterKind(kind: u32): u8 {
  switch (kind) {
    case Track.Within: return meters.KIND_LATEST;
    case Track.CountWindow:
    case Track.SumWindow: return meters.KIND_WINDOW;
    case Track.Denials: return meters.KIND_DENIALS;
    default: return meters.KIND_TALLY;
  }
}

/** Makes the key of the caller's track. */
function keyOf(track: u32): void {
  meters.keyOfTrack(track, meterKind(kindOf(track)));
}

/** Whether a meter holds the history of the caller's session as it was read. */
function isOfSession(meter: u32): bool {
  return load<u8>(meter, meters.KIND) == meters.KIND_DENIALS || (sessions.made != 0 && load<i64>(meter, meters.B) == sessions.made);
}

/** Writes what the track says into a slot: true or false for Within and Sequence, a number for the others. */
export function readTrack(track: u32, slot: u32): void {
  const kind = kindOf(track);
  keyOf(track);
  let meter = meters.find();
  if (meter == 0 && kind == Track.Denials && !meters.couldNote(now)) unknown = true;
  if (meter != 0 && !isOfSession(meter)) meter = 0;
  if (kind == Track.Within) {
    setBool(slot, meter != 0 && now - load<i64>(meter, meters.A) < windowOf(track));
  } else if (kind == Track.Sequence) {
    setBool(slot, meter != 0 && load<i64>(meter, meters.A) >= <i64>load<u8>(rowOf(track), 5));
  } else {
    const value: f64 = meter == 0 ? 0 : kind <= <u32>Track.Sum ? <f64>load<i64>(meter, meters.A) : windowValue(meter, kind == Track.SumWindow);
    store<i32>(slot, Kind.Number);
    store<f64>(slot, kind == Track.Sum || kind == Track.SumWindow ? value / 1e6 : value, 8);
  }
}

function setBool(slot: u32, truth: bool): void {
  store<i32>(slot, Kind.Bool);
  store<u32>(slot, truth ? 1 : 0, 8);
}

/** Events of the window, or what their amounts come to. */
function windowValue(meter: u32, sum: bool): f64 {
  const live = rings.liveEvents(meter, now);
  if (!sum) return <f64>live;
  const count = <u32>load<i64>(meter, meters.C);
  let total: i64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const event = i == 0 ? rings.firstEvent(meter) : rings.nextEvent();
    if (i >= count - live) total = addBounded(total, load<i64>(event, 8));
  }
  return <f64>total;
}

function addBounded(a: i64, b: i64): i64 {
  return max<i64>(-meters.SUM_MAX, min<i64>(a + b, meters.SUM_MAX));
}

/** Micro-units of the amount in a slot, rounded half away from zero; 0 for what is no number. */
function amountIn(slot: u32): f64 {
  if (load<i32>(slot) != Kind.Number) return 0;
  const value = load<f64>(slot, 8);
  const micro = Math.min(Math.floor(Math.abs(value) * 1e6 + 0.5), AMOUNT_MAX);
  return value < 0 && micro != 0 ? -micro : micro;
}

@inline
function amountCell(place: u32): u32 {
  return memoryMap.costs + ((METERS_PER_TOOL_MAX + 1 + place) << 3);
}

/** Leaves in the costs area what each sum among `count` pairs (track, places) in the pool would be fed with. */
export function findAmounts(pairs: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const field = load<u32>(rowOf(load<u32>(pairs + i * 8)), 8);
    if (field > 0) store<f64>(amountCell(i), amountIn(memoryMap.slots + ((field - 1) << 4)));
  }
}

// Room

/** Places, bytes of keys and blocks that a list of tracks lacks. */
export let wanted: u32 = 0;
export let wantedBytes: u32 = 0;
export let wantedBlocks: u32 = 0;

/** Counts them, tracks `step` bytes apart; with a time, as if everything were packed then. False when a window is full. */
export function wantTracks(list: u32, count: u32, step: u32, time: i64, reclaimAt: i64): bool {
  wanted = 0;
  wantedBytes = 0;
  wantedBlocks = 0;
  for (let i: u32 = 0; i < count; i++) {
    const track = load<u32>(list + i * step);
    keyOf(track);
    const bytes = reclaimAt < 0 ? meters.keyBytesWanted() : meters.keyBytesWantedAfterReclaim(reclaimAt);
    wanted += <u32>(bytes > 0);
    wantedBytes += bytes;
    if (meterKind(kindOf(track)) < meters.KIND_WINDOW) continue;
    const meter = meters.find();
    const live = meter == 0 || meters.isStale(meter, time) ? 0 : rings.liveEvents(meter, time);
    if (live == RING_EVENTS_MAX && kindOf(track) != Track.Denials) return false;
    if (live == 0 || (reclaimAt < 0 ? rings.needsBlock(meter) : live % rings.BLOCK_EVENTS == 0)) wantedBlocks++;
  }
  return true;
}

// Feeding. The caller has seen to room, and touched the session before.

/** Feeds `count` pairs with a permitted call, amounts from the costs area. */
export function feedTracks(pairs: u32, count: u32, time: i64): void {
  if (count == 0) return;
  meters.keyOfSession();
  const session = meters.find();
  const made = load<i64>(session, meters.E);
  for (let i: u32 = 0; i < count; i++) {
    const track = load<u32>(pairs + i * 8);
    keyOf(track);
    const meter = meters.findOrAdd();
    if (load<i64>(meter, meters.B) != made || meters.isStale(meter, time)) forget(meter);
    store<i64>(meter, made, meters.B);
    store<u32>(meter, meters.numberOf(session), meters.OWNER);
    const amount: i64 = load<u32>(rowOf(track), 8) == 0 ? 0 : <i64>load<f64>(amountCell(i));
    feed(meter, track, load<u32>(pairs + i * 8, 4), amount, time);
  }
}

function feed(meter: u32, track: u32, places: u32, amount: i64, time: i64): void {
  const held = load<i64>(meter, meters.A);
  switch (kindOf(track)) {
    case Track.Count:
      store<i64>(meter, addBounded(held, 1), meters.A);
      break;
    case Track.Sum:
      store<i64>(meter, addBounded(held, amount), meters.A);
      break;
    case Track.Sequence:
      if (held >= 0 && held < 32 && ((places >> <u32>held) & 1) != 0) store<i64>(meter, held + 1, meters.A);
      break;
    case Track.Within:
      store<i64>(meter, time, meters.A);
      store<i64>(meter, windowOf(track), meters.D);
      break;
    default:
      note(meter, track, amount, time);
  }
}

function note(meter: u32, track: u32, amount: i64, time: i64): void {
  store<i64>(meter, windowOf(track), meters.D);
  rings.drop(meter, <u32>load<i64>(meter, meters.C) - rings.liveEvents(meter, time));
  rings.append(meter, time, amount);
}

/** Empties a meter of a session's history. */
function forget(meter: u32): void {
  if (meters.hasEvents(load<u8>(meter, meters.KIND))) rings.drop(meter, <u32>load<i64>(meter, meters.C));
  memory.fill(meter + meters.A, 0, 48);
}

/** Notes a denied call in each of `count` tracks; one for which there is no room notes nothing. Of 1,024 the oldest goes. */
export function feedDenials(list: u32, count: u32, time: i64): void {
  for (let i: u32 = 0; i < count; i++) {
    const track = load<u32>(list + i * 4);
    if (!hasRoomFor(list + i * 4, time)) continue;
    meters.advance(time);
    keyOf(track);
    const meter = meters.findOrAdd();
    rings.drop(meter, <u32>load<i64>(meter, meters.C) - rings.liveEvents(meter, time));
    if (load<i64>(meter, meters.C) >= RING_EVENTS_MAX) rings.drop(meter, 1);
    note(meter, track, 0, time);
  }
}

function hasRoomFor(cell: u32, time: i64): bool {
  wantTracks(cell, 1, 4, time, -1);
  if (meters.hasRoom(wanted, wantedBytes, wantedBlocks)) return true;
  meters.reclaim(meters.advance(time));
  wantTracks(cell, 1, 4, time, -1);
  return meters.hasRoom(wanted, wantedBytes, wantedBlocks);
}

/** Forgets the history of the caller's session, its denials too, of whatever policy. Whether there was any. */
export function forgetHistory(session: u32): bool {
  let any = false;
  const owner = meters.numberOf(session);
  for (let i: u32 = 0; i < meters.count; i++) {
    const meter = memoryMap.meters + i * meters.BYTES;
    const kind = load<u8>(meter, meters.KIND);
    const own = kind == meters.KIND_DENIALS ? meters.isOfCaller(meter) : kind >= meters.KIND_TALLY && owner != 0 && load<u32>(meter, meters.OWNER) == owner;
    if (!own) continue;
    if (!meters.isStale(meter, meters.latest)) any = true;
    forget(meter);
  }
  return any;
}
