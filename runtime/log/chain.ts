// The chain: whether the next line is the record that follows the one before. Recovery, reading and verification all
// ask here, so that they cannot disagree. It holds no file and never writes.
import { parseTime } from "../clock.ts";
import type { Json, JsonObject } from "../json.ts";
import { checkBytes, checkLine, genesisHash, type LineFault, prefixBytes } from "./line.ts";
import { recordTypes, recordVersion } from "./record.ts";
import { type MemberName, memberOfScanned, scanRecord, valueOfScanned } from "./scan.ts";

const knownTypes: ReadonlySet<Json | undefined> = new Set(recordTypes);

/** The line follows the one before. */
export interface GoodStep {
  readonly ok: true;
  /** members of the header, and action_id; what else is there is in no case to be relied on */
  readonly head: JsonObject;
  /** the whole record; to be called before the bytes change */
  readonly value: () => JsonObject;
  /** one of its members, fractions as doubles; to be called before the next step */
  readonly member: (name: MemberName) => Json | undefined;
}

export type ChainStep =
  | GoodStep
  /** `intact`: the line has its hash, so it was once written so; it only stands in the wrong place */
  | { readonly ok: false; readonly intact: boolean; readonly fault: LineFault };

export class Chain {
  readonly logId: string;
  seq: number;
  hash: string;
  /** RFC 3339 time of the last record, "" before the first */
  time = "";
  /** the same in microseconds since 1970; 0 before the first */
  timeUs = 0;

  /** Starts at genesis, or behind a record already checked. */
  constructor(logId: string, seq = 0, hash: string = genesisHash(logId)) {
    this.logId = logId;
    this.seq = seq;
    this.hash = hash;
  }

  /** Checks the line at [start, end) of `bytes` (see `entryHash`) and, when it follows, moves on to it. */
  step(bytes: Buffer, start: number, end: number): ChainStep {
    const checked = checkBytes(bytes, start, end);
    if (!checked.ok) return { ok: false, intact: false, fault: checked.fault };
    const scanned = scanRecord(bytes, start + prefixBytes, end);
    if (scanned !== null) {
      return this.#follow(
        scanned.head,
        checked.hash,
        () => valueOfScanned(bytes, start, end, scanned),
        (name) => memberOfScanned(bytes, name),
      );
    }
    const line = checkLine(bytes, start, end);
    if (!line.ok) return { ok: false, intact: false, fault: line.fault };
    return this.#follow(
      line.value,
      line.hash,
      () => line.value,
      (name) => line.value[name],
    );
  }

  #follow(
    head: JsonObject,
    hash: string,
    value: () => JsonObject,
    member: (name: MemberName) => Json | undefined,
  ): ChainStep {
    const fault = this.#placeFault(head);
    if (fault !== null) return { ok: false, intact: true, fault };
    this.seq++;
    this.hash = hash;
    this.time = head.time as string;
    return { ok: true, head, value, member };
  }

  #placeFault(value: JsonObject): LineFault | null {
    if (value.v !== recordVersion) return fieldFault("v", String(recordVersion), value.v);
    if (value.log_id !== this.logId) return fieldFault("log_id", this.logId, value.log_id);
    if (value.seq !== this.seq + 1) return fieldFault("seq", String(this.seq + 1), value.seq);
    if (value.prev !== this.hash) return fieldFault("prev", this.hash, value.prev);
    if (!knownTypes.has(value.type)) return fieldFault("type", recordTypes.join(" | "), value.type);
    const { time } = value;
    const timeUs = typeof time === "string" ? parseTime(time) : undefined;
    if (typeof time !== "string" || timeUs === undefined) return fieldFault("time", "RFC 3339, UTC, µs", time);
    // Texts of one form sort as their times do.
    if (time < this.time) return fieldFault("time", `not before ${this.time}`, time);
    this.timeUs = timeUs;
    return null;
  }
}

function fieldFault(field: string, expected: string, found: Json | undefined): LineFault {
  const shown = found === undefined ? "nothing" : String(found).slice(0, 100);
  return { field, expected, found: shown, message: `the record's ${field} does not continue the log` };
}
