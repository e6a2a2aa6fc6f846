// Names of actions: 48 bits of time and 80 random ones in Crockford's base 32 (the ULID layout), so that they sort by time.
import { randomBytes } from "node:crypto";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const randomPart = 10;
/** Random bytes are drawn for this many names at once: a system call a name costs more than the rest. */
const namesPerDraw = 256;

/** Two digits for each ten bits: half the steps. */
const pairs = Array.from({ length: 1024 }, (_, bits) => alphabet.charAt(bits >> 5) + alphabet.charAt(bits & 31));

let pool = Buffer.alloc(0);
let at = 0;
let timedMs = -1;
let timeText = "";

/** `action-` and 26 characters. */
export function newActionId(timeMs: number): string {
  if (at >= pool.length) {
    pool = randomBytes(randomPart * namesPerDraw);
    at = 0;
  }
  const wholeMs = Math.floor(timeMs);
  if (wholeMs !== timedMs) {
    timedMs = wholeMs;
    timeText = timeDigits(wholeMs);
  }
  const name = `action-${timeText}${eightDigits(at)}${eightDigits(at + 5)}`;
  at += randomPart;
  return name;
}

function timeDigits(wholeMs: number): string {
  let text = "";
  for (let rest = wholeMs, pair = 0; pair < 5; pair++) {
    text = pairs[rest % 1024] + text;
    rest = Math.floor(rest / 1024);
  }
  return text;
}

/** Five bytes of the pool are eight digits. */
function eightDigits(from: number): string {
  const [a, b, c, d, e] = [pool[from], pool[from + 1], pool[from + 2], pool[from + 3], pool[from + 4]] as Bytes;
  return (
    `${pairs[(a << 2) | (b >> 6)]}${pairs[((b & 0x3f) << 4) | (c >> 4)]}` +
    `${pairs[((c & 0x0f) << 6) | (d >> 2)]}${pairs[((d & 0x03) << 8) | e]}`
  );
}

type Bytes = [number, number, number, number, number];
