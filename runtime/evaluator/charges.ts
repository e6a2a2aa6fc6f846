// What a permit took from budgets and sums, read from the machine's cells and written back to them when a log is read: money by
// budget, and beside it what counters of bytes and of different values took. The two directions stand together.
import { DIGEST_BYTES } from "../../vm/shared/abi.ts";
import { CostKind } from "../../vm/shared/image.ts";
import type { ImageReader } from "./image.ts";
import type { Machine } from "./machine.ts";
import { amountCell, type Plan } from "./plans.ts";
import type { Charges, Counted } from "./types.ts";

/** In hex. */
const DIGEST_TEXT = /^[0-9a-f]{64}$/;

export function readCharges(machine: Machine, image: ImageReader, plan: Plan, limits: number): Charges {
  const costs = (machine.costs >> 3) + 1;
  const budgets: { id: string; cost_micro: number }[] = [];
  const counted: Counted[] = [];
  for (const [i, budget] of plan.budgets.entries()) {
    const amount = machine.numbers[costs + i] ?? 0;
    const kind = plan.costKinds[i];
    if (kind === CostKind.Size) counted.push(amount);
    else if (kind === CostKind.Distinct) counted.push(amount === 0 ? null : digestText(machine, i));
    else budgets.push({ id: image.budgetId(budget), cost_micro: amount });
  }
  const sums = plan.sums.map((place) => machine.numbers[amountCell(machine, place)] ?? 0);
  return {
    budgets,
    limits,
    ...(sums.length === 0 ? {} : { sums }),
    ...(counted.length === 0 ? {} : { counted }),
  };
}

/** Puts them back. Throws RangeError for what no decision took; what is missing counts as 0. */
export function writeCharges(
  machine: Machine,
  plan: Plan,
  costsMicro: readonly number[],
  sumsMicro: readonly number[],
  counted: readonly Counted[],
): void {
  const cell = (machine.costs >> 3) + 1;
  let [costsRead, countedRead] = [0, 0];
  for (const [i, kind] of plan.costKinds.entries()) {
    if (kind === CostKind.Distinct) {
      const digest = counted[countedRead++] ?? null;
      machine.numbers[cell + i] = digest === null ? 0 : 1;
      if (digest !== null) writeDigest(machine, i, digest);
    } else {
      const amount = kind === CostKind.Size ? (counted[countedRead++] ?? 0) : (costsMicro[costsRead++] ?? 0);
      if (!Number.isSafeInteger(amount) || Number(amount) < 0) throw noDecision();
      machine.numbers[cell + i] = Number(amount);
    }
  }
  for (const [i, place] of plan.sums.entries()) {
    const amount = sumsMicro[i] ?? 0;
    if (!Number.isSafeInteger(amount)) throw noDecision();
    machine.numbers[amountCell(machine, place)] = amount;
  }
}

export function noDecision(): RangeError {
  return new RangeError("a record of the log holds a session, time, cost or sum that no decision had");
}

function digestText(machine: Machine, place: number): string {
  const at = machine.digests + place * DIGEST_BYTES;
  return Array.from(machine.bytes.subarray(at, at + DIGEST_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}

function writeDigest(machine: Machine, place: number, text: Counted): void {
  if (typeof text !== "string" || !DIGEST_TEXT.test(text)) throw noDecision();
  const at = machine.digests + place * DIGEST_BYTES;
  for (let i = 0; i < DIGEST_BYTES; i++) machine.bytes[at + i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
}
