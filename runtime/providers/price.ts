// What an answer from outside says that a call costs. Nothing but a number of dollars is one: no text, nothing below 0, nothing without
// an end.
import { microOf } from "../costs.ts";
import { JsonNumber } from "../evaluator/number.ts";
import type { Json } from "../json.ts";
import { ProviderFailure } from "./provider.ts";

/** Dollars of `{"cost_usd": 0.25}`; null of `{"cost_usd": null}`: it has no price. Throws ProviderFailure BAD_ANSWER. */
export function priceIn(answer: Json): number | null {
  const isObject = typeof answer === "object" && answer !== null && !Array.isArray(answer);
  if (!isObject || answer instanceof JsonNumber) throw noPrice();
  const { cost_usd } = answer as { readonly cost_usd?: Json };
  if (cost_usd === null) return null;
  if (microOf(cost_usd) === null) throw noPrice();
  return cost_usd instanceof JsonNumber ? cost_usd.value : (cost_usd as number);
}

function noPrice(): ProviderFailure {
  return new ProviderFailure("BAD_ANSWER", "its answer is no price");
}
