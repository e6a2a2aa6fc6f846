// Newline framing over a stream socket: whole lines in, whole lines out, in bounded memory whatever the peer does. It
// knows nothing of what a line says, and must never hold more of a connection than its limits allow.
import type { Socket } from "node:net";

export interface LineLimits {
  /** Bytes of one line, its newline excluded. A longer one is reported once and skipped to its end. */
  readonly lineBytes: number;
  /** Answers not yet taken by the peer: beyond, the connection is read no further. */
  readonly unsentBytes: number;
  /** Lines of one connection that are being answered at the same time. */
  readonly inFlight: number;
  /** How long a started line may stay without its newline, and a peer may leave its answers unread. */
  readonly stallMs: number;
}

export const agentLineLimits: LineLimits = {
  lineBytes: 8 * 1024 * 1024,
  unsentBytes: 1024 * 1024,
  inFlight: 1024,
  stallMs: 60_000,
};

/** Images, sources and lists of approvals are larger than calls. */
export const operatorLineLimits: LineLimits = {
  lineBytes: 64 * 1024 * 1024,
  unsentBytes: 64 * 1024 * 1024,
  inFlight: 16,
  stallMs: 60_000,
};

export type Line = { readonly kind: "line"; readonly bytes: Buffer } | { readonly kind: "too long" };

const newline = 0x0a;
const tooLong: Line = { kind: "too long" };

