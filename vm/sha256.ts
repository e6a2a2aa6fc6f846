// SHA-256 (FIPS 180-4) over bytes in memory. Used at load and for state hashes, never on the way of a decision.

// prettier-ignore
const K: StaticArray<u32> = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

// Static data, not `new`: that would be taken at the start from where memory.ts lays out its areas.
const words: StaticArray<u32> = changetype<StaticArray<u32>>(memory.data(256, 16));
const state: StaticArray<u32> = changetype<StaticArray<u32>>(memory.data(32, 16));
/** A block being filled. */
const block: StaticArray<u8> = changetype<StaticArray<u8>>(memory.data(64, 16));
let filled: u32 = 0;
let total: u64 = 0;

export function sha256Begin(): void {
  unchecked(state[0] = 0x6a09e667);
  unchecked(state[1] = 0xbb67ae85);
  unchecked(state[2] = 0x3c6ef372);
  unchecked(state[3] = 0xa54ff53a);
  unchecked(state[4] = 0x510e527f);
  unchecked(state[5] = 0x9b05688c);
  unchecked(state[6] = 0x1f83d9ab);
  unchecked(state[7] = 0x5be0cd19);
  filled = 0;
  total = 0;
}

export function sha256Update(from: u32, bytes: u32): void {
  total += bytes;
  const room = <u32>changetype<usize>(block);
  if (filled > 0) {
    const part: u32 = min(bytes, 64 - filled);
    memory.copy(room + filled, from, part);
    filled += part;
    from += part;
    bytes -= part;
    if (filled < 64) return;
    compress(room);
    filled = 0;
  }
  for (; bytes >= 64; bytes -= 64, from += 64) compress(from);
  memory.copy(room, from, bytes);
  filled = bytes;
}

/** A 32-bit little-endian word, for lengths between parts. */
export function sha256Word(word: u32): void {
  const cell = <u32>changetype<usize>(words);
  store<u32>(cell, word);
  sha256Update(cell, 4);
}

/** Writes the 32 bytes of the digest. */
export function sha256End(to: u32): void {
  const bits: u64 = total * 8;
  const room = <u32>changetype<usize>(block);
  store<u8>(room + filled, 0x80);
  filled++;
  if (filled > 56) {
    memory.fill(room + filled, 0, 64 - filled);
    compress(room);
    filled = 0;
  }
  memory.fill(room + filled, 0, 56 - filled);
  store<u64>(room + 56, bswap<u64>(bits));
  compress(room);
  for (let i: u32 = 0; i < 8; i++) store<u32>(to + i * 4, bswap<u32>(unchecked(state[i])));
}

function compress(at: u32): void {
  for (let i: i32 = 0; i < 16; i++) unchecked(words[i] = bswap<u32>(load<u32>(at + (<u32>i << 2))));
  for (let i: i32 = 16; i < 64; i++) {
    const x = unchecked(words[i - 15]);
    const y = unchecked(words[i - 2]);
    const s0 = rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >>> 3);
    const s1 = rotr<u32>(y, 17) ^ rotr<u32>(y, 19) ^ (y >>> 10);
    unchecked(words[i] = words[i - 16] + s0 + words[i - 7] + s1);
  }
  let a = unchecked(state[0]);
  let b = unchecked(state[1]);
  let c = unchecked(state[2]);
  let d = unchecked(state[3]);
  let e = unchecked(state[4]);
  let f = unchecked(state[5]);
  let g = unchecked(state[6]);
  let h = unchecked(state[7]);
  for (let i: i32 = 0; i < 64; i++) {
    const t1 = h + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + ((e & f) ^ (~e & g)) + unchecked(K[i]) + unchecked(words[i]);
    const t2 = (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  unchecked(state[0] += a);
  unchecked(state[1] += b);
  unchecked(state[2] += c);
  unchecked(state[3] += d);
  unchecked(state[4] += e);
  unchecked(state[5] += f);
  unchecked(state[6] += g);
  unchecked(state[7] += h);
}
