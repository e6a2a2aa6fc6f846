// The highest receipt that each transport's daemon has given, for whoever wants to hold the log to it later. It must never
// stand in the way of a call.
import { type Receipt, readReceipt } from "./answer.ts";
import { sharedSocketTransport } from "./socket-transport.ts";
import type { Transport } from "./transport.ts";

const highest = new WeakMap<Transport, Receipt>();

/** Keeps the answer's receipt when it is of a later record than any before. */
export function keepReceipt(transport: Transport, answer: unknown): void {
  const receipt = readReceipt(answer);
  if (receipt !== undefined && receipt.seq > (highest.get(transport)?.seq ?? 0)) highest.set(transport, receipt);
}

/**
 * The receipt of the latest record that this process was told of, by the given transport or by the one that tools without
 * any share; null before the first. Kept outside the daemon's machine it proves that nothing up to there was taken away.
 */
export function latestReceipt(transport: Transport = sharedSocketTransport()): Receipt | null {
  return highest.get(transport) ?? null;
}
