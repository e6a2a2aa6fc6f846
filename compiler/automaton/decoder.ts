// UTF-8 (RFC 3629) to the symbols of an alphabet, as tables: one look for each byte of a character. It must never take
// bytes that are not the shortest encoding of a code point for that code point.

import { type Alphabet, BROKEN, STRAY } from "./alphabet.ts";

/** Marks an entry that names a row, to be asked with the next byte; other entries are symbols. */
export const ROW_ENTRY = 0x8000;
/** A row has an entry for each continuation byte, 80 to BF. */
export const ROW_ENTRIES = 64;

export interface Decoder {
  /** 256 entries, by the first byte of a character */
  readonly first: Uint16Array;
  /** Entries name only rows before their own. BROKEN: the byte does not belong to this character, and is not taken. */
  readonly rows: readonly Uint16Array[];
}

/** Lead bytes by the length of their characters in bytes, and the bits that they carry. */
const LEADS: readonly (readonly [first: number, last: number, bytes: number, mask: number])[] = [
  [0xc2, 0xdf, 2, 0x1f],
  [0xe0, 0xef, 3, 0x0f],
  [0xf0, 0xf4, 4, 0x07],
];
/** First code point that needs so many bytes. */
const SHORTEST: readonly number[] = [0, 0, 0x80, 0x800, 0x10000];

export function decoderOf(alphabet: Alphabet): Decoder {
  const builder = new Builder(alphabet);
  const first = new Uint16Array(256).fill(BROKEN);
  for (let byte = 0; byte < 0x80; byte++) first[byte] = builder.entry(byte, 0, 0);
  first.fill(STRAY, 0x80, 0xc0);
  for (const [lo, hi, bytes, mask] of LEADS) {
    for (let byte = lo; byte <= hi; byte++) {
      first[byte] = builder.entry((byte & mask) << (6 * (bytes - 1)), bytes - 1, SHORTEST[bytes] as number);
    }
  }
  return { first, rows: builder.rows };
}

class Builder {
  readonly rows: Uint16Array[] = [];
  private readonly alphabet: Alphabet;
  private readonly known = new Map<string, number>();
  /** the piece in which the last code point asked for lies; questions mostly ascend */
  private piece = 0;

  constructor(alphabet: Alphabet) {
    this.alphabet = alphabet;
  }

  /** What follows for code points from `point` on, `left` continuation bytes away; those below `shortest` are refused. */
  entry(point: number, left: number, shortest: number): number {
    const size = ROW_ENTRIES ** left;
    if (point + size <= shortest || point >= (this.alphabet.bounds.at(-1) as number)) return BROKEN;
    const symbol = this.symbolAt(point);
    const whole = point >= shortest && (this.alphabet.bounds[this.piece + 1] as number) >= point + size;
    // The surrogates begin and end with a row, so that none of their bytes but the first is taken.
    if (left === 0 || (whole && symbol === BROKEN)) return symbol;
    const key = whole ? `all ${symbol} ${left}` : "";
    const same = whole ? this.known.get(key) : undefined;
    if (same !== undefined) return same;
    const row = new Uint16Array(ROW_ENTRIES);
    const step = size / ROW_ENTRIES;
    for (let i = 0; i < ROW_ENTRIES; i++) row[i] = this.entry(point + i * step, left - 1, shortest);
    const entry = this.rowEntry(row);
    if (whole) this.known.set(key, entry);
    return entry;
  }

  private rowEntry(row: Uint16Array): number {
    const key = row.join();
    const same = this.known.get(key);
    if (same !== undefined) return same;
    const entry = ROW_ENTRY | this.rows.length;
    this.rows.push(row);
    this.known.set(key, entry);
    return entry;
  }

  private symbolAt(point: number): number {
    const { bounds, symbolOf } = this.alphabet;
    if ((bounds[this.piece] as number) > point) this.piece = 0;
    while ((bounds[this.piece + 1] as number) <= point) this.piece++;
    return symbolOf[this.piece] as number;
  }
}

/** The symbols of a text, in order. The reference way; the VM reads the same tables by its own code. */
export function* symbolsIn(decoder: Decoder, text: Uint8Array): Generator<number> {
  for (let at = 0; at < text.length; ) {
    let entry = decoder.first[text[at++] as number] as number;
    while (entry >= ROW_ENTRY) {
      const byte = text[at] ?? 0;
      const row = decoder.rows[entry - ROW_ENTRY] as Uint16Array;
      entry = byte >= 0x80 && byte < 0xc0 ? (row[byte & 0x3f] as number) : BROKEN;
      if (entry !== BROKEN) at++;
    }
    yield entry;
  }
}
