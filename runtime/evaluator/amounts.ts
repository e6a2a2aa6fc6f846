// What a call's arguments add to the sums that rules look back at, without the call being judged: for calls of the past.
import { Section, Shape, TRACK_ROW_BYTES } from "../../vm/shared/image.ts";
import type { ImageReader } from "./image.ts";
import { JsonNumber } from "./number.ts";
import type { Plan } from "./plans.ts";
import { follow } from "./values.ts";

/** In micro-units, as vm/history.ts reads an amount: 0 for what is no number. */
export function amountsOf(image: ImageReader, plan: Plan, args: unknown): number[] {
  const tracks = image.shapePairs(plan.index, Shape.TracksStart, Shape.TracksCount);
  return plan.sums.map((place) => {
    const track = tracks[place]?.[0] ?? 0;
    const field = image.u32(image.at(Section.Tracks) + track * TRACK_ROW_BYTES + 8) - 1;
    const found = follow(args, image.field(field).path);
    const value = found instanceof JsonNumber ? found.value : found;
    if (typeof value !== "number" || !Number.isFinite(value)) return 0;
    const micro = Math.min(Math.floor(Math.abs(value) * 1e6 + 0.5), Number.MAX_SAFE_INTEGER);
    return value < 0 && micro !== 0 ? -micro : micro;
  });
}
