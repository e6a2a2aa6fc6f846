// One sink's way through the log: every durable record once it stands there, in order, at least once. What was taken is kept beside the
// log; what was not is sent again. It must never make a decision wait, nor pass over a record without saying so.
import type { Logger } from "pino";
import { type Disk, readWhole, replaceFile } from "../disk.ts";
import { type JsonObject, parseJson } from "../json.ts";
import { tailRecords } from "../log/read.ts";
import type { Keeper } from "../providers/keeper.ts";
import { ProviderFailure } from "../providers/provider.ts";

/** Of one batch: whichever is reached first. */
export const batchRecordsMax = 256;
export const batchBytesMax = 1024 * 1024;
const emitTimeoutMs = 30_000;
const pauseMs = 1000;
const longestPauseMs = 300_000;
const fileLimitBytes = 4096;

export interface SinkAround {
  readonly name: string;
  readonly keeper: () => Keeper | null;
  readonly walDir: string;
  /** Where the sink keeps its place. */
  readonly path: string;
  readonly disk: Disk;
  readonly journal: Logger;
  /** Resolves when the record is on disk; rejects where it never will be. */
  durable(seq: number): Promise<void>;
  /** Of the last record. */
  lastSeq(): number;
}

export class Sink {
  readonly #around: SinkAround;
  readonly #end = new AbortController();
  readonly #done: Promise<void>;
  #batch: string[] = [];
  #batchBytes = 0;
  #batchSeq = 0;
  /** The last record that was taken. */
  #seq: number;
  #sending: Promise<void> | null = null;
  #failures = 0;
  #why: string | null = null;
  #missed: string | null = null;

  /** `from`: the record to begin behind where the sink has no place yet. */
  constructor(around: SinkAround, from: number) {
    this.#around = around;
    this.#seq = this.#kept() ?? from;
    this.#done = this.#run();
  }

  get name(): string {
    return this.#around.name;
  }

  /** Sentences for `status`. */
  notices(): readonly string[] {
    const behind = this.#around.lastSeq() - this.#seq;
    const why = this.#why === null ? "" : `: ${this.#why}`;
    const missed = this.#missed === null ? [] : [this.#missed];
    return this.#why === null ? missed : [...missed, `sink ${this.name}: ${behind} records wait${why}`];
  }

  /** Call about once a second: what is there goes out, full batch or not. */
  tick(): void {
    if (this.#batch.length > 0) void this.#flush();
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#done;
  }

  /** Null where nothing is kept, or nothing that can be read. */
  #kept(): number | null {
    const { disk, path, journal } = this.#around;
    if (disk.identity(path) === null) return null;
    const parsed = parseJson(readWhole(disk, path, fileLimitBytes));
    const seq = parsed.ok ? Reflect.get(Object(parsed.value), "seq") : null;
    if (typeof seq === "number" && Number.isSafeInteger(seq) && seq >= 0) return seq;
    journal.error({ sink: this.name }, "the place of a sink cannot be read: it begins anew");
    return 0;
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#why = "the log cannot be read";
        this.#around.journal.error({ err: error, sink: this.name }, "a sink cannot read the log");
      }
      this.#drop();
      await this.#pause(pauseMs);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { walDir, disk } = this.#around;
    let expected = this.#seq + 1;
    for await (const record of tailRecords(walDir, { fromSeq: expected, disk, signal })) {
      if (record.seq > expected)
        this.#missed = `sink ${this.name}: records ${expected} to ${record.seq - 1} were pruned before they were sent`;
      expected = record.seq + 1;
      // What a loss of power could take back must not be told.
      await this.#around.durable(record.seq);
      const line = Buffer.from(record.line).toString("utf8");
      if (this.#batch.length > 0 && this.#batchBytes + line.length > batchBytesMax) await this.#flush();
      this.#batch.push(line);
      this.#batchBytes += line.length;
      this.#batchSeq = record.seq;
      if (this.#batch.length >= batchRecordsMax) await this.#flush();
      // While one batch is on its way no second one is gathered.
      else if (this.#sending !== null) await this.#sending;
      if (signal.aborted) return;
    }
  }

  #drop(): void {
    this.#batch = [];
    this.#batchBytes = 0;
  }

  #flush(): Promise<void> {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = null;
    });
    return this.#sending;
  }

  /** Until it is taken, or the sink ends. */
  async #send(): Promise<void> {
    const [batch, seq] = [this.#batch, this.#batchSeq];
    while (!this.#end.signal.aborted) {
      const why = await this.#emitted(batch);
      if (why === null) {
        this.#drop();
        this.#seq = seq;
        this.#failures = 0;
        this.#why = null;
        this.#keep();
        return;
      }
      this.#failures++;
      this.#why = why;
      await this.#pause(Math.min(pauseMs * 2 ** Math.min(this.#failures - 1, 20), longestPauseMs));
    }
  }

  async #emitted(batch: readonly string[]): Promise<string | null> {
    const keeper = this.#around.keeper();
    if (keeper === null) return "there is no such provider";
    try {
      await keeper.ask(emitTimeoutMs, async (provider) => {
        if (provider.emit === undefined) throw new ProviderFailure("REFUSED", "it takes no records");
        await provider.emit(batch);
      });
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** A place that is not kept costs records that are sent twice, and nothing else. */
  #keep(): void {
    const { disk, path, journal } = this.#around;
    try {
      const place: JsonObject = { seq: this.#seq };
      replaceFile(disk, path, Buffer.from(`${JSON.stringify(place)}\n`));
    } catch (error) {
      journal.error({ err: error, sink: this.name }, "the place of a sink could not be kept");
    }
  }

  #pause(durationMs: number): Promise<void> {
    const { signal } = this.#end;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, durationMs);
      signal.addEventListener("abort", finish);
    });
  }
}
