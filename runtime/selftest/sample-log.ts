// A log of records like those of real work, for trying out what becomes of it: signed, in several segments, stopped in order.
import type { Disk } from "../disk.ts";
import { KeyFiles } from "../key-files.ts";
import { Log } from "../log/log.ts";
import type { LogOptions } from "../log/options.ts";
import type { LogEntryInput } from "../log/record.ts";

/** Records of about 300 bytes: some twenty a segment. */
export const sampleSegmentBytes = 8192;

/** Where a log and its keys stand. */
export interface LogPlace {
  readonly disk: Disk;
  readonly walDir: string;
  readonly keyDir: string;
}

export function openSample({ disk, walDir, keyDir }: LogPlace, more: Partial<LogOptions> = {}): Promise<Log> {
  const keys = new KeyFiles(disk, keyDir);
  return Log.open({ dir: walDir, durability: "group", disk, keys, segmentBytes: sampleSegmentBytes, ...more });
}

/** One that nothing is decided by: a mark, with text as long as a call's. */
export function sampleRecord(number: number): LogEntryInput {
  const detail = {
    number,
    tool: "stripe/refunds/create",
    args: { amount: number / 100, note: `order ${number} – “late”` },
  };
  return { type: "mark", policy_version: null, policy_hash: null, body: { kind: "selftest", detail } };
}

/** Appends `count` records, each waited for, and closes. */
export async function writeSample(place: LogPlace, count: number): Promise<Log> {
  const log = await openSample(place);
  for (let i = 1; i <= count; i++) {
    await log.durable(log.append(sampleRecord(i)).seq);
    if (i === count >> 1) await log.checkpoint("asked");
  }
  await log.close();
  return log;
}
