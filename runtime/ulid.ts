// Names of actions: 48 bits of time and 80 random ones in Crockford's base 32 (the ULID layout), so that they sort by time.
import { randomBytes } from "node:crypto";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const randomPart = 10;
/** Random bytes are drawn for this many names at once: a system call a name costs more than the rest. */
const namesPerDraw = 256;

let pool = Buffer.alloc(0);
let at = 0;

/** `action-` and 26 characters. */
export function newActionId(timeMs: number): string {
  if (at >= pool.length) {
    pool = randomBytes(randomPart * namesPerDraw);
    at = 0;
  }
  let time = Math.floor(timeMs);
  let text = "";
  for (let digit = 0; digit < 10; digit++) {
    text = alphabet.charAt(time % 32) + text;
    time = Math.floor(time / 32);
  }
  // Five bytes are eight digits.
  for (let half = 0; half < 2; half++) {
    let value = pool.readUIntBE(at, 5);
    at += 5;
    let digits = "";
    for (let digit = 0; digit < 8; digit++) {
      digits = alphabet.charAt(value % 32) + digits;
      value = Math.floor(value / 32);
    }
    text += digits;
  }
  return `action-${text}`;
}
