// Records on their way to the disk together: their bytes, where each ends, and the promise of their waiters.

/** First size of a batch's buffer; it doubles. */
const initialBytes = 64 * 1024;

export class Batch {
  readonly firstSeq: number;
  lastSeq: number;
  lastHash = "";
  /** wall time of the first and the last record */
  firstUs = 0;
  lastUs = 0;
  bytes: Buffer;
  usedBytes = 0;
  /** end of each record in `bytes` */
  readonly ends: number[] = [];
  /** of each record */
  readonly hashes: string[] = [];
  readonly durable: Promise<void>;
  resolve!: () => void;
  reject!: (reason: unknown) => void;

  constructor(firstSeq: number, spare: Buffer | null) {
    this.firstSeq = firstSeq;
    this.lastSeq = firstSeq - 1;
    this.bytes = spare ?? Buffer.allocUnsafeSlow(initialBytes);
    this.durable = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Nobody may wait for it; the latch tells of the failure then.
    this.durable.catch(() => {});
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    const wanted = this.usedBytes + bytes;
    if (wanted <= this.bytes.length) return;
    let sizeBytes = this.bytes.length;
    while (sizeBytes < wanted) sizeBytes *= 2;
    const larger = Buffer.allocUnsafeSlow(sizeBytes);
    this.bytes.copy(larger, 0, 0, this.usedBytes);
    this.bytes = larger;
  }

  /** Takes in the record written at [usedBytes, end). */
  add(end: number, hash: string, wallUs: number): void {
    if (this.ends.length === 0) this.firstUs = wallUs;
    this.usedBytes = end;
    this.ends.push(end);
    this.hashes.push(hash);
    this.lastSeq++;
    this.lastHash = hash;
    this.lastUs = wallUs;
  }
}
