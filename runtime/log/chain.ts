// The chain: whether the next line is the record that follows the one before. Recovery, reading and verification all
// ask here, so that they cannot disagree. It holds no file and never writes.
import { parseTime } from "../clock.ts";
import type { Json, JsonObject } from "../json.ts";
import { checkLine, genesisHash, type LineFault } from "./line.ts";
import { recordTypes, recordVersion } from "./record.ts";

const knownTypes: ReadonlySet<Json | undefined> = new Set(recordTypes);

export type ChainStep =
  | { readonly ok: true; readonly value: JsonObject }
  /** `intact`: the line has its hash, so it was once written so; it only stands in the wrong place */
  | { readonly ok: false; readonly intact: boolean; readonly fault: LineFault };

export class Chain {
  readonly logId: string;
  seq: number;
  hash: string;
  /** RFC 3339 time of the last record, "" before the first */
  time = "";

  /** Starts at genesis, or behind a record already checked. */
  constructor(logId: string, seq = 0, hash: string = genesisHash(logId)) {
    this.logId = logId;
    this.seq = seq;
    this.hash = hash;
  }

  /** Checks the line at [start, end) of `bytes` (see `entryHash`) and, when it follows, moves on to it. */
  step(bytes: Buffer, start: number, end: number): ChainStep {
    const line = checkLine(bytes, start, end);
    if (!line.ok) return { ok: false, intact: false, fault: line.fault };
    const fault = this.#placeFault(line.value);
    if (fault !== null) return { ok: false, intact: true, fault };
    this.seq++;
    this.hash = line.hash;
    this.time = line.value.time as string;
    return { ok: true, value: line.value };
  }

  #placeFault(value: JsonObject): LineFault | null {
    const expected: readonly (readonly [string, Json])[] = [
      ["v", recordVersion],
      ["log_id", this.logId],
      ["seq", this.seq + 1],
      ["prev", this.hash],
    ];
    for (const [field, wanted] of expected) {
      if (value[field] !== wanted) return fieldFault(field, String(wanted), value[field]);
    }
    if (!knownTypes.has(value.type)) return fieldFault("type", recordTypes.join(" | "), value.type);
    const { time } = value;
    if (typeof time !== "string" || parseTime(time) === undefined) return fieldFault("time", "RFC 3339, UTC, µs", time);
    // Texts of one form sort as their times do.
    if (time < this.time) return fieldFault("time", `not before ${this.time}`, time);
    return null;
  }
}

function fieldFault(field: string, expected: string, found: Json | undefined): LineFault {
  const shown = found === undefined ? "nothing" : String(found).slice(0, 100);
  return { field, expected, found: shown, message: `the record's ${field} does not continue the log` };
}
