// Dollars to integer micro-dollars, rounded up, with what a double adds to a decimal taken off first: 0.1 is 100000.

/** Micro-dollars of an amount in dollars; one at least for what is not nothing. */
export function microDollars(dollars: number): bigint {
  const nano = Math.round(dollars * 1e6 * 1000);
  return BigInt(dollars > 0 ? Math.max(1, Math.ceil(nano / 1000)) : Math.ceil(nano / 1000));
}

/** A decimal text as an exact fraction: "0.8" is 8 of 10, "80" is 80 of 1. */
export function exactFraction(value: number): { readonly numerator: bigint; readonly denominator: bigint } {
  const text = value.toFixed(12).replace(/0+$/, "");
  const [whole = "0", fraction = ""] = text.split(".");
  return { numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(fraction.length) };
}
