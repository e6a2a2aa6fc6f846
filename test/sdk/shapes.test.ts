// What goes in comes out in the same shape, types included; and the AI SDK itself runs what comes out.
import { generateText, stepCountIs, streamText, tool } from "ai";
import { convertArrayToReadableStream, MockLanguageModelV3 } from "ai/test";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { z } from "zod";
import { governedTools, StubTransport, ToolDeniedError } from "../../runtime/sdk/index.ts";

const agentId = "bot";
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

test("a record of functions: keys name the tools, this and results stay", async () => {
  const transport = new StubTransport({ add: "permit", later: "permit" });
  const tools = { add: (args: { a: number; b: number }) => args.a + args.b, later: async (name: string) => name };
  const governed = governedTools(tools, { agentId, transport });
  const add: (args: { a: number; b: number }) => Promise<number> = governed.add;
  const later: (name: string) => Promise<string> = governed.later;
  assert.is(await add({ a: 1, b: 2 }), 3);
  assert.is(await later("x"), "x");
  assert.equal(
    transport.requests.map((request) => [request.tool_id, request.args]),
    [
      ["add", { a: 1, b: 2 }],
      ["later", { args: ["x"] }],
    ],
  );
});

test("an array and a single function are named by their functions", async () => {
  const transport = new StubTransport({ "*": "permit" });
  const nothing = () => "n";
  const list = governedTools(
    [
      nothing,
      function two(a: number, b?: number) {
        return [a, b];
      },
    ] as const,
    { agentId, transport },
  );
  assert.is(await list[0](), "n");
  assert.equal(await list[1](1), [1, undefined]);
  assert.is(await governedTools(nothing, { agentId, transport })(), "n");
  assert.equal(
    transport.requests.map((request) => [request.tool_id, request.args]),
    [
      ["nothing", {}],
      ["two", { args: [1] }],
      ["nothing", {}],
    ],
  );
  assert.equal([list[1].name, list[1].length], ["two", 2]);
});

test("frozen tools and members of functions are kept", async () => {
  const transport = new StubTransport({ a: "permit", b: "permit" });
  const described = Object.assign(() => 1, { description: "one" });
  const tools = { a: Object.freeze({ title: "A", execute: () => 1 }), b: described };
  const governed = governedTools(tools, { agentId, transport });
  assert.equal([governed.a.title, await governed.a.execute()], ["A", 1]);
  assert.equal([governed.b.length, await governed.b()], [0, 1]);
  assert.is(governed.b.description, "one");
});

test("toolName says what the policy calls a tool", async () => {
  const transport = new StubTransport({ "stripe/refund": "permit" });
  const toolName = (key: string) => key.replace("_", "/");
  assert.is(await governedTools({ stripe_refund: () => 1 }, { agentId, transport, toolName }).stripe_refund(), 1);
});

const ungovernable: readonly [string, object][] = [
  ["a nameless function", [() => 1]],
  ["a number", { a: 1 }],
  ["a tool that is invoked otherwise", { a: { name: "a", invoke: () => 1 } }],
];
for (const [name, tools] of ungovernable) {
  test(`${name} is refused when the tools are wrapped`, () => {
    assert.throws(
      () => governedTools(tools, { agentId, transport: new StubTransport({}) }),
      (error: unknown) => error instanceof TypeError,
    );
  });
}

test("a denied stream yields nothing and has run nothing", async () => {
  let ran = 0;
  async function* count() {
    ran += 1;
    yield 1;
  }
  const governed: typeof count = governedTools(count, { agentId, transport: new StubTransport({}) });
  const seen: unknown[] = [];
  try {
    for await (const value of governed()) seen.push(value);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, ToolDeniedError);
  }
  assert.equal([ran, seen], [0, []]);
});

function toolSet(ran: unknown[]) {
  return {
    search: tool({
      description: "Search.",
      inputSchema: z.object({ query: z.string() }),
      providerOptions: { test: { cached: true } },
      execute: async (input, options) => {
        ran.push([input, options.toolCallId]);
        return { hits: input.query.length };
      },
    }),
    "stripe/refund": tool({
      description: "Refund.",
      inputSchema: z.object({ amount: z.number() }),
      execute: async (input) => ran.push(input),
    }),
    progress: tool({
      description: "Count.",
      inputSchema: z.object({ to: z.number() }),
      async *execute({ to }) {
        for (let n = 1; n <= to; n++) yield n;
      },
    }),
    askUser: tool({ description: "Run by the client.", inputSchema: z.object({}) }),
  };
}

