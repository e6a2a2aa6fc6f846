// The workload "payments" as lines for a socket, each call with an id of its own: nothing is answered from what was
// remembered. Only calls that no person must look at, since those that wait would pile up, with the effects that are right.
import { answers, requests } from "./workload.ts";

const PLACE = "call-place";
const calls = requests
  .map((request, index) => ({ request, effect: answers[index]?.effect }))
  .filter(({ effect }) => effect !== "defer");

const parts = calls.map(({ request, effect }) => {
  const text = JSON.stringify({ type: "govern", call_id: PLACE, ...request });
  const [before = "", after = ""] = text.split(PLACE);
  return { before, after: `${after}\n`, effect: effect === "permit" ? "PERMIT" : "DENY" };
});

let made = 0;

/** The next call; `index` only chooses which. */
export function line(index: number): string {
  const { before, after } = parts[index % parts.length] as (typeof parts)[number];
  return `${before}call-${made++}${after}`;
}

export function rightEffect(index: number): string {
  return (parts[index % parts.length] as (typeof parts)[number]).effect;
}
