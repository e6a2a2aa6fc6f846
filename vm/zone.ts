// The clocks of the policy's time zone, by the offsets that the image holds: what they show at a time, and when windows of
// whole days end on them. Without offsets they show UTC. It must never ask the host.
import * as image from "./image";
import { OFFSET_ROW_BYTES } from "./shared/image";

const DAY_US: i64 = 86400000000;

/** How far clocks are ahead of UTC at a time, in microseconds. */
export function offsetAt(nowUs: i64): i64 {
  return image.offsetCount == 0 ? 0 : offsetOf(rowAt(nowUs));
}

@inline
function fromOf(row: u32): i64 {
  return load<i64>(image.offsets + row * OFFSET_ROW_BYTES);
}

@inline
function offsetOf(row: u32): i64 {
  return load<i64>(image.offsets + row * OFFSET_ROW_BYTES, 8);
}

/** The last row that has begun; the first one before. From the end: a hundred rows at most, and half the code of halving. */
function rowAt(nowUs: i64): u32 {
  let row = image.offsetCount - 1;
  while (row > 0 && fromOf(row) > nowUs) row--;
  return row;
}

/**
 * When the window that holds `now` ends: windows of whole days on local clocks, others aligned to the epoch. A date that
 * clocks have shown is not begun a second time when they are put back, and one that they leap over begins where they land.
 */
export function endOfWindow(windowUs: i64, now: i64): i64 {
  if (image.offsetCount == 0 || windowUs % DAY_US != 0) return (now / windowUs + 1) * windowUs;
  let row = rowAt(now);
  let reached = now + offsetOf(row);
  if (row > 0) reached = max<i64>(reached, fromOf(row) + offsetOf(row - 1) - 1);
  // Local time begins at most two days before 1970: moved up, so that the division rounds down.
  const target = ((reached + 2 * windowUs) / windowUs - 1) * windowUs;
  let end = target - offsetOf(row);
  while (row + 1 < image.offsetCount && end >= fromOf(row + 1)) {
    row++;
    end = max<i64>(target - offsetOf(row), fromOf(row));
  }
  return end;
}
