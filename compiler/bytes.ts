// Bytes that grow as they are written, little-endian: a section of an image. It must never know what stands in them.

/** Bytes that grow; little-endian. */
export class Bytes {
  #buffer = new Uint8Array(256);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  u8(value: number): this {
    const at = this.#take(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#take(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#take(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#take(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  f64(value: number): this {
    const at = this.#take(8);
    this.#view.setFloat64(at, value, true);
    return this;
  }

  i64(value: bigint): this {
    const at = this.#take(8);
    this.#view.setBigInt64(at, value, true);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#take(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  align(): this {
    this.#take((8 - (this.#length % 8)) % 8);
    return this;
  }

  #take(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#buffer.length * 2));
      larger.set(this.#buffer);
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}
