// Texts of numbers by chance, near all that makes them hard to round: halves between doubles, the least and the greatest,
// more digits than fit, exponents beyond every range.
import type { Random } from "./random.ts";

const float = new Float64Array(1);
const bits = new BigUint64Array(float.buffer);
const FRACTION_BITS = 52n;

/** A JSON number. */
export function numberText(random: Random): string {
  const sign = random.oneIn(4) ? "-" : "";
  return sign + random.pick([shortNumber, printedDouble, digitsAndExponent, halfway, halfway, manyDigits])(random);
}

function digits(random: Random, count: number): string {
  return Array.from({ length: count }, () => random.below(10)).join("");
}

/** Without the zeros that JSON forbids before other digits. */
function whole(text: string): string {
  return text.replace(/^0+(?=\d)/, "");
}

function shortNumber(random: Random): string {
  const fraction = random.oneIn(2) ? `.${digits(random, 1 + random.below(6))}` : "";
  return whole(digits(random, 1 + random.below(12))) + fraction;
}

/** Any finite double as JavaScript prints it, by its bits, so that all exponents come up. */
function printedDouble(random: Random): string {
  const value = anyDouble(random);
  return random.oneIn(2)
    ? String(value)
    : random.oneIn(2)
      ? value.toExponential(random.below(25))
      : value.toPrecision(1 + random.below(25));
}

function anyDouble(random: Random): number {
  const high = BigInt(
    random.oneIn(3) ? 1000 + random.below(60) : random.oneIn(4) ? random.below(3) : random.below(0x7ff),
  );
  bits[0] = (high << FRACTION_BITS) | (BigInt(random.below(1 << 20)) << 32n) | BigInt(random.next());
  return float[0] ?? 0;
}

function digitsAndExponent(random: Random): string {
  const exponent = random.oneIn(4) ? random.below(40) - 20 : random.below(700) - 350;
  const point = random.oneIn(2) ? `.${digits(random, 1 + random.below(20))}` : "";
  return `${whole(digits(random, 1 + random.below(20)))}${point}${random.pick(["e", "E"])}${exponent < 0 ? "" : random.pick(["+", ""])}${exponent}`;
}

function manyDigits(random: Random): string {
  const zeros = "0".repeat(random.oneIn(2) ? random.below(400) : 0);
  const exponent = random.oneIn(2) ? `e${random.below(800) - 400}` : "";
  return random.oneIn(2)
    ? `0.${zeros}${digits(random, 1 + random.below(60))}${exponent}`
    : `${whole(digits(random, 1 + random.below(60)) + zeros)}.${digits(random, 1 + random.below(900))}${exponent}`;
}

/** Exactly between a double and the next, or a digit beside it, however far behind. */
function halfway(random: Random): string {
  const value = anyDouble(random);
  float[0] = value;
  const pattern = bits[0] ?? 0n;
  const power = Number(pattern >> FRACTION_BITS);
  const fraction = pattern & ((1n << FRACTION_BITS) - 1n);
  const odd = 2n * (power === 0 ? fraction : fraction | (1n << FRACTION_BITS)) + 1n;
  const binary = Math.max(power, 1) - 1076;
  // odd * 2^binary as a whole number and a power of ten.
  const [mantissa, exponent] = binary < 0 ? [odd * 5n ** BigInt(-binary), binary] : [odd << BigInt(binary), 0];
  const beside = random.below(4);
  if (beside === 0) return `${mantissa}e${exponent}`;
  const zeros = 1 + (random.oneIn(2) ? random.below(40) : random.below(900));
  const moved = mantissa * 10n ** BigInt(zeros) + (beside === 1 ? 1n : -1n);
  return beside === 3 ? `${mantissa}.${"0".repeat(zeros)}e${exponent}` : `${moved}e${exponent - zeros}`;
}
