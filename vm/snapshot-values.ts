// Whether the values of a snapshot's entry are ones that the machine could have written: sums that cannot wrap, times that are
// not in the future, nothing that equals a fresh meter. Looks at bytes alone and changes nothing.
import * as meters from "./meters";
import { RING_EVENTS_MAX } from "./shared/abi";
import { AMOUNT_MAX, LIMIT_COUNT_MAX, LIMIT_WINDOW_MAX_US, OFFSET_MAX_US, PERIOD_MAX_US, WINDOW_MIN_US } from "./shared/image";

export const VALUES_BYTES: u32 = 48;
export const EVENT_BYTES: u32 = 16;
/** How much later than in UTC a window of local days can end: clocks are put back meanwhile. */
const SHIFT_MAX_US: i64 = 2 * <i64>OFFSET_MAX_US;

/** `parts`: of its key. `events`: bytes behind the values. `made`: when the session was made that a history is of. */
export function valuesHold(kind: u8, parts: u32, warned: bool, values: u32, events: u32, made: i64, latest: i64): bool {
  for (let v: u32 = kind == meters.KIND_TALLY ? 8 : 0; v < VALUES_BYTES; v += 8) if (load<i64>(values + v) < 0) return false;
  const a = load<i64>(values);
  const b = load<i64>(values, 8);
  const c = load<i64>(values, 16);
  const d = load<i64>(values, 24);
  const e = load<i64>(values, 32);
  const f = load<i64>(values, 40);
  if (kind == meters.KIND_PHASE) return parts == 1 && !warned && a <= latest && (b | c | d | e | f) == 0;
  if (kind == meters.KIND_VALUE) return parts == 3 && !warned && (a | b | d | e | f) == 0 && c > latest && c <= latest + <i64>PERIOD_MAX_US + SHIFT_MAX_US;
  if (kind >= meters.KIND_TALLY) return parts == 3 && !warned && (e | f) == 0 && historyHolds(kind, a, b, c, d, values, events, made, latest);
  if (meters.areStale(kind, values, latest)) return false;
  if (kind == meters.KIND_SESSION) return parts == 2 && !warned && sessionHolds(a, b, c, d, e, f, latest);
  if (kind == meters.KIND_BUCKET) {
    if (parts != 2 || warned || (d | e | f) != 0 || c > latest) return false;
    return b >= <i64>WINDOW_MIN_US && b <= <i64>LIMIT_WINDOW_MAX_US && a <= LIMIT_COUNT_MAX * b;
  }
  if (parts != (c == 0 ? 3 : 2) || f > latest || c > latest + <i64>PERIOD_MAX_US + SHIFT_MAX_US || e > latest + meters.DAY_US + SHIFT_MAX_US) return false;
  return a <= meters.SUM_MAX && b <= <i64>AMOUNT_MAX && d <= meters.SUM_MAX && (e != 0 || d == 0);
}

/** Times plus one, 0 for none: made first, then begun, then active; what keeps it is the latest of all. */
function sessionHolds(begun: i64, active: i64, tag: i64, kept: i64, made: i64, rest: i64, latest: i64): bool {
  if (rest != 0 || tag > meters.SUM_MAX || (begun == 0) != (active == 0)) return false;
  if (made < 1 || kept < made || kept > latest + 1 || active > kept || begun > active) return false;
  return begun == 0 ? tag != 0 : begun >= made;
}

function historyHolds(kind: u8, a: i64, b: i64, c: i64, d: i64, values: u32, events: u32, made: i64, latest: i64): bool {
  if (b != (kind == meters.KIND_DENIALS ? 0 : made) || (kind != meters.KIND_DENIALS && made == 0)) return false;
  if (kind == meters.KIND_TALLY) return (c | d) == 0 && a != 0 && a >= -meters.SUM_MAX && a <= meters.SUM_MAX;
  if (d < <i64>WINDOW_MIN_US || d > <i64>PERIOD_MAX_US) return false;
  if (kind == meters.KIND_LATEST) return c == 0 && a <= latest && latest - a < d;
  if (a != 0 || c < 1 || c > RING_EVENTS_MAX || events != <u32>c * EVENT_BYTES) return false;
  let before: i64 = max<i64>(0, latest - d + 1);
  for (let i: u32 = 0; i < <u32>c; i++) {
    const at = values + VALUES_BYTES + i * EVENT_BYTES;
    const time = load<i64>(at);
    const amount = load<i64>(at, 8);
    if (time < before || time > latest || amount < -(<i64>AMOUNT_MAX) || amount > <i64>AMOUNT_MAX) return false;
    if (kind == meters.KIND_DENIALS && amount != 0) return false;
    before = time;
  }
  return true;
}
