// A time of day and year that has given parts, for examples of rules that read the time. Pure: the years are given too.
import { TimePart } from "../../vm/shared/isa.ts";

/** Years that are searched: every date falls on every weekday in them. */
const YEAR_FIRST = 2026;
const YEARS = 28;
const DAY_MS = 86_400_000;
const noon = 12;

/** Milliseconds since 1970 of a time in UTC with these parts; null where there is none, as for the 31st of April. */
export function timeWith(parts: { readonly [part: number]: number }): number | null {
  const hour = parts[TimePart.Hour] ?? noon;
  const minute = parts[TimePart.Minute] ?? 0;
  const first = Date.UTC(YEAR_FIRST, 0, 1);
  const end = Date.UTC(YEAR_FIRST + YEARS, 0, 1);
  for (let day = first; day < end; day += DAY_MS) {
    const date = new Date(day);
    const weekday = date.getUTCDay() === 0 ? 7 : date.getUTCDay();
    const fits =
      isPart(parts[TimePart.Day], date.getUTCDate()) &&
      isPart(parts[TimePart.Month], date.getUTCMonth() + 1) &&
      isPart(parts[TimePart.Weekday], weekday);
    if (fits) return day + (hour * 60 + minute) * 60_000;
  }
  return null;
}

function isPart(wanted: number | undefined, found: number): boolean {
  return wanted === undefined || wanted === found;
}
