// What a model call costs by its tokens, in whole micro-dollars, rounded up. It must never guess: a model that the table does not have has
// no price, and tokens that are no whole numbers are refused.
import * as v from "valibot";
import { type Disk, readWhole } from "../disk.ts";
import { JsonNumber } from "../evaluator/number.ts";
import { type Json, parseJson } from "../json.ts";
import type { Call } from "../request.ts";
import { type ModelPrice, modelPrices } from "./table.ts";

/** Names a JSON file of more prices; they come before those that are bundled. */
export const pricesVariable = "FARAMESH_MODEL_PRICES";
const fileLimitBytes = 1024 * 1024;
/** More than any model takes in one call. */
const tokensMax = 1_000_000_000;

const dollars = v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000));
const fileSchema = v.array(
  v.strictObject({
    model: v.pipe(v.string(), v.nonEmpty(), v.maxLength(256)),
    input: dollars,
    output: dollars,
    cache_read: v.optional(dollars),
    cache_write: v.optional(dollars),
    source: v.string(),
    as_of: v.string(),
  }),
);

/** The file cannot be used. The message says why. */
export class PricesFailure extends Error {}

/** Whole numbers of tokens; those that are not said are none. */
interface Usage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** What a record says of a price that was looked up. */
export type PriceFact =
  | { readonly model: string; readonly as_of: string }
  | { readonly model: string; readonly known: false }
  | { readonly provider: string }
  /** It has no price for the call. */
  | { readonly provider: string; readonly known: false }
  | { readonly provider: string; readonly unavailable: string }
  /** In dev mode. */
  | { readonly provider: string; readonly stub: true }
  /** Nobody has one. */
  | { readonly known: false };

export type Priced =
  | { readonly ok: true; readonly micro: number; readonly fact: PriceFact }
  | { readonly ok: false; readonly why: string; readonly fact: PriceFact | null };

export class Prices {
  readonly #byModel: ReadonlyMap<string, ModelPrice>;

  constructor(more: readonly ModelPrice[] = []) {
    this.#byModel = new Map([...modelPrices, ...more].map((price) => [price.model, price]));
  }

  /** Throws PricesFailure. `path` undefined: the bundled ones alone. */
  static read(disk: Disk, path: string | undefined): Prices {
    if (path === undefined || path === "") return new Prices();
    const parsed = parseJson(bytesOf(disk, path));
    if (!parsed.ok) throw new PricesFailure(`${pricesVariable}: ${path} is not JSON: ${parsed.message}`);
    const read = v.safeParse(fileSchema, parsed.value);
    if (read.success) return new Prices(read.output as ModelPrice[]);
    const [issue] = read.issues;
    const place = issue.path?.map(({ key }) => String(key)).join(".") ?? "it";
    throw new PricesFailure(`${pricesVariable}: ${path}: ${place}: ${issue.message}`);
  }

  /** Of a model, whoever's name stands before it and whatever date behind; null for one that is not known. */
  of(model: string): ModelPrice | null {
    const name = model.slice(model.lastIndexOf("/") + 1);
    const undated = name.replace(/-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$/, "");
    return this.#byModel.get(model) ?? this.#byModel.get(name) ?? this.#byModel.get(undated) ?? null;
  }

  /** `usage` as APIs give it, or as a caller expects it before the call (`max_tokens`: the most that comes out). */
  cost(model: string, usage: Json): Priced {
    const price = this.of(model);
    if (price === null) return { ok: false, why: `no price is known for \`${model}\``, fact: { model, known: false } };
    const tokens = usageOf(usage);
    if (typeof tokens === "string") return { ok: false, why: tokens, fact: null };
    const { cache_read = price.input, cache_write = price.input } = price;
    const millionths =
      part(tokens.input, price.input) +
      part(tokens.output, price.output) +
      part(tokens.cacheRead, cache_read) +
      part(tokens.cacheWrite, cache_write);
    const micro = Number((millionths + 999_999n) / 1_000_000n);
    return { ok: true, micro, fact: { model: price.model, as_of: price.as_of } };
  }

  /** A call of a model that says its tokens and not its cost, with the cost. */
  priced(call: Call): Call {
    const { model } = call.request;
    if (call.actionType !== "model_call" || call.costUsd !== null || call.usage === null) return call;
    if (typeof model !== "string") return call;
    const priced = this.cost(model, call.usage);
    if (!priced.ok) return { ...call, price: priced.fact };
    const costUsd = priced.micro / 1_000_000;
    return { ...call, costUsd, request: { ...call.request, cost_usd: costUsd }, price: priced.fact };
  }
}

/** Millionths of a micro-dollar: prices have at most six places behind the point. */
function part(tokens: number, dollarsPerMillion: number): bigint {
  return BigInt(tokens) * BigInt(Math.ceil(dollarsPerMillion * 1_000_000 - 1e-6));
}

function bytesOf(disk: Disk, path: string): Uint8Array {
  try {
    return readWhole(disk, path, fileLimitBytes);
  } catch (error) {
    throw new PricesFailure(
      `${pricesVariable}: ${path} cannot be read: ${error instanceof Error ? error.message : ""}`,
    );
  }
}

/** Names of several APIs; those of one kind count once, the first that is there. */
const names: Readonly<Record<keyof Usage, readonly string[]>> = {
  input: ["input_tokens", "prompt_tokens"],
  output: ["output_tokens", "completion_tokens", "max_output_tokens", "max_tokens"],
  cacheRead: ["cache_read_input_tokens"],
  cacheWrite: ["cache_creation_input_tokens"],
};

function usageOf(usage: Json): Usage | string {
  if (typeof usage !== "object" || usage === null || Array.isArray(usage) || usage instanceof JsonNumber)
    return "`usage` is an object of numbers of tokens";
  const tokens = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  for (const kind of Object.keys(names) as (keyof Usage)[]) {
    const name = names[kind].find((one) => Object.hasOwn(usage, one));
    const value: Json | undefined = name === undefined ? 0 : (usage as { readonly [key: string]: Json })[name];
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > tokensMax)
      return `\`usage.${name}\` is no whole number of tokens`;
    tokens[kind] = value;
  }
  return tokens;
}
