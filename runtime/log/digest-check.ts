// Whether digest.key is the key that made the digests of the calls on record. It finds no fault: a digest is also made of
// what a record does not keep, so one that does not match proves nothing, while one that does proves the key.
import type { Disk } from "../disk.ts";
import { canonicalJson, type Json, type JsonObject } from "../json.ts";
import { LogFailure } from "./failure.ts";
import { canonicalCall, readDigestKey, requestDigest } from "./identity.ts";
import { digestKeyFileName } from "./segments.ts";

/** Decisions read of one run of the daemon: one that matches is enough, and reading a whole record costs. */
const readMax = 1000;

/** Runs of the daemon that are told of one by one. */
const toldMax = 16;

/** Their calls always have an http part, which no record keeps whole. */
const httpDoors: ReadonlySet<unknown> = new Set(["forward-proxy", "reverse-proxy"]);

export interface DigestReport {
  /** for the user: what is seen that may be a fault and may be none */
  readonly notes: readonly string[];
  readonly notChecked: readonly string[];
}

/** Of one run of the daemon, from a checkpoint at its start to the next. */
interface Run {
  read: number;
  compared: number;
  isProven: boolean;
  firstSeq: number;
  lastSeq: number;
}

const freshRun = (): Run => ({ read: 0, compared: 0, isProven: false, firstSeq: 0, lastSeq: 0 });

export class DigestCheck {
  readonly #key: Uint8Array | null;
  readonly #lack: string;
  readonly #notes: string[] = [];
  #run = freshRun();
  #comparable = 0;
  #unproven = 0;

  /** Reads the key; one that is missing or unusable is told of at the end. Throws what the disk does. */
  constructor(disk: Disk, dir: string) {
    let key: Uint8Array | null = null;
    let lack = `${digestKeyFileName} is not there`;
    try {
      key = readDigestKey(disk, dir);
    } catch (error) {
      if (!(error instanceof LogFailure)) throw error;
      lack = error.message;
    }
    this.#key = key;
    this.#lack = lack;
  }

  /** Takes every record in order; `value` is called for few of them. */
  record(head: JsonObject, value: () => JsonObject): void {
    if (head.type === "checkpoint" && value().cause === "start") this.#endRun();
    if (head.type !== "decision" || this.#run.isProven || this.#run.read >= readMax) return;
    this.#run.read++;
    const made = canonicalOf(value());
    if (made === null) return;
    this.#comparable++;
    if (this.#key === null) return;
    const seq = Number(head.seq);
    if (this.#run.compared === 0) this.#run.firstSeq = seq;
    this.#run.lastSeq = seq;
    this.#run.compared++;
    this.#run.isProven = requestDigest(this.#key, made.canonical) === made.digest;
  }

  #endRun(): void {
    const { compared, isProven, firstSeq, lastSeq } = this.#run;
    this.#run = freshRun();
    if (compared === 0 || isProven) return;
    if (++this.#unproven > toldMax) return;
    const of =
      compared === 1 ? `of record ${firstSeq}` : `of ${compared} decisions in records ${firstSeq} to ${lastSeq}`;
    this.#notes.push(
      `${digestKeyFileName} does not make the digests ${of}: it was changed, or those calls had parts that no record keeps`,
    );
  }

  /** After the last record. */
  finish(): DigestReport {
    this.#endRun();
    const more = this.#unproven - toldMax;
    const notes = more > 0 ? [...this.#notes, `and so in ${more} more runs of the daemon`] : this.#notes;
    const isLacking = this.#key === null && this.#comparable > 0;
    return { notes, notChecked: isLacking ? [`digests of requests: ${this.#lack}`] : [] };
  }
}

/** What a decision's digest was made of; null where the record does not hold all of it. */
function canonicalOf(record: JsonObject): { readonly canonical: string; readonly digest: string } | null {
  const { agent_id, tool, args, request_digest, redacted, door, inputs } = record;
  if (typeof request_digest !== "string" || request_digest === "") return null;
  if (typeof agent_id !== "string" || typeof tool !== "string" || httpDoors.has(door) || has(inputs, "http"))
    return null;
  const isWhole = Array.isArray(redacted) && redacted.length === 0 && !has(args, "$redacted");
  if (args === undefined || !isWhole) return null;
  return { canonical: canonicalCall(agent_id, tool, canonicalJson(args), null), digest: request_digest };
}

function has(value: Json | undefined, key: string): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key);
}
