// LangChain's and the OpenAI Agents SDK's own agents run governed tools: real packages, a model that says what it is told to.
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, type BaseMessage, ToolMessage } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";
import { DynamicTool, StructuredTool, ToolInputParsingException } from "@langchain/core/tools";
import {
  Agent,
  type AgentOutputItem,
  type Model,
  type ModelRequest,
  type ModelResponse,
  tool as openAiTool,
  RunContext,
  Runner,
  shellTool,
  Usage,
  webSearchTool,
} from "@openai/agents";
import { createAgent, tool as langChainTool } from "langchain";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { z } from "zod";
import { governedTools, StubTransport, ToolDeniedError } from "../../runtime/sdk/index.ts";

const agentId = "bot";
const policy = { search: "permit", refund: "deny", wire: "defer" } as const;
const calls = [
  ["search", { query: "abc" }],
  ["refund", { amount: 80 }],
  ["wire", { amount: 9 }],
] as const;

class ScriptedChat extends BaseChatModel {
  readonly seen: BaseMessage[][] = [];
  readonly #answers: AIMessage[];
  constructor(answers: readonly AIMessage[]) {
    super({});
    this.#answers = [...answers];
  }
  _llmType(): string {
    return "scripted";
  }
  override bindTools(): this {
    return this;
  }
  async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    this.seen.push(messages);
    const message = this.#answers.shift();
    if (message === undefined) throw new Error("the model was asked too often");
    return { generations: [{ text: "", message }] };
  }
}

function langChainTools(ran: unknown[]) {
  const amount = z.object({ amount: z.number() });
  return [
    langChainTool(async ({ query }) => `${query.length} hits`, {
      name: "search",
      description: "Search.",
      schema: z.object({ query: z.string() }),
    }),
    langChainTool((input) => ran.push(input), { name: "refund", description: "Refund.", schema: amount }),
    langChainTool((input) => ran.push(input), { name: "wire", description: "Wire.", schema: amount }),
  ] as const;
}

test("a LangChain agent runs what is permitted and shows its model what is not", async () => {
  const ran: unknown[] = [];
  const transport = new StubTransport(policy);
  const tools: ReturnType<typeof langChainTools> = governedTools(langChainTools(ran), { agentId, transport });
  const toolCalls = calls.map(([name, args], index) => ({ name, args, id: `c${index}` }));
  const model = new ScriptedChat([new AIMessage({ content: "", tool_calls: toolCalls }), new AIMessage("done")]);
  const { messages } = await createAgent({ model, tools: [...tools] }).invoke({
    messages: [{ role: "user", content: "go" }],
  });
  assert.is(messages.at(-1)?.content, "done");
  const told = messages
    .filter((message) => ToolMessage.isInstance(message))
    .map(({ status, content }) => [status, content]);
  assert.equal(told[0], ["success", "3 hits"]);
  assert.is(told[1]?.[0], "error");
  assert.match(String(told[1]?.[1]), "refund denied (POLICY_DENY): the stub denies it");
  assert.match(String(told[2]?.[1]), "wire waits for approval (POLICY_DEFER)");
  assert.equal(ran, []);
  assert.equal(
    transport.requests.map(({ tool_id, args }) => [tool_id, args]),
    calls.map(([name, args]) => [name, args]),
  );
});

test("LangChain tools keep class, schema and name, and are called with what was judged", async () => {
  class Weather extends StructuredTool {
    readonly name = "weather";
    readonly description = "Weather.";
    readonly schema = z.object({ city: z.string(), days: z.number().default(2) });
    readonly #unit = "C";
    protected async _call({ city, days }: { city: string; days: number }) {
      return `${city} ${days} ${this.#unit}`;
    }
  }
  const weather = new Weather();
  const lower = new DynamicTool({ name: "lower", description: "", func: async (text: string) => text.toLowerCase() });
  const transport = new StubTransport({ "*": "permit" });
  const [governed, governedLower] = governedTools([weather, lower] as const, { agentId, transport });
  assert.ok(governed instanceof Weather && governed.schema === weather.schema);
  assert.is(await governed.invoke({ city: "Rome" }), "Rome 2 C");
  assert.is(await governedLower.invoke("ABC"), "abc");
  assert.equal(
    transport.requests.map(({ tool_id, args }) => [tool_id, args]),
    [
      ["weather", { city: "Rome", days: 2 }],
      ["lower", { input: "ABC" }],
    ],
  );
});

