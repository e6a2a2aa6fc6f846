// The policy versions that a log tells of, and the stored sources of the active one. Read from files alone; no daemon.

import { type Activation, activationOf } from "../runtime/activation.ts";
import { parseTime } from "../runtime/clock.ts";
import { nodeDisk } from "../runtime/disk.ts";
import type { SourceText } from "../runtime/doors/protocol.ts";
import { ImageFailure, loadImage } from "../runtime/images.ts";
import type { JsonObject } from "../runtime/json.ts";
import { chainBefore, isPruned } from "../runtime/log/beginning.ts";
import { readLogId } from "../runtime/log/identity.ts";
import { type StoredRecord, visitRecords } from "../runtime/log/read.ts";
import { listSegments } from "../runtime/log/segments.ts";
import { stackPaths } from "../runtime/stack.ts";
import { driftFrom } from "./drift.ts";

export interface LoggedActivation extends Activation {
  readonly seq: number;
  /** RFC 3339, as recorded. */
  readonly time: string;
}

/** A rollout phase whose time was over: the policy decides otherwise from then on without anybody's doing. */
export interface Promotion {
  readonly seq: number;
  /** RFC 3339, as recorded. */
  readonly time: string;
  readonly agent: string;
  readonly phase: string;
  /** `enforce`, or the phase that goes on. */
  readonly next: string;
}

export interface PolicyPast {
  /** Every apply and rollback in the log's order. */
  readonly activations: readonly LoggedActivation[];
  readonly promotions: readonly Promotion[];
  /** Of the last record; 0 where there is none. */
  readonly lastSeq: number;
  readonly lastTimeUs: number;
}

/** Of a stack that was never started. */
export const noPast: PolicyPast = { activations: [], promotions: [], lastSeq: 0, lastTimeUs: 0 };

/** Empty where there is no log. Throws LogFailure. */
export async function readPolicyPast(walDir: string): Promise<PolicyPast> {
  const [activations, promotions]: [LoggedActivation[], Promotion[]] = [[], []];
  let [lastSeq, lastTimeUs] = [0, 0];
  const take = (seq: number, value: JsonObject): void => {
    if (typeof value.time !== "string") return;
    const { time, agent_id, from, to, cause } = value;
    if (value.type === "policy") {
      const activation = activationOf(value, parseTime(time) ?? 0);
      if (activation !== null) activations.push({ ...activation, seq, time });
    } else if (cause === "duration")
      promotions.push({ seq, time, agent: String(agent_id), phase: String(from), next: String(to) });
  };
  for (const { seq, value } of await archivedPolicies(walDir)) take(seq, value);
  await visitRecords(walDir, ({ seq, timeUs, type, value }) => {
    [lastSeq, lastTimeUs] = [seq, timeUs];
    if (type === "policy" || type === "phase") take(seq, value());
  });
  return { activations, promotions, lastSeq, lastTimeUs };
}

/** Every apply and rollback in the log's order; empty where there is no log. Throws LogFailure. */
export async function readActivations(walDir: string): Promise<readonly LoggedActivation[]> {
  return (await readPolicyPast(walDir)).activations;
}

/** Those of records that were pruned, as far as archives hold them; without the database that reads archives none. */
async function archivedPolicies(walDir: string): Promise<readonly StoredRecord[]> {
  const segments = listSegments(nodeDisk, walDir);
  if (!isPruned(segments)) return [];
  const { archivedRecords } = await import("../runtime/query/archived-record.ts");
  const { DuckDbMissing } = await import("../runtime/query/duck.ts");
  const beforeSeq = chainBefore(nodeDisk, segments, readLogId(nodeDisk, walDir) ?? "").seq + 1;
  try {
    return (await archivedRecords(nodeDisk, walDir, { type: "policy", beforeSeq })) ?? [];
  } catch (error) {
    if (error instanceof DuckDbMissing) return [];
    throw error;
  }
}

/** What was applied as this version. Throws ImageFailure where the stored image is missing or spoiled. */
export function storedVersion(
  dir: string,
  activation: Activation,
): { image: Uint8Array; sources: readonly SourceText[] } {
  return loadImage(stackPaths(dir).policies, activation.imageHash);
}

/** Whether the policy's files differ from the version with that image; null where what is stored is gone. */
export function driftBehind(dir: string, imageHash: string): boolean | null {
  try {
    return driftFrom(dir, loadImage(stackPaths(dir).policies, imageHash).sources);
  } catch (error) {
    if (error instanceof ImageFailure) return null;
    throw error;
  }
}
