// What calls cost by providers: who is asked and when, what a budget does with the answer, and that no answer, however hostile or late,
// becomes a price that it is not.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { verifyReplay } from "../../runtime/verify-replay.ts";
import { type Handler, type Receiver, withReceiver } from "../runtime/receiver.ts";
import { codeOf, onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";

const script = fileURLToPath(new URL("child.mjs", import.meta.url));

const agent = `agent "bot" {
  default deny
  permit llm/* search free
  permit fixed
  defer big
  budget day { max = $1 tools = ["llm/*", "big"] }
  budget own { max = $5 tools = ["fixed"] cost = amount }
  budget calls { max_calls = 100 tools = ["search"] }
}`.replace("permit llm/* search free", "permit llm/*\n  permit search\n  permit free");

const http = (port: number, more = ""): string =>
  `runtime { allow_private = true }
provider "costs" { type = "cost-http" url = "http://127.0.0.1:${port}/price/{tool}?n={args.n}" health = "http://127.0.0.1:${port}/health" ${more} }
${agent}`;

const answering = (text: string, status = 200): Handler => {
  return (request, response) => {
    if (request.url === "/health") response.end("{}");
    else response.writeHead(status, { "content-type": "application/json" }).end(text);
  };
};

async function withPrices(
  work: (stack: StackUnderTest, receiver: Receiver) => Promise<void>,
  more = "",
  options: Parameters<typeof onStack>[2] = {},
): Promise<void> {
  await withReceiver(async (receiver) => {
    receiver.answer = answering('{"cost_usd":0.25}');
    await onStack(http(receiver.port, more), (stack) => work(stack, receiver), options);
  });
}

async function spent(stack: StackUnderTest, id = "day"): Promise<number | undefined> {
  const { budgets } = await askOperator(stack.dir, "status", {});
  return budgets.find((budget) => budget.id === id)?.spent_usd;
}

async function prices(stack: StackUnderTest): Promise<readonly unknown[]> {
  const decisions = (await stack.records()).filter(({ type }) => type === "decision");
  return decisions.map(({ cost_usd, steps }) => [
    cost_usd === null ? null : Number(cost_usd),
    JSON.parse(JSON.stringify(Reflect.get(Object(steps), "price") ?? null)) as unknown,
  ]);
}

async function replayed(stack: StackUnderTest): Promise<readonly number[]> {
  const policiesDir = stackPaths(stack.dir).policies;
  const { matched, mismatched, notReplayable } = await verifyReplay({ walDir: stack.daemon.walDir, policiesDir });
  return [matched, mismatched, notReplayable];
}

const questions = ({ deliveries }: Receiver): string[] =>
  deliveries.map(({ url }) => url).filter((url) => url !== "/health");

test("The price is asked before the decision, reserved, recorded, and holds in replay and after a restart", async () => {
  await withPrices(async (stack, receiver) => {
    for (const n of [1, 2, 1, 3]) assert.is((await stack.ask("llm/chat", { n })).effect, "PERMIT");
    assert.is((await stack.ask("llm/chat", { n: 4 })).reason_code, "BUDGET_EXCEEDED");
    assert.equal(
      questions(receiver),
      ["1", "2", "3", "4"].map((n) => `/price/llm%2Fchat?n=${n}`),
    );
    assert.is(await spent(stack), 1);
    assert.equal(await prices(stack), Array(5).fill([0.25, { provider: "costs" }]));
    assert.equal(await replayed(stack), [5, 0, 0]);
    const digest = stack.daemon.stateDigest();
    await stack.restart();
    assert.is(stack.daemon.stateDigest(), digest);
    assert.is(await spent(stack), 1);
  });
});

test("Nobody is asked where the call says its cost itself, or no budget of money asks for it, or the rules are not asked", async () => {
  await withPrices(async (stack, receiver) => {
    await stack.ask("llm/chat", { n: 1 }, { cost_usd: 0.5 });
    await stack.ask("fixed", { n: 1, amount: 2 });
    await stack.ask("search", { n: 1 });
    await stack.ask("free", { n: 1 });
    await stack.ask("llm/chat", { n: 1 }, { agent_id: "nobody" });
    await stack.ask("llm/chat", { n: 1 }, { action_type: "delegate" });
    await stack.ask("llm/chat", {}, { action_type: "model_call", model: "gpt-4o", usage: { input_tokens: 1000 } });
    await askOperator(stack.dir, "kill", { agent_id: "bot", actor: "tester", reason: "" });
    await stack.ask("llm/chat", { n: 1 });
    assert.equal(questions(receiver), []);
    assert.equal([await spent(stack), await spent(stack, "own")], [0.5025, 2]);
  });
});

/** What the server says, and what the call costs: null where there is none to be had. */
const answers: readonly (readonly [text: string, usd: number | null, status?: number])[] = [
  ['{"cost_usd":0}', 0],
  ['{"cost_usd":-0}', 0],
  ['{"cost_usd":null}', 0],
  ['{"cost_usd":0.0000001}', 0.000001],
  ['{"cost_usd":0.1,"more":["ignored"]}', 0.1],
  ['{"cost_usd":0.1000000000000000055511151231257827}', 0.1],
  ['{"cost_usd":-0.01}', null],
  ['{"cost_usd":"0.1"}', null],
  ['{"cost_usd":"NaN"}', null],
  ['{"cost_usd":NaN}', null],
  ['{"cost_usd":1e400}', null],
  ['{"cost_usd":1000000001}', null],
  ['{"cost_usd":true}', null],
  ['{"cost_usd":[0.1]}', null],
  ['{"cost_usd":{"$":0.1}}', null],
  ['{"cost_usd":0.1,"cost_usd":0}', null],
  ['{"Cost_usd":0.1}', null],
  ["{}", null],
  ["[]", null],
  ["0.1", null],
  ["null", null],
  ["", null],
  ["<html>", null],
  [`${"[".repeat(200)}${"]".repeat(200)}`, null],
  [`{"cost_usd":0.1,"pad":"${"x".repeat(10 * 1024 * 1024)}"}`, null],
  ['{"cost_usd":0.1}', null, 404],
  ['{"cost_usd":0.1}', null, 500],
  ['{"cost_usd":0.1}', null, 201],
  ["", null, 302],
];

test("A hostile answer is no price: the call is denied, and nothing is taken for it", async () => {
  await withPrices(async (stack, receiver) => {
    let sum = 0;
    for (const [n, [text, usd, status]] of answers.entries()) {
      receiver.answer = answering(text, status);
      const { reason_code } = await stack.ask("llm/chat", { n });
      const what = `${status ?? 200} ${text.slice(0, 60)}`;
      assert.is(reason_code, usd === null ? "COST_UNAVAILABLE" : "POLICY_PERMIT", what);
      sum += usd ?? 0;
      assert.ok(Math.abs(((await spent(stack)) ?? -1) - sum) < 1e-9, what);
      // What failed has the daemon look after the provider at once: it is up before the next.
      while ((await askOperator(stack.dir, "status", {})).providers[0]?.status !== "ready")
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(await replayed(stack), [answers.length, 0, 0]);
  });
});

test("The denial says whose price was not to be had, names no address, and the record keeps why", async () => {
  await withPrices(async (stack, receiver) => {
    receiver.answer = answering("no", 500);
    const answer = await stack.ask("llm/chat", { n: 1 });
    assert.equal(
      [answer.effect, answer.reason],
      ["DENY", "what the call costs cannot be had: the provider `costs`: the answer was 500"],
    );
    assert.equal(await prices(stack), [[null, { provider: "costs", unavailable: "the answer was 500" }]]);
    const [decision] = (await stack.records()).filter(({ type }) => type === "decision");
    assert.is(Reflect.get(Object(decision?.steps), "at"), "budgets");
  });
});

test("A rule that denies, a full budget and a person come first as ever", async () => {
  await withPrices(async (stack, receiver) => {
    receiver.answer = answering("no", 500);
    assert.is((await stack.ask("other", { n: 1 })).reason_code, "POLICY_DENY");
    const { effect, approval_id } = await stack.ask("big", { n: 1 });
    assert.is(effect, "DEFER");
    await stack.approve(approval_id);
    assert.is((await stack.ask("big", { n: 1 })).reason_code, "COST_UNAVAILABLE");
    receiver.answer = answering('{"cost_usd":0.75}');
    await stack.restart();
    assert.is((await stack.ask("big", { n: 1 })).effect, "PERMIT", "the approval was kept");
    assert.is(await spent(stack), 0.75);
  });
});

test("A server that says nothing denies when the time is over, and one that is asked the same is asked once", async () => {
  await withPrices(async (stack, receiver) => {
    const held: (() => void)[] = [];
    receiver.answer = (request, response) => {
      if (request.url === "/health") response.end("{}");
      else if (request.url?.endsWith("=9") === true) return;
      else held.push(() => response.end('{"cost_usd":0.01}'));
    };
    const late = await stack.ask("llm/chat", { n: 9 });
    assert.equal([late.reason_code, /no answer within 300 ms/.test(late.reason ?? "")], ["COST_UNAVAILABLE", true]);
    const together = Promise.all(Array.from({ length: 20 }, () => stack.ask("llm/chat", { n: 1 })));
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const release of held) release();
    assert.equal(new Set((await together).map(({ effect }) => effect)), new Set(["PERMIT"]));
    assert.is(questions(receiver).filter((url) => url.endsWith("=1")).length, 1);
    assert.is(await spent(stack), 0.2);
  }, "timeout = 300ms");
});

test("`cache = 0s` asks for each call; a call without what the URL needs has no price and is denied", async () => {
  await withPrices(async (stack, receiver) => {
    for (let turn = 0; turn < 3; turn++) await stack.ask("llm/chat", { n: 1 });
    assert.is(questions(receiver).length, 3);
    for (const args of [{}, { n: null }, { n: ["1"] }, { n: ".." }, { n: "x".repeat(300) }])
      assert.is((await stack.ask("llm/chat", args)).reason_code, "COST_UNAVAILABLE");
    assert.is(questions(receiver).length, 3);
    assert.is((await askOperator(stack.dir, "status", {})).providers[0]?.status, "ready", "the call's fault alone");
  }, "cache = 0s");
});

test("`on_unavailable = permit` goes on without a price, and the record says so", async () => {
  await withPrices(async (stack, receiver) => {
    receiver.answer = answering("no", 500);
    assert.is((await stack.ask("llm/chat", { n: 1 })).effect, "PERMIT");
    assert.equal(await prices(stack), [[null, { provider: "costs", unavailable: "the answer was 500" }]]);
    assert.equal([await spent(stack), await replayed(stack)], [0, [1, 0, 0]]);
  }, 'on_unavailable = "permit"');
});

test("In audit mode the call runs, and the record says what enforcing would have said", async () => {
  await withReceiver(async (receiver) => {
    receiver.answer = answering("no", 500);
    const policy = http(receiver.port).replace("runtime { ", 'runtime { mode = "audit" ');
    await onStack(policy, async (stack) => {
      const { effect, would, reason_code } = await stack.ask("llm/chat", { n: 1 });
      assert.equal([effect, would, reason_code], ["PERMIT", "DENY", "COST_UNAVAILABLE"]);
      assert.equal([await spent(stack), await replayed(stack)], [0, [1, 0, 0]]);
    });
  });
});

test("A price asked for under another policy is none; a change of other lines asks nothing anew", async () => {
  await withPrices(async (stack, receiver) => {
    const held: (() => void)[] = [];
    receiver.answer = (request, response) => {
      if (request.url === "/health") response.end("{}");
      else held.push(() => response.end('{"cost_usd":0.01}'));
    };
    const waiting = async (n: number, policy: string): Promise<string | undefined> => {
      const answer = stack.ask("llm/chat", { n });
      while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await stack.apply(policy);
      held.pop()?.();
      return (await answer).reason_code;
    };
    const more = http(receiver.port).replace("permit free", "permit freer");
    assert.is(await waiting(1, more), "POLICY_PERMIT");
    assert.is(
      await waiting(2, more.replace("cost-http", 'cost-http" cache = "30s').replaceAll('"30s"', "30s")),
      "COST_UNAVAILABLE",
    );
  });
});

const list = (words: string): string => `provider "list" { type = "cost-static" ${words} }\n${agent}`;

/** The words of the provider, a tool, what it costs in dollars. */
const listed: readonly (readonly [string, string, number])[] = [
  ['prices = ["llm/chat $0.25", "llm/* 0.5"]', "llm/chat", 0.25],
  ['prices = ["llm/chat $0.25", "llm/* 0.5"]', "llm/embed", 0.5],
  ['prices = ["llm/* 0.5", "llm/chat $0.25"]', "llm/chat", 0.5],
  ['prices = ["other 0.5"]', "llm/chat", 0],
  ['prices = ["other 0.5"] default_usd = $0.125', "llm/chat", 0.125],
  ["default_usd = 0.75", "llm/chat", 0.75],
];

test("cost-static: the first price that fits counts", async () => {
  await onStack(null, async (stack) => {
    for (const [session, [words, tool, usd]] of listed.entries()) {
      await stack.apply(list(words).replace("budget day", "budget session"));
      const session_id = String(session);
      assert.is((await stack.ask(tool, {}, { session_id })).effect, "PERMIT", words);
      const { budgets } = await askOperator(stack.dir, "status", {});
      assert.is(budgets.find((budget) => budget.session === session_id)?.spent_usd, usd, words);
    }
  });
});

test("Prices of a file come behind those of the policy; one that breaks brings the provider down, and is taken up when it is mended", async () => {
  const policy = list('file = "prices.json" prices = ["llm/chat 0.01"]');
  await onStack(null, async (stack) => {
    const file = join(stack.dir, "prices.json");
    writeFileSync(file, '[{"tool":"llm/*","cost_usd":0.02}]');
    await stack.apply(policy);
    await stack.ask("llm/chat");
    await stack.ask("llm/embed");
    assert.is(await spent(stack), 0.03);
    for (const text of ["[", '[{"tool":"a","cost_usd":"1"}]', '[{"tool":"a","cost_usd":-1}]']) {
      writeFileSync(file, text);
      await stack.restart();
      assert.is((await stack.ask("llm/embed")).reason_code, "COST_UNAVAILABLE", text);
      assert.is(await codeOf(stack.apply(policy.replace("0.01", `0.01${text.length}`))), "UNSUPPORTED", text);
    }
    writeFileSync(file, '[{"tool":"llm/*","cost_usd":0.04}]');
    await stack.restart();
    await stack.ask("llm/embed");
    assert.is(await spent(stack), 0.07);
  });
});

/** What is not carried out is refused, in words. */
const refused: readonly (readonly [string, RegExp])[] = [
  ['type = "cost-static"', /either `prices`, `file` or `default_usd` is needed/],
  ['type = "cost-static" prices = ["llm/chat"]', /a price is written as/],
  ['type = "cost-static" prices = ["llm/chat -1"]', /a price is written as/],
  ['type = "cost-static" prices = ["llm/chat 1e3"]', /a price is written as/],
  ['type = "cost-static" prices = ["llm/chat 1000000001"]', /the price of `llm\/chat` is no number of dollars/],
  ['type = "cost-static" file = "none.json"', /its file cannot be read/],
  ['type = "cost-static" default_usd = 1 on_unavailable = "defer"', /`on_unavailable` is one of deny, permit/],
  ['type = "cost-http"', /`url` is missing/],
  ['type = "cost-http" url = "https://{tool}/x"', /its `url`: it is no URL of https whose host is written out/],
  ['type = "cost-http" url = "https://a.example/{secret}"', /`\{secret\}` is no place of a call/],
  ['type = "cost-http" url = "https://a.example/" timeout = 1m', /`timeout` is between 1ms and 2s/],
  ['type = "cost-http" url = "https://a.example/" cache = 48h', /`cache` is between 0s and 24h/],
  ['type = "cost-http" url = "https://127.0.0.1:1/"', /its address is private/],
  ['type = "cost-http" url = "http://127.0.0.1:1/" allow_private = true', /ECONNREFUSED/],
  ['type = "cost-http" url = "https://a.example/" ca_file = "none.pem"', /its `ca_file` cannot be read/],
];

test("A provider of prices that cannot start is refused by apply, and says why", async () => {
  await onStack(agent, async (stack) => {
    for (const [words, why] of refused) {
      const told = await stack.apply(`provider "p" { ${words} }\n${agent}`).then(
        () => "applied",
        (error: unknown) => String(error),
      );
      assert.match(told, why, words);
    }
  });
});

test("Several are asked in the policy's order until one has a price", async () => {
  await withReceiver(async (receiver) => {
    receiver.answer = answering('{"cost_usd":0.5}');
    const first = 'provider "first" { type = "cost-static" prices = ["llm/chat 0.25"] }\n';
    await onStack(http(receiver.port).replace("provider", `${first}provider`), async (stack) => {
      await stack.ask("llm/chat", { n: 1 });
      await stack.ask("llm/embed", { n: 1 });
      assert.equal(await prices(stack), [
        [0.25, { provider: "first" }],
        [0.5, { provider: "costs" }],
      ]);
      assert.is(questions(receiver).length, 1);
    });
  });
});

/** What a process of one's own says. */
const said: readonly (readonly [string, string])[] = [
  ['{"cost_usd":0.25}', "POLICY_PERMIT"],
  ['{"cost_usd":null}', "POLICY_PERMIT"],
  ['{"cost_usd":"5"}', "COST_UNAVAILABLE"],
  ['{"cost_usd":-1}', "COST_UNAVAILABLE"],
  ["3", "COST_UNAVAILABLE"],
  ["refuse", "COST_UNAVAILABLE"],
  ["die", "COST_UNAVAILABLE"],
  ["long", "COST_UNAVAILABLE"],
];

test("A process of one's own is asked, and believed no more than a server", async () => {
  await onStack(
    null,
    async (stack) => {
      for (const [answer, code] of said) {
        const command = `command = ["${process.execPath}", "${script}"]`;
        const words = `type = "process" ${command} quote = ${JSON.stringify(answer)}`;
        await stack.apply(`provider "own" { ${words} }\n${agent}`);
        assert.is((await stack.ask("llm/chat")).reason_code, code, answer);
      }
      assert.is(await spent(stack), 0.25);
    },
    { env: { PATH: process.env.PATH } },
  );
});

test("In dev mode a stub stands for one that is not there: the call has no price, and the record says so", async () => {
  await onStack(
    list('file = "none.json"'),
    async (stack) => {
      assert.is((await stack.ask("llm/chat")).effect, "PERMIT");
      assert.equal(await prices(stack), [[null, { provider: "list", stub: true }]]);
    },
    { dev: true },
  );
});

test.run();
