// Messages on streams, one a line: what `faramesh mcp wrap` and the daemon's door share. It reads no message, and never reads on while
// what was read is not taken.
import type { Readable, Writable } from "node:stream";
import { messageLimitBytes } from "../../sdk/mcp/message.ts";
import { LineReader } from "../lines.ts";

export function send(into: Writable, text: string | Uint8Array): void {
  if (into.destroyed || into.writableEnded) return;
  into.write(text);
  into.write("\n");
}

/** Resolves when what was written has been taken, or never will be. */
async function drained(into: Writable): Promise<void> {
  while (into.writableNeedDrain && !into.destroyed) {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ["drain", "close", "error"]) into.off(event, done);
        resolve();
      };
      for (const event of ["drain", "close", "error"]) into.on(event, done);
    });
  }
}

export interface Sink {
  /** Where what is taken leads to: no more is read while it is not taken there. */
  readonly into: readonly Writable[];
  take(bytes: Buffer): Promise<void>;
  tooLong(): void;
  isFull?(): boolean;
}

/** Hands over each line. Resolves at the end of the stream, when all lines have been taken. */
export async function pump(stream: Readable, { into, take, tooLong, isFull = () => false }: Sink): Promise<void> {
  const lines = new LineReader(messageLimitBytes);
  const taking = new Set<Promise<void>>();
  const all = (): boolean => {
    for (let line = lines.next(); line !== null; line = lines.next()) {
      if (line.kind === "too long") return false;
      if (line.bytes.length === 0) continue;
      const one = take(line.bytes).finally(() => taking.delete(one));
      taking.add(one);
    }
    return true;
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      lines.push(chunk);
      if (!all()) return tooLong();
      while (isFull() && taking.size > 0) await Promise.race(taking);
      for (const one of into) await drained(one);
    }
    const rest = lines.end();
    if (rest?.kind === "line") await take(rest.bytes);
  } catch {
    // A stream that is destroyed has ended.
  }
  await Promise.all(taking);
}
