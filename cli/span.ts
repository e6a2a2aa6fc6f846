// `--since 24h`: a stretch of time before now, or a moment, as the start of a window. It refuses what could be read in
// two ways.
import { formatTime, parseTime, systemClock } from "../runtime/clock.ts";
import { secondsOf } from "../runtime/duration.ts";
import { exits, Stop } from "./exit.ts";
import { visible } from "./render.ts";

/** Microseconds since 1970, and the same as RFC 3339. Throws Stop. */
export function windowStart(since: string, option = "--since"): { readonly us: number; readonly time: string } {
  const seconds = secondsOf(since);
  const nowUs = systemClock.now().wallUs;
  const us = seconds === null ? momentOf(since) : Math.max(0, nowUs - seconds * 1_000_000);
  if (us === null) {
    throw new Stop(
      `${option} \`${visible(since)}\` is no span of time`,
      `for instance: ${option} 24h, ${option} 7d, ${option} 2026-05-17T19:30:00Z`,
      exits.usage,
    );
  }
  return { us, time: formatTime(Math.floor(us)) };
}

/** A full date and time in UTC; anything shorter would need a time zone guessed. */
export function momentOf(text: string): number | null {
  const whole = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text);
  if (whole === null) return null;
  return parseTime(`${whole[1]}.${(whole[2] ?? "").padEnd(6, "0")}Z`) ?? null;
}
