// The rows of an image as they stand in its bytes, for listings. It trusts nothing but the bytes' bounds: what points
// outside throws RangeError. It never says whether an image is right; the machine's loader does.
import { HEADER_BYTES, MAGIC, PART_INDEX, Section, TABLE_ROW_BYTES } from "../vm/shared/image.ts";
import { Root } from "../vm/shared/isa.ts";

const decoder = new TextDecoder();

export class ImageView {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** Throws RangeError when the bytes are no image. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const tableEnd = HEADER_BYTES + Section.End * TABLE_ROW_BYTES;
    if (bytes.length < tableEnd || this.u32(0) !== MAGIC || this.u32(8) !== bytes.length) {
      throw new RangeError("these bytes are no faramesh image");
    }
  }

  u8(at: number): number {
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  i64(at: number): bigint {
    return this.#view.getBigInt64(at, true);
  }

  f64(at: number): number {
    return this.#view.getFloat64(at, true);
  }

  /** First byte of a section. */
  at(section: Section): number {
    return this.u32(HEADER_BYTES + section * TABLE_ROW_BYTES);
  }

  /** Bytes of a section, without padding. */
  length(section: Section): number {
    return this.u32(HEADER_BYTES + section * TABLE_ROW_BYTES + 4);
  }

  /** First bytes of `count` rows from `start`; a list longer than the image is refused before it is made. */
  list(start: number, count: number, rowBytes: number): number[] {
    if (start + count * rowBytes > this.bytes.length) throw new RangeError("a list points outside of the image");
    return Array.from({ length: count }, (_, i) => start + i * rowBytes);
  }

  /** First bytes of a section's rows. */
  rows(section: Section, rowBytes: number): number[] {
    return this.list(this.at(section), Math.floor(this.length(section) / rowBytes), rowBytes);
  }

  text(section: Section): string {
    const at = this.at(section);
    return decoder.decode(this.bytes.subarray(at, at + this.length(section)));
  }

  string(index: number, section: Section = Section.Strings): string {
    const rows = this.at(section) + 8;
    const start = rows + this.u32(rows - 8) * 8 + this.u32(rows + index * 8);
    return decoder.decode(this.bytes.subarray(start, start + this.u32(rows + index * 8 + 4)));
  }

  /** Strings of a section of strings; more than it has room for are refused. */
  count(section: Section): number {
    const count = this.u32(this.at(section));
    this.list(this.at(section) + 8, count, 8);
    return count;
  }

  /** So many bytes from `at` on. */
  data(at: number, bytes: number): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + at, bytes);
  }

  number(index: number): number {
    return this.f64(this.at(Section.Numbers) + index * 8);
  }

  pool(start: number, count: number): number[] {
    return this.list(this.at(Section.Pool) + start * 4, count, 4).map((at) => this.u32(at));
  }

  field(index: number): { readonly root: Root; readonly path: readonly (string | number)[] } {
    const row = this.at(Section.Fields) + index * 8;
    const root: Root = this.u8(row);
    const parts = this.pool(this.u32(row + 4), this.u16(row + 2));
    if (root === Root.Time) return { root, path: parts };
    return { root, path: parts.map((part) => (part >= PART_INDEX ? part - PART_INDEX : this.string(part))) };
  }

  /** First temporary: fields from here on are written by the code itself. */
  get firstTemporary(): number {
    const rows = this.rows(Section.Fields, 8);
    const first = rows.findIndex((row) => this.u8(row) === Root.Temporary);
    return first < 0 ? rows.length : first;
  }
}
