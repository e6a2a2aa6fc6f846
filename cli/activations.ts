// The policy versions that a log tells of, in its order.
import { activationOf } from "../runtime/policy.ts";
import type { JsonObject } from "../runtime/json.ts";
import { parseTime } from "../runtime/clock.ts";
import { readRecords } from "../runtime/log/read.ts";

export interface ListedActivation {
  readonly number: number;
  readonly policyHash: string;
  readonly imageHash: string;
  readonly actor: string;
  readonly change: string;
  readonly summary: string;
  /** RFC 3339, as recorded. */
  readonly time: string;
}

/** Empty where there is no log yet. */
export async function readActivations(walDir: string): Promise<ListedActivation[]> {
  const list: ListedActivation[] = [];
  for await (const { value } of readRecords(walDir)) {
    const record = value as JsonObject;
    if (record.type !== "policy" || typeof record.time !== "string") continue;
    const activation = activationOf(record, parseTime(record.time) ?? 0);
    if (activation !== null) list.push({ ...activation, time: record.time });
  }
  return list;
}
