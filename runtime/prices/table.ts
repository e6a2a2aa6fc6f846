// What model calls cost: data, with where each price was read and when. Prices change; FARAMESH_MODEL_PRICES names a file with others.

export interface ModelPrice {
  /** As the vendor's API takes it, without a date: `-20250805`, `-2025-08-07` and `-latest` behind it mean the same model. */
  readonly model: string;
  /** Dollars for a million tokens. */
  readonly input: number;
  readonly output: number;
  /** Of input tokens read from the vendor's cache, and written to it; absent: as `input`. */
  readonly cache_read?: number;
  readonly cache_write?: number;
  /** Where and when it was read. */
  readonly source: string;
  readonly as_of: string;
}

type Row = readonly [model: string, input: number, output: number, cacheRead?: number, cacheWrite?: number];

function rows(source: string, as_of: string, list: readonly Row[]): ModelPrice[] {
  return list.map(([model, input, output, cache_read = input, cache_write = input]) => {
    return { model, input, output, cache_read, cache_write, source, as_of };
  });
}

/** Prices of calls of usual length, not in batches. Cache writes are those that last five minutes. */
export const modelPrices: readonly ModelPrice[] = [
  ...rows("docs.anthropic.com/en/docs/about-claude/pricing", "2025-09", [
    ["claude-opus-4-1", 15, 75, 1.5, 18.75],
    ["claude-opus-4", 15, 75, 1.5, 18.75],
    ["claude-sonnet-4", 3, 15, 0.3, 3.75],
    ["claude-3-7-sonnet", 3, 15, 0.3, 3.75],
    ["claude-3-5-sonnet", 3, 15, 0.3, 3.75],
    ["claude-3-5-haiku", 0.8, 4, 0.08, 1],
    ["claude-3-opus", 15, 75, 1.5, 18.75],
    ["claude-3-haiku", 0.25, 1.25, 0.03, 0.3],
  ]),
  ...rows("OpenAI's price list, as deploybase.ai/articles/openai-pricing quotes it", "2026-03", [
    ["gpt-5.4", 2.5, 15],
    ["gpt-5.1", 1.25, 10],
    ["gpt-5-pro", 15, 120],
    ["gpt-5", 1.25, 10],
    ["gpt-5-mini", 0.25, 2],
    ["gpt-5-nano", 0.05, 0.4],
    ["gpt-4.1", 2, 8],
    ["gpt-4.1-mini", 0.4, 1.6],
    ["gpt-4.1-nano", 0.1, 0.4],
    ["gpt-4o", 2.5, 10],
    ["gpt-4o-mini", 0.15, 0.6],
    ["o3", 2, 8],
    ["o3-mini", 1.1, 4.4],
    ["o4-mini", 1.1, 4.4],
  ]),
];
