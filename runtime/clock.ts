// The only clock of the runtime. Wall time here never goes back: it is the highest time seen, and a reading says so
// when the system's clock is behind it. It must never be bypassed with Date.now() elsewhere.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

export interface Reading {
  /** microseconds since 1970 UTC, never less than any earlier reading */
  readonly wallUs: number;
  /** microseconds of the machine's monotonic clock, comparable only within one `bootId` */
  readonly monoUs: number;
  /** the system's wall clock is behind a time already seen (B01) */
  readonly timeRegression: boolean;
}

export interface Clock {
  /** names the run of the machine that `monoUs` counts in */
  readonly bootId: string;
  now(): Reading;
  /** Raises the floor of wall time, for instance to the time of the last record of a log. */
  observe(wallUs: number): void;
}

/** What the system offers: wall milliseconds, monotonic microseconds. Tests put their own here. */
export interface ClockSource {
  wallMs(): number;
  monoUs(): number;
}

const systemSource: ClockSource = {
  wallMs: () => Date.now(),
  monoUs: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1_000_000 + Math.floor(nanoseconds / 1000);
  },
};

const bootIdPath = "/proc/sys/kernel/random/boot_id";

/** The kernel's boot id, or where there is none a UUID for the life of this process. */
function readBootId(): string {
  try {
    const text = readFileSync(bootIdPath, "utf8").trim();
    if (/^[0-9a-f-]{36}$/.test(text)) return text;
  } catch {
    // Not Linux, or /proc is hidden: a random id only narrows what monotonic times are compared.
  }
  return randomUUID();
}

export class SystemClock implements Clock {
  readonly bootId: string;
  readonly #source: ClockSource;
  /** wall minus monotonic, kept so that the sum stays within the millisecond that the system shows */
  #offsetUs = Number.NaN;
  #highestUs = 0;

  constructor(source: ClockSource = systemSource, bootId: string = readBootId()) {
    this.#source = source;
    this.bootId = bootId;
  }

  now(): Reading {
    const wallMs = this.#source.wallMs();
    const monoUs = this.#source.monoUs();
    let estimateUs = monoUs + this.#offsetUs;
    if (!(estimateUs >= wallMs * 1000)) estimateUs = wallMs * 1000;
    else if (estimateUs > wallMs * 1000 + 999) estimateUs = wallMs * 1000 + 999;
    this.#offsetUs = estimateUs - monoUs;
    const timeRegression = estimateUs < this.#highestUs;
    if (!timeRegression) this.#highestUs = estimateUs;
    return { wallUs: this.#highestUs, monoUs, timeRegression };
  }

  observe(wallUs: number): void {
    if (wallUs > this.#highestUs) this.#highestUs = wallUs;
  }
}

/** The clock of this process. */
export const systemClock: Clock = new SystemClock();

/** Nanoseconds of the machine's monotonic clock, for lengths of time below a microsecond. */
export function monotonicNs(): bigint {
  return process.hrtime.bigint();
}

/** The start of the year 10000: RFC 3339 has four digits for the year. */
const tooLateUs = 253_402_300_800_000_000;

let cachedSecond = -1;
let cachedPrefix = "";

/** RFC 3339 in UTC with six digits of fraction, so that texts sort as times do. Throws RangeError outside 0-9999. */
export function formatTime(wallUs: number): string {
  if (!(wallUs >= 0 && wallUs < tooLateUs)) throw new RangeError(`no RFC 3339 time for ${wallUs} microseconds`);
  const second = Math.floor(wallUs / 1_000_000);
  if (second !== cachedSecond) {
    // toISOString costs more than the rest of a line's header; most records share their second with the one before.
    cachedPrefix = new Date(second * 1000).toISOString().slice(0, 20);
    cachedSecond = second;
  }
  const micros = Math.floor(wallUs - second * 1_000_000);
  return `${cachedPrefix}${String(1_000_000 + micros).slice(1)}Z`;
}

let parsedPrefix = "";
let parsedMs = 0;

/** Microseconds of a time written by `formatTime`; undefined for any other text. */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text)) return undefined;
  const prefix = text.slice(0, 19);
  // As above: records in a row share their second.
  if (prefix !== parsedPrefix) {
    const wallMs = Date.parse(`${prefix}Z`);
    // Date.parse takes 24:00:00; one instant has one text here.
    if (!Number.isFinite(wallMs) || !new Date(wallMs).toISOString().startsWith(prefix)) return undefined;
    parsedPrefix = prefix;
    parsedMs = wallMs;
  }
  return parsedMs * 1000 + Number(text.slice(20, 26));
}
