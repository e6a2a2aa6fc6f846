// The active segment: where records are written, and its rotation. One owner; after the first error it must not be
// used again, because what is on disk is then unknown.
import { join } from "node:path";
import { type Disk, type DiskFile, writeAll } from "../disk.ts";
import { LogFailure } from "./failure.ts";
import { segmentFileName, segmentNumberMax } from "./segments.ts";

export interface ActiveState {
  readonly number: number;
  readonly sizeBytes: number;
  /** wall time of its first record, null while it has none */
  readonly firstUs: number | null;
}

export class ActiveSegment {
  number: number;
  sizeBytes: number;
  firstUs: number | null;
  readonly #disk: Disk;
  readonly #dir: string;
  #file: DiskFile;
  #identity: { readonly device: bigint; readonly inode: bigint };

  /** Opens the segment, or creates it durably when `state` is null (the first of a new log). */
  constructor(disk: Disk, dir: string, state: ActiveState | null) {
    this.#disk = disk;
    this.#dir = dir;
    this.number = state?.number ?? 1;
    this.sizeBytes = state?.sizeBytes ?? 0;
    this.firstUs = state?.firstUs ?? null;
    this.#file = state === null ? this.#create(1) : disk.open(this.#path(), "append");
    this.#identity = this.#file.identity();
  }

  #path(): string {
    return join(this.#dir, segmentFileName(this.number));
  }

  #create(number: number): DiskFile {
    const file = this.#disk.open(join(this.#dir, segmentFileName(number)), "create");
    try {
      file.sync();
      this.#disk.syncDirectory(this.#dir);
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  write(bytes: Uint8Array, firstUs: number): void {
    writeAll(this.#file, bytes);
    this.sizeBytes += bytes.length;
    this.firstUs ??= firstUs;
  }

  dataSync(): Promise<void> {
    return this.#file.dataSync();
  }

  /**
   * Seals this segment, synced, and begins the next. A crash after the creation leaves an empty last segment, which the
   * next start continues.
   */
  async rotate(): Promise<void> {
    if (this.number >= segmentNumberMax) throw new Error(`the log has ${segmentNumberMax} segments`);
    await this.#file.dataSync();
    const sealed = this.#file;
    // Where the next cannot be made, this one stays what is written to, and what is closed.
    this.#file = this.#create(this.number + 1);
    this.#identity = this.#file.identity();
    sealed.close();
    this.number++;
    this.sizeBytes = 0;
    this.firstUs = null;
  }

  /** Whether the file at the segment's path is still the one written to; the failure when it is not. */
  replacement(): LogFailure | null {
    const segment = segmentFileName(this.number);
    const found = this.#disk.identity(this.#path());
    if (found === null) return new LogFailure("AUDIT_UNAVAILABLE", `${segment} was removed`, { segment });
    if (found.device !== this.#identity.device || found.inode !== this.#identity.inode) {
      return new LogFailure("AUDIT_UNAVAILABLE", `${segment} was replaced by another file`, { segment });
    }
    if (found.sizeBytes !== this.sizeBytes) {
      const message = `${segment} has ${found.sizeBytes} bytes where ${this.sizeBytes} were written`;
      return new LogFailure("AUDIT_UNAVAILABLE", message, { segment });
    }
    return null;
  }

  close(): void {
    this.#file.close();
  }
}
