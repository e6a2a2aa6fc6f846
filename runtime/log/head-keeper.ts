// Keeps the head file close behind the log: at rotation, every so many records, and whenever asked. One write at a time
// in the background; a failed one leaves the log going (the head is only a floor) until too many have failed in a row.
import type { TreeHead } from "./checkpoint.ts";
import type { HeadFile } from "./head.ts";

/** Records after which the head is written without being asked. */
const recordsBetweenWrites = 4096;

/** Failed writes in a row, about one a second, after which the log gives up. */
const failuresMax = 60;

export interface Acknowledged {
  readonly ackedSeq: number;
  readonly lastHash: string;
  /** the last checkpoint on disk */
  readonly tree: TreeHead | null;
}

export class HeadKeeper {
  /** failed writes in a row */
  failures = 0;
  readonly #file: HeadFile;
  readonly #segmentNumber: () => number;
  #acknowledged: Acknowledged;
  #written = { ackedSeq: -1, segment: -1 };
  #writing: Promise<void> | null = null;

  constructor(file: HeadFile, acknowledged: Acknowledged, segmentNumber: () => number) {
    this.#file = file;
    this.#acknowledged = acknowledged;
    this.#segmentNumber = segmentNumber;
  }

  get isGivenUp(): boolean {
    return this.failures >= failuresMax;
  }

  acknowledge(ackedSeq: number, lastHash: string): void {
    this.#acknowledged = { ...this.#acknowledged, ackedSeq, lastHash };
    if (ackedSeq - this.#written.ackedSeq >= recordsBetweenWrites) this.request();
  }

  /** A checkpoint is on disk. Resolves when the head tells of it, or that has failed, which is counted. */
  async sign(tree: TreeHead): Promise<void> {
    this.#acknowledged = { ...this.#acknowledged, tree };
    try {
      await this.writeNow(false);
    } catch {
      this.failures++;
    }
  }

  /** Starts a write in the background when there is something new and none is under way. */
  request(): void {
    const { ackedSeq, segment } = this.#written;
    const isNew = ackedSeq !== this.#acknowledged.ackedSeq || segment !== this.#segmentNumber();
    if (this.#writing !== null || !isNew) return;
    this.#begin(this.#write(false)).catch(() => {
      this.failures++;
    });
  }

  /** Writes now, behind any write under way. Rejects with the disk's error. */
  async writeNow(cleanStop: boolean): Promise<void> {
    while (this.#writing !== null) await this.#writing.catch(() => {});
    await this.#begin(this.#write(cleanStop));
  }

  #begin(write: Promise<void>): Promise<void> {
    this.#writing = write.finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #write(cleanStop: boolean): Promise<void> {
    const segment = this.#segmentNumber();
    const { ackedSeq } = this.#acknowledged;
    await this.#file.write({ ...this.#acknowledged, segment, cleanStop });
    this.failures = 0;
    this.#written = { ackedSeq, segment };
  }

  /** The file is closed as soon as no write is under way. */
  close(): void {
    if (this.#writing === null) this.#file.close();
    else
      void this.#writing.then(
        () => this.#file.close(),
        () => this.#file.close(),
      );
  }
}
