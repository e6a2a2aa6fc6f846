// A file of lines that grows to a size, is then moved to `<name>.1`, over the one before, and begun anew.
import { type DiskFile, hasErrorCode, nodeDisk, writeAll } from "./disk.ts";

/** A file that is moved aside, over the one before, when it has its size. */
export class RotatedFile {
  readonly #path: string;
  readonly #limitBytes: number;
  #file: DiskFile | null = null;
  #sizeBytes = 0;

  constructor(path: string, limitBytes: number) {
    this.#path = path;
    this.#limitBytes = limitBytes;
  }

  /** A line that cannot be written is lost: the daemon serves on, and the audit log is what must not fail. */
  write(line: string | Uint8Array): void {
    try {
      const file = this.#open();
      const bytes = typeof line === "string" ? Buffer.from(line) : line;
      writeAll(file, bytes);
      this.#sizeBytes += bytes.length;
    } catch {
      this.#file = null;
    }
  }

  reopen(): void {
    this.#file?.close();
    this.#file = null;
  }

  #open(): DiskFile {
    if (this.#file !== null && this.#sizeBytes < this.#limitBytes) return this.#file;
    this.#file?.close();
    this.#file = null;
    const existing = nodeDisk.identity(this.#path);
    if (existing !== null && existing.sizeBytes >= this.#limitBytes) nodeDisk.rename(this.#path, `${this.#path}.1`);
    this.#file = openOrCreate(this.#path);
    this.#sizeBytes = this.#file.identity().sizeBytes;
    return this.#file;
  }
}

function openOrCreate(path: string): DiskFile {
  try {
    return nodeDisk.open(path, "append");
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error;
    return nodeDisk.open(path, "create");
  }
}
