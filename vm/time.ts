// Parts of the request's time, on the clocks of the policy's time zone: days and months by the proleptic Gregorian calendar.
import * as image from "./image";
import * as memoryMap from "./memory";
import { Shape } from "./shared/image";
import { offsetAt } from "./zone";
import { Kind, Root, SLOT_BYTES, TimePart } from "./shared/isa";

const DAY_SECONDS: i64 = 86400;
/** 400 years: days of the week, of the month and months come back after them, and no local time is before 1970 less them. */
const CYCLE_DAYS: i64 = 146097;

/** Writes the slots of the shape's fields that are parts of the time. */
export function fillTime(shape: u32, nowUs: i64): void {
  const start = load<u32>(shape + Shape.FieldsStart * 4);
  const count = load<u32>(shape + Shape.FieldsCount * 4);
  for (let i: u32 = 0; i < count; i++) {
    const field = load<u32>(image.pool + (start + i) * 4);
    const row = image.fields + field * 8;
    if (load<u8>(row) != Root.Time) continue;
    const slot = memoryMap.slots + field * SLOT_BYTES;
    store<i32>(slot, Kind.Number);
    store<f64>(slot, <f64>timePart(load<u32>(image.pool + load<u32>(row, 4) * 4), nowUs), 8);
  }
}

function timePart(part: u32, nowUs: i64): i64 {
  if (part == TimePart.Now) return nowUs / 1000000;
  const seconds = (nowUs + offsetAt(nowUs) + CYCLE_DAYS * DAY_SECONDS * 1000000) / 1000000;
  const days = seconds / DAY_SECONDS;
  const ofDay = seconds % DAY_SECONDS;
  switch (part) {
    case TimePart.Minute: return (ofDay / 60) % 60;
    case TimePart.Hour: return ofDay / 3600;
    // 1970-01-01 was a Thursday.
    case TimePart.Weekday: return ((days + 3) % 7) + 1;
    case TimePart.Day: return dayAndMonth(days) & 0xff;
    default: return dayAndMonth(days) >> 8;
  }
}

/** month << 8 | day, from days since 1970, by counting from 1 March of the year 0. */
function dayAndMonth(days: i64): i64 {
  const shifted = days + 719468;
  const dayOfEra = shifted % 146097;
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const monthFromMarch = (5 * dayOfYear + 2) / 153;
  const day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return (month << 8) | day;
}
