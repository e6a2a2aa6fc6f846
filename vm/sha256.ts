// SHA-256 (FIPS 180-4) over bytes in memory. Used at load and for state hashes, never on the way of a decision.

const ROUNDS: u32 = 64;
/** Enough for the root of every such prime, from 7: that of 311 is 6.8. */
const ROOT_STEPS: i32 = 12;

// Static data, not `new`: that would be taken at the start from where memory.ts lays out its areas.
/** The rounds' constants, made at first use: no compression makes them smaller than what makes them. */
const constants: u32 = <u32>memory.data(256, 16);
const words: StaticArray<u32> = changetype<StaticArray<u32>>(memory.data(256, 16));
const state: StaticArray<u32> = changetype<StaticArray<u32>>(memory.data(32, 16));
/** A block being filled. */
const block: StaticArray<u8> = changetype<StaticArray<u8>>(memory.data(64, 16));
let filled: u32 = 0;
let total: u64 = 0;

/** The first 32 bits of the fractions of the cube roots of the first 64 primes. */
function makeConstants(): void {
  let at = constants;
  for (let prime: u32 = 2; at < constants + (ROUNDS << 2); prime++) {
    let factor: u32 = 2;
    while (prime % factor != 0) factor++;
    if (factor < prime) continue;
    let root: f64 = 7;
    for (let step = 0; step < ROOT_STEPS; step++) root -= (root * root * root - <f64>prime) / (3 * root * root);
    store<u32>(at, <u32>((root - floor(root)) * 4294967296.0));
    at += 4;
  }
}

export function sha256Begin(): void {
  if (load<u32>(constants) == 0) makeConstants();
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
    const t1 = h + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + ((e & f) ^ (~e & g)) + load<u32>(constants + (<u32>i << 2)) + unchecked(words[i]);
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