test("an AI SDK tool keeps its type and every member but execute", () => {
  const tools = toolSet([]);
  const governed: typeof tools = governedTools(tools, { agentId, transport: new StubTransport({}) });
  assert.equal(Object.keys(governed), Object.keys(tools));
  for (const key of ["search", "stripe/refund", "progress"] as const) {
    const { execute: before, ...rest } = tools[key];
    const { execute: after, ...kept } = governed[key];
    assert.equal(kept, rest);
    assert.is(kept.inputSchema, rest.inputSchema);
    assert.is.not(after, before);
  }
  assert.is(governed.askUser, tools.askUser);
});

const calls = [
  ["search", { query: "abc" }],
  ["stripe/refund", { amount: 80 }],
  ["progress", { to: 3 }],
] as const;
const content = calls.map(([toolName, input], index) => ({
  type: "tool-call" as const,
  toolCallId: `call-${index}`,
  toolName,
  input: JSON.stringify(input),
}));
const done = { unified: "stop" as const, raw: undefined };
const toolCalls = { unified: "tool-calls" as const, raw: undefined };

test("generateText runs permitted tools and hands denials to the model", async () => {
  const ran: unknown[] = [];
  const transport = new StubTransport({ search: "permit", progress: "permit" });
  const model = new MockLanguageModelV3({
    doGenerate: [
      { content, finishReason: toolCalls, usage, warnings: [] },
      { content: [{ type: "text", text: "done" }], finishReason: done, usage, warnings: [] },
    ],
  });
  const tools = governedTools(toolSet(ran), { agentId, transport });
  const result = await generateText({ model, tools, prompt: "go", stopWhen: stepCountIs(3) });
  assert.is(result.text, "done");
  assert.equal(ran, [[{ query: "abc" }, "call-0"]]);
  const parts = result.steps[0]?.content.filter((part) => part.type === "tool-result" || part.type === "tool-error");
  const outcomes = parts?.map((part) =>
    part.type === "tool-result" ? part.output : (part.error as ToolDeniedError).code,
  );
  assert.equal(outcomes, [{ hits: 3 }, "POLICY_DENY", 3]);
  assert.match(JSON.stringify(model.doGenerateCalls[1]?.prompt), "stripe/refund denied (POLICY_DENY)");
});

test("streamText shows a streaming tool's values as they come", async () => {
  const transport = new StubTransport({ search: "permit", progress: "permit" });
  const text = [
    { type: "text-start" as const, id: "t" },
    { type: "text-delta" as const, id: "t", delta: "done" },
    { type: "text-end" as const, id: "t" },
  ];
  const model = new MockLanguageModelV3({
    doStream: [
      { stream: convertArrayToReadableStream([...content, { type: "finish", finishReason: toolCalls, usage }]) },
      { stream: convertArrayToReadableStream([...text, { type: "finish", finishReason: done, usage }]) },
    ],
  });
  const tools = governedTools(toolSet([]), { agentId, transport });
  const progress: unknown[] = [];
  const errors: unknown[] = [];
  for await (const part of streamText({ model, tools, prompt: "go", stopWhen: stepCountIs(3) }).fullStream) {
    if (part.type === "tool-result" && part.toolName === "progress")
      progress.push([part.output, part.preliminary ?? false]);
    if (part.type === "tool-error") errors.push([part.toolName, (part.error as ToolDeniedError).code]);
  }
  assert.equal(progress, [
    [1, true],
    [2, true],
    [3, true],
    [3, false],
  ]);
  assert.equal(errors, [["stripe/refund", "POLICY_DENY"]]);
});

test("an execute that returns an iterable only once it runs gives its last value", async () => {
  async function* values() {
    yield 1;
    yield 2;
  }
  const tools = { late: { execute: (_input: object) => values() as unknown } };
  const governed = governedTools(tools, { agentId, transport: new StubTransport({ late: "permit" }) });
  assert.is(await governed.late.execute({}), 2);
});

test("the AI SDK's abort signal ends the wait", async () => {
  const controller = new AbortController();
  const transport = new StubTransport({ pay: "defer" });
  const tools = { pay: { execute: async (_input: object, _options: { abortSignal: AbortSignal }) => "ran" } };
  const governed = governedTools(tools, { agentId, transport, onDefer: "block" });
  const pending = governed.pay.execute({}, { abortSignal: controller.signal });
  controller.abort();
  await pending.then(assert.unreachable, (error) => assert.is(error.code, "ABORTED"));
});

test.run();
