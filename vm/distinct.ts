// Budgets that count different values: which value a call has, by its SHA-256, and whether it was counted in the window before. A
// value that is counted is a meter of its own, kept until the window ends; none is let go before that.
import * as image from "./image";
import * as limits from "./limits";
import * as memoryMap from "./memory";
import * as meters from "./meters";
import { sha256Begin, sha256End, sha256Update } from "./sha256";
import { DIGEST_BYTES } from "./shared/abi";
import { Budget, BUDGET_THIRD_FIELD, CostKind } from "./shared/image";
import { Kind, SLOT_BYTES } from "./shared/isa";

/** Kind and, of a number or a truth, eight bytes. */
const head: u32 = <u32>memory.data(16, 16);

@inline
function digestAt(place: u32): u32 {
  return memoryMap.digests + place * DIGEST_BYTES;
}

@inline
function isNoted(place: u32): bool {
  return load<f64>(memoryMap.costs + ((place + 1) << 3)) > 0;
}

@inline
export function counts(budget: u32): bool {
  return load<u8>(image.budgets + budget * 64, Budget.CostKind) == CostKind.Distinct;
}

/** Notes the digest of the call's value: 1; 0 when it has none, -1 when what it has cannot be counted. `place`: among the plan's budgets. */
export function noteValue(budget: u32, place: u32): i64 {
  const row = image.budgets + budget * 64;
  let slot = slotOf(load<u32>(row, Budget.CostField) + 1);
  if (isAbsent(slot)) slot = slotOf(load<u32>(row, Budget.SecondField));
  if (isAbsent(slot)) slot = slotOf(load<u32>(row, BUDGET_THIRD_FIELD));
  if (isAbsent(slot)) return 0;
  const kind: i32 = load<i32>(slot);
  const isText = kind == Kind.String;
  if (!isText && kind != Kind.Number && kind != Kind.Bool) return -1;
  store<u64>(head, kind);
  // 0 and -0 are one number.
  if (kind == Kind.Number) store<f64>(head, load<f64>(slot, 8) + 0.0, 8);
  else store<u64>(head, isText ? 0 : load<u32>(slot, 8), 8);
  sha256Begin();
  sha256Update(head, 16);
  if (isText) sha256Update(load<u32>(slot, 8), load<u32>(slot, 4));
  sha256End(digestAt(place));
  return 1;
}

/** 0 for field 0, which is none: fields are counted from 1 here. */
@inline
function slotOf(field: u32): u32 {
  return field == 0 ? 0 : memoryMap.slots + (field - 1) * SLOT_BYTES;
}

@inline
function isAbsent(slot: u32): bool {
  return slot == 0 || load<i32>(slot) == Kind.Missing || load<i32>(slot) == Kind.Null;
}

/** Whether the value at that place was counted in the window that holds `now`. */
export function isKnown(budget: u32, place: u32, now: i64): bool {
  meters.keyOfValue(budget, digestAt(place));
  const meter = meters.find();
  return meter != 0 && !meters.isStale(meter, now);
}

/** Makes the key of the value at that place; false where there is none to count. */
export function keyOfNoted(budget: u32, place: u32): bool {
  if (!counts(budget) || !isNoted(place)) return false;
  meters.keyOfValue(budget, digestAt(place));
  return true;
}

/** Counts the value at that place, once in a window. */
export function takeValue(budget: u32, place: u32, now: i64): void {
  const isNew = isNoted(place) && !isKnown(budget, place, now);
  meters.keyOfBudget(budget);
  limits.takeBudget(budget, 0, isNew ? 1 : 0, now);
  if (!isNew) return;
  meters.keyOfValue(budget, digestAt(place));
  store<i64>(meters.findOrAdd(), limits.windowEnd(budget, now), meters.C);
}
