// The policy versions that a log tells of, and the stored sources of the active one. Read from files alone; no daemon.

import { type Activation, activationOf } from "../runtime/activation.ts";
import { parseTime } from "../runtime/clock.ts";
import type { SourceText } from "../runtime/doors/protocol.ts";
import { loadImage } from "../runtime/images.ts";
import { readRecords } from "../runtime/log/read.ts";
import { stackPaths } from "../runtime/stack.ts";

export interface LoggedActivation extends Activation {
  readonly seq: number;
  /** RFC 3339, as recorded. */
  readonly time: string;
}

/** Every apply and rollback in the log's order; empty where there is no log. Throws LogFailure. */
export async function readActivations(walDir: string, onRecord?: (seq: number) => void): Promise<LoggedActivation[]> {
  const list: LoggedActivation[] = [];
  for await (const { value, seq } of readRecords(walDir)) {
    onRecord?.(seq);
    if (value.type !== "policy" || typeof value.time !== "string") continue;
    const activation = activationOf(value, parseTime(value.time) ?? 0);
    if (activation !== null) list.push({ ...activation, seq, time: value.time });
  }
  return list;
}

/** What was applied as this version. Throws ImageFailure where the stored image is missing or spoiled. */
export function storedVersion(
  dir: string,
  activation: Activation,
): { image: Uint8Array; sources: readonly SourceText[] } {
  return loadImage(stackPaths(dir).policies, activation.imageHash);
}
