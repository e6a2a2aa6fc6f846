// Requests changed by chance on their way in: parsed objects with parts that JSON never gives (functions, symbols, cycles,
// members that throw, proxies), and bytes cut, doubled and flipped. Whatever comes in, a verdict with a code comes out.
import type { EvaluationRequest, Policy, Verdict } from "../../runtime/evaluator/types.ts";
import { jsonText, spoiled } from "../generate/json.ts";
import type { Random } from "../generate/random.ts";

type Loose = { [key: string]: unknown };

/** A copy of the request with one to three of its parts replaced, taken out or put in. */
export function mutatedObject(random: Random, request: EvaluationRequest): EvaluationRequest {
  const copy = structuredClone(plain(request)) as Loose;
  for (let i = random.below(3); i >= 0; i--) {
    try {
      change(random, copy);
    } catch {
      // What an earlier change froze, hid or made to throw stays as it is.
    }
  }
  return (random.oneIn(50) ? odd(random, copy) : copy) as unknown as EvaluationRequest;
}

/** Numbers with a text of their own are left to be numbers. */
function plain(request: EvaluationRequest): unknown {
  return JSON.parse(JSON.stringify(request));
}

function change(random: Random, root: Loose): void {
  let at = root;
  for (let depth = random.below(4); depth > 0; depth--) {
    const inner = Object.values(at).filter((value) => typeof value === "object" && value !== null) as Loose[];
    const next = inner[random.below(Math.max(inner.length, 1))];
    if (next === undefined) break;
    at = next;
  }
  const keys = Object.keys(at);
  const key = random.oneIn(4) ? random.pick(names) : (keys[random.below(Math.max(keys.length, 1))] ?? "args");
  const way = random.below(6);
  if (way === 0) delete at[key];
  else if (way === 1) Object.defineProperty(at, key, { get: thrower, enumerable: true, configurable: true });
  else at[key] = odd(random, root);
}

const names = [
  "agent_id",
  "tool_id",
  "session_id",
  "args",
  "http",
  "principal",
  "model",
  "purpose",
  "delegation",
  "cost_usd",
  "action_type",
  "selectors",
  "__proto__",
  "constructor",
  "toString",
  "length",
  "amount",
  "x",
  "0",
  "",
] as const;

function thrower(): never {
  throw new Error("a member that cannot be read");
}

/** A value that no JSON text gives, or one at the edge of what it gives. */
function odd(random: Random, root: Loose): unknown {
  switch (random.below(18)) {
    case 0:
      return undefined;
    case 1:
      return () => 1;
    case 2:
      return Symbol("s");
    case 3:
      return 10n;
    case 4:
      return random.pick([Number.NaN, Number.POSITIVE_INFINITY, -0, 2 ** 53, 5e-324, 1.7976931348623157e308]);
    case 5:
      return root;
    case 6:
      return new Proxy({}, { get: thrower, has: thrower, ownKeys: thrower, getOwnPropertyDescriptor: thrower });
    case 7:
      return new Proxy([], { get: (_, key) => (key === "length" ? 2 ** 32 : thrower()) });
    case 8:
      return new Array(random.below(200));
    case 9:
      return { toString: thrower, valueOf: thrower, toJSON: thrower, [Symbol.toPrimitive]: thrower };
    case 10:
      return Object.create({ amount: 1, x: 1, agent_id: "pay" });
    case 11:
      return new Date(Number.NaN);
    case 12:
      return new Map([["amount", 1]]);
    case 13:
      return new Uint8Array(random.below(300));
    case 14:
      return Object.freeze({ amount: "1" });
    case 15:
      return "x".repeat(random.pick([255, 256, 257, 5000, 70_000]));
    case 16:
      return random.pick(["\ud800", "\u0000", "", "𝒳", "__proto__", "../..", "a//b"]);
    default:
      return deep(random.pick([3, 63, 64, 65, 500]));
  }
}

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { x: value };
  return value;
}

export function mutatedBytes(random: Random, request: EvaluationRequest): Uint8Array {
  return spoiled(random, new TextEncoder().encode(jsonText(random, request)));
}

/** Verdicts that a request can get at all; MACHINE_FAULT is said of members that throw, and of nothing in bytes. */
export function checkVerdict(verdict: Verdict, way: "object" | "bytes"): void {
  const { effect, code, reason } = verdict;
  if (effect !== "permit" && effect !== "deny" && effect !== "defer") throw new Error(`an effect of ${String(effect)}`);
  if (typeof code !== "string" || !/^[A-Z_]+$/.test(code)) throw new Error(`a code of ${String(code)}`);
  if (typeof reason !== "string") throw new Error(`a reason of ${String(reason)}`);
  if (code === "MACHINE_FAULT" && (way === "bytes" || effect !== "deny")) throw new Error("the machine trapped");
}

/** One mutated object and one mutated text of each request, each judged. Adds to `codes`; throws where no verdict comes. */
export function judgeMutants(
  policy: Policy,
  random: Random,
  request: EvaluationRequest,
  now: number,
  codes: Map<string, number>,
): void {
  const take = (verdict: Verdict, way: "object" | "bytes"): void => {
    checkVerdict(verdict, way);
    const key = `${way} ${verdict.code}`;
    codes.set(key, (codes.get(key) ?? 0) + 1);
  };
  take(policy.decide(mutatedObject(random, request), { now }), "object");
  take(policy.decideJson(mutatedBytes(random, request), { now }), "bytes");
}
