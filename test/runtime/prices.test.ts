// Prices of model calls: exact, rounded up, never guessed, and in their place among what says what a call costs.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { Prices, PricesFailure } from "../../runtime/prices/prices.ts";
import { modelPrices } from "../../runtime/prices/table.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const prices = new Prices([
  { model: "tiny", input: 0.000001, output: 0.075, source: "test", as_of: "2026-11" },
  { model: "house", input: 1, output: 2, cache_read: 0.1, cache_write: 1.25, source: "test", as_of: "2026-11" },
]);

/** Model, usage, micro-dollars (null: no price). */
const costs: readonly (readonly [string, Record<string, unknown>, number | null])[] = [
  ["house", { input_tokens: 1_000_000, output_tokens: 500_000 }, 2_000_000],
  ["house", { prompt_tokens: 1, completion_tokens: 1 }, 3],
  ["house", { input_tokens: 10, cache_read_input_tokens: 10, cache_creation_input_tokens: 10 }, 24],
  ["house", { input_tokens: 0, cache_read_input_tokens: 1 }, 1],
  ["house", {}, 0],
  ["house", { input_tokens: 100, max_tokens: 50 }, 200],
  ["house", { input_tokens: 100, output_tokens: 5, max_tokens: 50 }, 110],
  ["tiny", { input_tokens: 1 }, 1],
  ["tiny", { input_tokens: 1_000_000 }, 1],
  ["tiny", { input_tokens: 1_000_001 }, 2],
  ["tiny", { output_tokens: 1_000_000_000 }, 75_000_000],
  ["vendor/house-2026-11-01", { input_tokens: 1 }, 1],
  ["house-20261101", { input_tokens: 1 }, 1],
  ["house-latest", { input_tokens: 1 }, 1],
  ["house-mini", { input_tokens: 1 }, null],
  ["mouse", { input_tokens: 1 }, null],
  ["house", { input_tokens: 1.5 }, null],
  ["house", { input_tokens: -1 }, null],
  ["house", { input_tokens: "1" }, null],
  ["house", { input_tokens: 1e10 }, null],
];

for (const [model, usage, micro] of costs) {
  test(`${model} ${JSON.stringify(usage)}: ${micro === null ? "no price" : `${micro} micro-dollars`}`, () => {
    const priced = prices.cost(model, usage as never);
    assert.is(priced.ok ? priced.micro : null, micro);
  });
}

test("every bundled price is of one model, has a source and a date, and output costs no less than input", () => {
  assert.is(new Set(modelPrices.map(({ model }) => model)).size, modelPrices.length);
  for (const { model, input, output, source, as_of } of modelPrices) {
    assert.ok(input > 0 && output >= input && source !== "" && /^20\d\d-\d\d$/.test(as_of), model);
  }
});

const policy = `agent "bot" {
  default deny
  permit llm
  permit fixed
  budget day { max = $1 tools = ["llm"] }
  budget own { max = $5 tools = ["fixed"] cost = amount }
}`;

const modelCall = (model: string, more: object = {}) => ({
  action_type: "model_call",
  model,
  usage: { input_tokens: 1000, max_tokens: 100 },
  ...more,
});

async function spent(stack: StackUnderTest, id: string): Promise<number | undefined> {
  const { budgets } = await askOperator(stack.dir, "status", {});
  return budgets.find((budget) => budget.id === id)?.spent_usd;
}

test("a model call reserves the most that it can cost, and its report raises that alone", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("llm", {}, modelCall("gpt-4o"));
    assert.is(await spent(stack, "day"), 0.0035);
    const [record] = (await stack.records()).filter(({ type }) => type === "decision");
    assert.is(Number(record?.cost_usd), 0.0035);
    assert.equal({ ...Reflect.get(Object(record?.steps), "price") }, { as_of: "2026-03", model: "gpt-4o" });
    const report = { type: "report", agent_id: "bot", action_id, status: "ok", model: "gpt-4o" };
    await stack.send({ ...report, usage: { input_tokens: 1000, output_tokens: 10 } });
    assert.is(await spent(stack, "day"), 0.0035);
    await stack.send({
      type: "cost",
      agent_id: "bot",
      action_id,
      model: "gpt-4o",
      usage: { input_tokens: 2000, output_tokens: 100 },
    });
    assert.is(await spent(stack, "day"), 0.006);
    await askOperator(stack.dir, "cost", {
      action_id: action_id ?? "",
      model: "gpt-4o",
      usage: { input_tokens: 1000 },
      actor: "ana",
    });
    assert.is(await spent(stack, "day"), 0.0025);
    await stack.restart();
    assert.is(await spent(stack, "day"), 0.0025);
  });
});

test("what says the cost otherwise comes first, and a budget holds by the price", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("llm", {}, modelCall("gpt-4o", { cost_usd: 0.25 }));
    assert.is(await spent(stack, "day"), 0.25);
    await stack.ask("fixed", { amount: 2 }, modelCall("gpt-4o"));
    assert.is(await spent(stack, "own"), 2);
    await stack.ask("llm", {}, { model: "gpt-4o", usage: { input_tokens: 1_000_000 } });
    assert.is(await spent(stack, "day"), 0.25, "a call that is no model call has no price");
    await stack.ask("llm", {}, modelCall("of-our-own"));
    assert.is(await spent(stack, "day"), 0.25);
    const unknown = (await stack.records()).at(-1);
    assert.equal({ ...Reflect.get(Object(unknown?.steps), "price") }, { known: false, model: "of-our-own" });
    const over = await stack.ask("llm", {}, modelCall("gpt-4o", { usage: { input_tokens: 300_001 } }));
    assert.is(over.reason_code, "BUDGET_EXCEEDED");
  });
});

test("a file of prices comes before the bundled ones, and one that cannot be read keeps the daemon from starting", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-prices-"));
  const path = join(dir, "prices.json");
  try {
    const entry = { model: "gpt-4o", input: 100, output: 100, source: "contract", as_of: "2026-11" };
    writeFileSync(path, JSON.stringify([entry]));
    await onStack(
      policy,
      async (stack) => {
        await stack.ask("llm", {}, modelCall("openai/gpt-4o-2024-08-06"));
        assert.is(await spent(stack, "day"), 0.11);
      },
      { env: { FARAMESH_MODEL_PRICES: path } },
    );
    for (const text of [
      "{}",
      "[{}]",
      "no",
      JSON.stringify([{ ...entry, input: -1 }]),
      JSON.stringify([{ ...entry, per: 1 }]),
    ]) {
      writeFileSync(path, text);
      assert.throws(
        () => Prices.read(nodeDisk, path),
        (error: unknown) => error instanceof PricesFailure,
        text,
      );
    }
    assert.throws(
      () => Prices.read(nodeDisk, join(dir, "none.json")),
      /FARAMESH_MODEL_PRICES: .*none\.json cannot be read/,
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.run();