test("LangChain: a call that fails its own schema is never asked about, a stream streams", async () => {
  const transport = new StubTransport({ "*": "permit" });
  const [search] = governedTools(langChainTools([]), { agentId, transport });
  assert.instance(
    await search.invoke({ query: 7 } as never).catch((error: unknown) => error),
    ToolInputParsingException,
  );
  assert.equal(transport.requests, []);
  const count = langChainTool(
    async function* ({ to }: { to: number }) {
      for (let n = 1; n <= to; n++) yield n;
      return `counted to ${to}`;
    },
    { name: "count", description: "Count.", schema: z.object({ to: z.number() }) },
  );
  const seen: unknown[] = [];
  const callbacks = [{ handleToolEvent: (chunk: unknown) => void seen.push(chunk) }];
  const [governed] = governedTools([count] as const, { agentId, transport });
  assert.is(await governed.invoke({ to: 2 }, { callbacks }), "counted to 2");
  assert.equal(seen, [1, 2]);
});

function scriptedModel(outputs: AgentOutputItem[][]): Model & { readonly seen: ModelRequest[] } {
  const seen: ModelRequest[] = [];
  return {
    seen,
    async getResponse(request): Promise<ModelResponse> {
      seen.push(structuredClone({ ...request, signal: undefined }));
      const output = outputs.shift();
      if (output === undefined) throw new Error("the model was asked too often");
      return { usage: new Usage(), output, responseId: "r" };
    },
    getStreamedResponse() {
      throw new Error("nothing streams here");
    },
  };
}

function openAiTools(ran: unknown[]) {
  const amount = z.object({ amount: z.number() });
  return [
    openAiTool({
      name: "search",
      description: "Search.",
      parameters: z.object({ query: z.string() }),
      execute: async ({ query }) => `${query.length} hits`,
    }),
    openAiTool({ name: "refund", description: "Refund.", parameters: amount, execute: (input) => ran.push(input) }),
    openAiTool({ name: "wire", description: "Wire.", parameters: amount, execute: (input) => ran.push(input) }),
  ];
}

const openAiCalls = calls.map(([name, args], index) => ({
  type: "function_call" as const,
  callId: `c${index}`,
  name,
  arguments: JSON.stringify(args),
  status: "completed" as const,
}));
const done: AgentOutputItem = {
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: "done" }],
};

test("an OpenAI agent runs what is permitted, tells its model what is not, and goes on", async () => {
  const ran: unknown[] = [];
  const transport = new StubTransport(policy);
  const tools = governedTools(openAiTools(ran), { agentId, transport });
  const model = scriptedModel([openAiCalls, [done]]);
  const agent = new Agent({ name: "bot", instructions: "go", model, tools });
  const result = await new Runner({ tracingDisabled: true }).run(agent, "go");
  assert.is(result.finalOutput, "done");
  const input = model.seen[1]?.input ?? [];
  const told = typeof input === "string" ? [] : input.filter((item) => item.type === "function_call_result");
  assert.equal(
    told.map(({ output }) => output),
    [
      "3 hits",
      "refund denied (POLICY_DENY): the stub denies it",
      "wire waits for approval (POLICY_DEFER): the stub asks a person",
    ].map((text) => ({ type: "text", text })),
  );
  assert.equal(ran, []);
});

test("OpenAI function tools get the text of what was judged; what is no JSON is judged as text", async () => {
  const got: unknown[] = [];
  const raw = {
    ...openAiTool({
      name: "raw",
      description: "",
      strict: false,
      parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
      execute: () => "",
    }),
    invoke: async (_context: RunContext, input: string) => got.push(input),
  };
  const transport = new StubTransport({ raw: "permit" });
  const [governed] = governedTools([raw] as const, { agentId, transport });
  for (const input of ['{"b":1,\n "a":2, "a":3}', "", "{", "[1]"]) await governed.invoke(new RunContext(), input);
  assert.equal(got, ['{"a":3,"b":1}', "", "{", "[1]"]);
  assert.equal(
    transport.requests.map(({ args }) => args),
    [{ a: 3, b: 1 }, {}, { input: "{" }, { input: [1] }],
  );
});

test("an OpenAI tool whose output has a schema refuses with the error; the run ends", async () => {
  const typed = openAiTool({
    name: "typed",
    description: "",
    parameters: z.object({}),
    outputSchema: z.object({ n: z.number() }),
    execute: () => ({ n: 1 }),
  });
  const [governed] = governedTools([typed] as const, { agentId, transport: new StubTransport({}) });
  const error: unknown = await governed.invoke(new RunContext(), "{}").catch((reason: unknown) => reason);
  assert.instance(error, ToolDeniedError);
});

test("tools that the provider runs pass, machines of this computer are refused", () => {
  const hosted = webSearchTool();
  const options = { agentId, transport: new StubTransport({}) };
  assert.is(governedTools([hosted], options)[0], hosted);
  const shell = shellTool({ shell: { run: async () => ({ output: [] }) } });
  assert.throws(
    () => governedTools([shell], options),
    (error: unknown) => error instanceof TypeError && /called by `shell`/.test(error.message),
  );
});

test.run();
