// Walks the lines of one segment with a bounded buffer. It cuts at newlines and judges nothing; it never writes.
import type { DiskFile } from "../disk.ts";
import { lineLimitBytes, newline } from "./line.ts";

/** Bytes asked of the disk at a time; must hold more than one line. */
const chunkBytes = 1024 * 1024;

/**
 * `next()` moves to the next line of [from, until) and says whether there is one: then `bytes.subarray(start, end)` is
 * the line without its newline, until the next call, and `offset` its place in the file. A line longer than any record
 * is returned cut, marked by `isComplete` false; so are the bytes after the last newline. Nothing follows either.
 */
export class LineReader {
  readonly bytes: Buffer;
  start = 0;
  end = 0;
  /** of the line's first byte, from the start of the file */
  offset: number;
  isComplete = true;
  readonly #file: DiskFile;
  readonly #until: number;
  #filled = 0;
  #next = 0;
  #readAt: number;

  constructor(file: DiskFile, from: number, until: number) {
    // No more than there is to read: many small logs are walked where a large buffer each would be most of the work.
    this.bytes = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(0, until - from)));
    this.#file = file;
    this.#until = until;
    this.#readAt = from;
    this.offset = from;
  }

  next(): boolean {
    if (!this.isComplete) return false;
    let newlineAt = this.#findNewline(this.#next);
    while (newlineAt === -1) {
      const searched = this.#filled - this.#next;
      if (searched > lineLimitBytes || !this.#fill()) return this.#rest();
      newlineAt = this.#findNewline(this.#next + searched);
    }
    this.start = this.#next;
    this.end = newlineAt;
    this.offset = this.#readAt - (this.#filled - this.start);
    this.#next = newlineAt + 1;
    return true;
  }

  #findNewline(from: number): number {
    const at = this.bytes.indexOf(newline, from);
    return at < this.#filled ? at : -1;
  }

  /** The bytes without a newline, once. */
  #rest(): boolean {
    this.isComplete = false;
    this.start = this.#next;
    this.end = this.#filled;
    this.offset = this.#readAt - (this.#filled - this.start);
    return this.end > this.start;
  }

  #fill(): boolean {
    if (this.#next > 0) {
      this.bytes.copyWithin(0, this.#next, this.#filled);
      this.#filled -= this.#next;
      this.#next = 0;
    }
    const wanted = Math.min(this.bytes.length - this.#filled, this.#until - this.#readAt);
    const taken = wanted <= 0 ? 0 : this.#file.read(this.bytes, this.#filled, wanted, this.#readAt);
    this.#filled += taken;
    this.#readAt += taken;
    return taken > 0;
  }
}
