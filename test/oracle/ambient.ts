// The counters of `ambient` as the oracle understands them, over everything the agent does and asked before its rate limits:
// calls and money as budgets, bytes and different values in a book of their own. Reads the tree by itself; knows nothing of how the
// compiler lays them out.
import type { Agent, Budget, BudgetField, Value } from "../../compiler/ast.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import type { BudgetAnswer } from "./budget.ts";
import type { Call } from "./name.ts";
import { windowNumber } from "./timezone.ts";

const secondsOf: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 60 * 60,
  day: 24 * 60 * 60,
  week: 7 * 24 * 60 * 60,
  month: 30 * 24 * 60 * 60,
};

const callWords = ["calls", "tool_calls", "api_calls", "requests", "actions"];
const moneyWords = ["cost", "spend"];
const byteWords = ["bytes", "data", "data_volume", "output"];

export interface Volume {
  readonly id: string;
  /** Names of the argument whose values count; null where bytes do. */
  readonly names: readonly string[] | null;
  readonly most: number;
  readonly seconds: number;
  readonly onExceed: "deny" | "defer" | "audit";
}

export type AmbientLimit =
  | { readonly kind: "budget"; readonly budget: Budget }
  | { readonly kind: "volume"; readonly volume: Volume };

export function ambientLimits(agent: Agent): readonly AmbientLimit[] {
  return agent.blocks
    .filter(({ keyword }) => keyword === "ambient")
    .flatMap((block) => {
      const onExceed = block.entries.find(({ name }) => name === "on_exceed")?.values[0];
      return block.entries
        .filter(({ name }) => name !== "on_exceed")
        .map(({ name, values: [value], span }): AmbientLimit => {
          const [noun = "", window = "day"] = name.slice("max_".length).split("_per_");
          const seconds = secondsOf[window] ?? Number.NaN;
          const ofMoney = moneyWords.includes(noun);
          if (!ofMoney && !callWords.includes(noun)) {
            const names = byteWords.includes(noun) ? null : argumentNames(noun);
            const most = value?.kind === "number" ? value.value : Number.NaN;
            const word = onExceed?.kind === "word" || onExceed?.kind === "string" ? onExceed.value : "deny";
            const action = word === "defer" || word === "audit" ? word : "deny";
            return { kind: "volume", volume: { id: `ambient.${name}`, names, most, seconds, onExceed: action } };
          }
          const field = (of: string, given: Value): BudgetField => ({ name: of, nameSpan: span, value: given, span });
          const number = (amount: number): Value => ({ kind: "number", value: amount, unit: "plain", text: "", span });
          const fields = [
            ...(value === undefined ? [] : [field(ofMoney ? "max" : "max_calls", value)]),
            ...(ofMoney ? [] : [field("cost", number(0))]),
            field("window", number(seconds)),
            ...(onExceed === undefined ? [] : [field("on_exceed", onExceed)]),
          ];
          return { kind: "budget", budget: { id: `ambient.${name}`, idSpan: span, fields, span } };
        });
    });
}

/** `orders`: order_id, order, orders. */
function argumentNames(noun: string): readonly string[] {
  const plain = noun.replace(/^(unique|distinct)_/, "");
  let one = plain;
  if (/[^aeiou]ies$/.test(plain)) one = plain.replace(/ies$/, "y");
  else if (/(s|x|z|ch|sh)es$/.test(plain)) one = plain.replace(/es$/, "");
  else if (/[^s]s$/.test(plain)) one = plain.replace(/s$/, "");
  return [`${one}_id`, one, plain];
}

interface Shelf {
  readonly window: bigint;
  readonly bytes: number;
  readonly values: ReadonlySet<string>;
}

export class VolumeBook {
  private readonly shelves = new Map<string, Shelf>();

  ask(call: Call, volume: Volume): BudgetAnswer | "unknown cost" {
    const key = JSON.stringify([call.request.agent_id, volume.id]);
    const window = windowNumber(call.zone, BigInt(volume.seconds) * 1_000_000n, call.nowUs);
    const kept = this.shelves.get(key);
    const before = kept?.window === window ? kept : { window, bytes: 0, values: new Set<string>() };
    const value = volume.names === null ? null : firstValue(call, volume.names);
    if (value !== null && typeof value === "object") return "unknown cost";
    const after: Shelf = {
      window,
      bytes: before.bytes + (volume.names === null ? dataSize(call.request.args ?? {}) : 0),
      values: value === null ? before.values : new Set([...before.values, valueText(value)]),
    };
    const grew = volume.names === null || after.values.size > before.values.size;
    const over = grew && (volume.names === null ? after.bytes : after.values.size) > volume.most;
    return {
      id: volume.id,
      exceeded: over ? volume.onExceed : null,
      warns: false,
      costMicro: null,
      take: () => this.shelves.set(key, after),
    };
  }
}

/** The value of the first of the arguments that the call has; null where it has none. */
function firstValue(call: Call, names: readonly string[]): unknown {
  const values = names.map((name) => argument(call, name));
  return values.find((value) => value !== undefined && value !== null) ?? null;
}

export function argument({ request }: Call, name: string): unknown {
  const args: object = request.args ?? {};
  const value: unknown = Object.hasOwn(args, name) ? Reflect.get(args, name) : undefined;
  return value instanceof JsonNumber && value.exact ? value.value : value;
}

/** 0 and -0 are one number; 1 and "1" are two values. */
function valueText(value: unknown): string {
  return JSON.stringify(value === 0 ? 0 : value);
}

/** Texts and names by their UTF-8 bytes, numbers 8, all else 1 and what is in it. */
function dataSize(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (typeof value === "number") return 8;
  if (value instanceof JsonNumber) return value.text.length > 25 ? value.text.length : 8;
  if (Array.isArray(value)) return value.reduce<number>((sum, member) => sum + dataSize(member), 1);
  if (value === null || typeof value !== "object") return 1;
  const present = Object.entries(value).filter(([, member]) => member !== undefined);
  return present.reduce((sum, [name, member]) => sum + Buffer.byteLength(name) + dataSize(member), 1);
}

/** Half a character somewhere in it. */
export function holdsHalf(value: unknown): boolean {
  if (typeof value === "string") return /\p{Surrogate}/u.test(value);
  if (value === null || typeof value !== "object" || value instanceof JsonNumber) return false;
  return Object.entries(value).some(([name, member]) => holdsHalf(name) || holdsHalf(member));
}
