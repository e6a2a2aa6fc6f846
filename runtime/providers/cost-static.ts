// The kind `cost-static`: prices of tools, written in the policy or in a file. The first that fits a tool's name counts.
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import * as v from "valibot";
import { compileGlob, run } from "../../compiler/automaton/index.ts";
import { microOf } from "../costs.ts";
import { nodeDisk, readWhole } from "../disk.ts";
import { parseJson } from "../json.ts";
import { type Provider, ProviderFailure, type QuoteRequest } from "./provider.ts";
import type { SettingShapes, Settings } from "./settings.ts";

export const costStaticSettings: SettingShapes = {
  prices: { holds: "list" },
  file: { holds: "text" },
  default_usd: { holds: "number" },
  on_unavailable: { holds: "text", choices: ["deny", "permit"] },
};

const fileLimitBytes = 1024 * 1024;
const pricesMax = 4096;
/** Tools whose price is remembered; beyond, all are forgotten. */
const rememberedMax = 4096;

interface Price {
  readonly fits: (tool: string) => boolean;
  readonly usd: number;
}

const fileSchema = v.pipe(
  v.array(v.strictObject({ tool: v.pipe(v.string(), v.nonEmpty(), v.maxLength(256)), cost_usd: v.number() })),
  v.maxLength(pricesMax),
);

export class CostStatic implements Provider {
  readonly abilities = ["quote"] as const;
  readonly #settings: Settings;
  readonly #file: string | null;
  readonly #default: number | null;
  #written: readonly Price[] = [];
  #read: readonly Price[] = [];
  #digest = "";
  readonly #known = new Map<string, number | null>();

  constructor(settings: Settings, dir: string) {
    this.#settings = settings;
    const file = settings.text("file");
    this.#file = file === null ? null : resolve(dir, file);
    this.#default = settings.number("default_usd");
  }

  async init(): Promise<void> {
    const texts = this.#settings.list("prices");
    if (texts.length === 0 && this.#file === null && this.#default === null)
      throw new ProviderFailure("SETTINGS", "either `prices`, `file` or `default_usd` is needed");
    if (texts.length > pricesMax) throw new ProviderFailure("SETTINGS", `\`prices\` are more than ${pricesMax}`);
    if (this.#default !== null) checked(this.#default, "`default_usd`");
    this.#written = texts.map(priceOf);
  }

  /** Takes up a file that has changed. */
  async probe(): Promise<void> {
    if (this.#file === null) return;
    const bytes = bytesOf(this.#file);
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (digest === this.#digest) return;
    this.#read = pricesIn(bytes);
    this.#digest = digest;
    this.#known.clear();
  }

  async shutdown(): Promise<void> {}

  async quote(call: QuoteRequest): Promise<number | null> {
    return this.knownQuote(call);
  }

  knownQuote({ tool_id }: QuoteRequest): number | null {
    const known = this.#known.get(tool_id);
    if (known !== undefined) return known;
    const fits = (price: Price): boolean => price.fits(tool_id);
    const usd = (this.#written.find(fits) ?? this.#read.find(fits))?.usd ?? this.#default;
    if (this.#known.size >= rememberedMax) this.#known.clear();
    this.#known.set(tool_id, usd);
    return usd;
  }
}

/** `stripe/* $0.30`, or without the dollar sign. */
function priceOf(text: string): Price {
  const [, tool, usd] = /^(\S+)\s+\$?(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (tool === undefined || usd === undefined)
    throw new ProviderFailure("SETTINGS", "a price is written as `search/* $0.002`");
  return { fits: fitting(tool), usd: checked(Number(usd), `the price of \`${tool}\``) };
}

function pricesIn(bytes: Uint8Array): Price[] {
  const parsed = parseJson(bytes);
  const read = parsed.ok ? v.safeParse(fileSchema, parsed.value) : null;
  if (read === null || !read.success)
    throw new ProviderFailure("BAD_ANSWER", 'its file is no list of {"tool": "search/*", "cost_usd": 0.002}');
  return read.output.map(({ tool, cost_usd }) => {
    return { fits: fitting(tool), usd: checked(cost_usd, `the price of \`${tool}\``) };
  });
}

function fitting(pattern: string): Price["fits"] {
  if (!pattern.includes("*")) return (tool) => tool === pattern;
  const compiled = compileGlob(pattern, { separator: "/", ignoreCase: false });
  if (!compiled.ok) throw new ProviderFailure("SETTINGS", `\`${pattern}\` is no pattern of tools`);
  return (tool) => run(compiled.automaton, Buffer.from(tool));
}

function checked(usd: number, what: string): number {
  if (microOf(usd) !== null) return usd;
  throw new ProviderFailure("SETTINGS", `${what} is no number of dollars from 0 to a billion`);
}

function bytesOf(path: string): Uint8Array {
  try {
    return readWhole(nodeDisk, path, fileLimitBytes);
  } catch {
    throw new ProviderFailure("UNREACHABLE", `its file cannot be read, or is longer than ${fileLimitBytes} bytes`);
  }
}