/** Cuts a stream of chunks into lines. `push` what arrives, then take `next` until it gives null. */
export class LineReader {
  readonly #limitBytes: number;
  readonly #chunks: Buffer[] = [];
  /** Bytes of the current line that came in chunks already used up. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  #skipping = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /** The next whole line, newline excluded; null when more bytes are needed. */
  next(): Line | null {
    for (;;) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return null;
      const at = chunk.indexOf(newline);
      if (at === -1) {
        this.#chunks.shift();
        if (this.#keep(chunk)) continue;
        return tooLong;
      }
      if (at + 1 === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(at + 1);
      if (this.#skipping) {
        this.#skipping = false;
        continue;
      }
      if (this.#piecesBytes + at > this.#limitBytes) {
        this.#drop();
        return tooLong;
      }
      return { kind: "line", bytes: this.#take(chunk.subarray(0, at)) };
    }
  }

  /** What stands after the last newline when the stream has ended: a line too. */
  end(): Line | null {
    if (this.#piecesBytes === 0 || this.#skipping) return null;
    return { kind: "line", bytes: this.#take(Buffer.alloc(0)) };
  }

  /** A line has begun and not ended. */
  get partial(): boolean {
    return this.#piecesBytes > 0 || this.#skipping;
  }

  /** Keeps the beginning of a line; false when that makes it too long. */
  #keep(piece: Buffer): boolean {
    if (this.#skipping) return true;
    if (this.#piecesBytes + piece.length > this.#limitBytes) {
      this.#drop();
      this.#skipping = true;
      return false;
    }
    this.#pieces.push(piece);
    this.#piecesBytes += piece.length;
    return true;
  }

  #take(last: Buffer): Buffer {
    if (this.#piecesBytes === 0) return last;
    this.#pieces.push(last);
    const bytes = Buffer.concat(this.#pieces, this.#piecesBytes + last.length);
    this.#drop();
    return bytes;
  }

  #drop(): void {
    this.#pieces = [];
    this.#piecesBytes = 0;
  }
}

/** Text to be sent, at once or later; null when nothing is to be sent. */
export type Answer = string | null;

export interface LineHandler {
  /** Answers one line. It must not throw or reject: what goes wrong is an answer too. */
  onLine(line: Line, connection: LineConnection): Answer | Promise<Answer>;
  /** True while no more lines should be taken, from any connection; `resume` afterwards. */
  isHeld?(): boolean;
  /** An answer that could not be sent because the peer had gone. */
  onUndelivered?(answer: string): void;
  onClose?(connection: LineConnection): void;
}

/** One connection: reads lines, keeps what is in flight within the limits, writes answers as they come. */
export class LineConnection {
  readonly #socket: Socket;
  readonly #limits: LineLimits;
  readonly #handler: LineHandler;
  readonly #reader: LineReader;
  readonly #out: string[] = [];
  #outLength = 0;
  #flushPlanned = false;
  #inFlight = 0;
  /** The peer has sent all that it will send. */
  #ended = false;
  #closed = false;
  #stallTimer: NodeJS.Timeout | null = null;
  #stream = false;
  #finishing = false;

  constructor(socket: Socket, limits: LineLimits, handler: LineHandler) {
    this.#socket = socket;
    this.#limits = limits;
    this.#handler = handler;
    this.#reader = new LineReader(limits.lineBytes);
    socket.on("data", (chunk: Buffer) => {
      this.#reader.push(chunk);
      this.#pump();
    });
    socket.on("end", () => {
      this.#ended = true;
      // One that has half-closed and one that is gone look the same from here; a stream must not outlive its reader.
      this.#stream = false;
      this.#pump();
    });
    socket.on("drain", () => this.#pump());
    // A peer that resets the connection is an end like any other; `close` follows.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#closed = true;
      this.#armStallTimer();
      for (const answer of this.#out.splice(0)) handler.onUndelivered?.(answer);
      handler.onClose?.(this);
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What the peer has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength + this.#outLength;
  }

  /** Keeps the connection open after its request was answered, for `send` to be called until the peer ends it. */
  openStream(): void {
    this.#stream = true;
  }

  /** Queues one line. False when the peer reads too slowly: then the connection is being closed. */
  send(text: string): boolean {
    if (this.#closed) return false;
    this.#write(text);
    if (this.unsentBytes <= this.#limits.unsentBytes) return true;
    this.#socket.destroy();
    return false;
  }

  /** Ends the connection when all answers are out. */
  finish(): void {
    this.#stream = false;
    this.#ended = true;
    this.#finishing = true;
    this.#pump();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Goes on with lines after `isHeld`. */
  resume(): void {
    this.#pump();
  }

  #isHeld(): boolean {
    return this.#handler.isHeld?.() === true;
  }

  #isFull(): boolean {
    return this.#inFlight >= this.#limits.inFlight || this.unsentBytes > this.#limits.unsentBytes;
  }

  #pump(): void {
    while (!this.#closed && !this.#isFull() && !this.#isHeld()) {
      const line = this.#reader.next() ?? (this.#ended ? this.#reader.end() : null);
      if (line === null) break;
      this.#handle(line);
    }
    if (this.#closed) return;
    if (this.#isFull() || this.#isHeld()) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
    this.#armStallTimer();
    if (this.#ended && !this.#stream && this.#inFlight === 0 && !this.#isFull() && !this.#isHeld()) {
      this.#flush();
      // A peer that half-closed sees the end; one that would stay is not waited for.
      if (this.#finishing) this.#socket.destroySoon();
      else this.#socket.end();
    }
  }

  #handle(line: Line): void {
    const answer = this.#handler.onLine(line, this);
    if (answer === null) return;
    if (typeof answer === "string") {
      this.#write(answer);
      return;
    }
    this.#inFlight++;
    answer.then(
      (text) => {
        this.#inFlight--;
        if (text !== null) {
          if (this.#closed) this.#handler.onUndelivered?.(text);
          else this.#write(text);
        }
        if (this.#ended || this.#socket.isPaused()) this.#pump();
      },
      // A handler that breaks its word answers nobody; no answer is a denial.
      () => this.#socket.destroy(),
    );
  }

  #write(text: string): void {
    this.#out.push(text);
    this.#outLength += text.length + 1;
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    // After the microtasks of one batch: a sync that lets a hundred answers go costs one write.
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#flushPlanned = false;
    if (this.#out.length === 0 || this.#closed) return;
    const answers = this.#out.splice(0);
    this.#outLength = 0;
    this.#socket.write(`${answers.join("\n")}\n`, (error) => {
      if (error) for (const answer of answers) this.#handler.onUndelivered?.(answer);
    });
    this.#armStallTimer();
  }

  /** Runs while the peer owes something: the rest of a line, or the reading of its answers. */
  #armStallTimer(): void {
    const isOwed = !this.#closed && (this.#reader.partial || this.#socket.writableLength > 0);
    if (!isOwed) {
      if (this.#stallTimer !== null) clearTimeout(this.#stallTimer);
      this.#stallTimer = null;
    } else if (this.#stallTimer === null) {
      this.#stallTimer = setTimeout(() => this.#onStall(this.#socket.bytesWritten), this.#limits.stallMs);
      this.#stallTimer.unref();
    }
  }

  #onStall(bytesAtStart: number): void {
    this.#stallTimer = null;
    const isReading = this.#socket.bytesWritten > bytesAtStart && this.#socket.writableLength === 0;
    if (!this.#reader.partial && isReading) return;
    if (this.#reader.partial || this.#socket.writableLength > 0) this.#socket.destroy();
  }
}
