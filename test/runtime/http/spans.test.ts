// Spans of decisions at a local OTLP receiver: what they say, and that no receiver can make a decision wait.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exporterSettings, queuedSpansMax, SpanExporter } from "../../../runtime/telemetry/exporter.ts";
import { type Decided, parentOf } from "../../../runtime/telemetry/span.ts";
import { onStack } from "../stack-under-test.ts";
import { HttpUnderTest } from "./client.ts";

interface Receiver {
  readonly endpoint: string;
  readonly bodies: string[];
  close(): void;
}

async function receiver(answer: RequestListener = (_in, out) => out.end("{}")): Promise<Receiver> {
  const bodies: string[] = [];
  const server = createServer((incoming, outgoing) => {
    let text = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk: string) => {
      text += chunk;
    });
    incoming.on("end", () => {
      bodies.push(text);
      answer(incoming, outgoing);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, close };
}

interface Span {
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
}

function spansOf(bodies: readonly string[]): readonly Span[] {
  return bodies.flatMap((body) => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans as Span[]);
}

const policy = `agent "bot" { default deny permit search }`;
const traceId = "0af7651916cd43dd8448eb211c80319c";
const http = { listen: "127.0.0.1:0", cert: null, key: null };

test("each decision is a span of its request's trace, without its arguments", async () => {
  const to = await receiver();
  try {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: to.endpoint, OTEL_SERVICE_NAME: "gate" };
    await onStack(
      policy,
      async (stack) => {
        const door = new HttpUnderTest(stack);
        door.token = (await door.tokenOf("agent", "bot")).token;
        const ask = (flags: string, body: object) =>
          door.ask("/v1/evaluate", { body, headers: { traceparent: `00-${traceId}-b7ad6b7169203331-${flags}` } });
        await ask("01", { tool_id: "search", call_id: "c1", args: { secret: "s3cret" } });
        await ask("00", { tool_id: "search" });
        await stack.ask("drop");
        await stack.stop();
      },
      { env, http },
    );
    const [first, second, ...rest] = spansOf(to.bodies);
    assert.is(rest.length, 0);
    const attributes = Object.fromEntries((first?.attributes ?? []).map(({ key, value }) => [key, value.stringValue]));
    assert.equal(
      [first?.traceId, first?.parentSpanId, first?.name],
      [traceId, "b7ad6b7169203331", "execute_tool search"],
    );
    const { "faramesh.action_id": action, "faramesh.rule_ref": _rule, ...lasting } = attributes;
    assert.match(action ?? "", /^action-/);
    assert.equal(lasting, {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "search",
      "gen_ai.tool.call.id": "c1",
      "gen_ai.agent.id": "bot",
      "gen_ai.conversation.id": "default",
      "faramesh.effect": "permit",
      "faramesh.code": "POLICY_PERMIT",
      "faramesh.policy_version": "v1",
    });
    assert.ok(BigInt(first?.endTimeUnixNano ?? 0) >= BigInt(first?.startTimeUnixNano ?? 1));
    assert.match(second?.traceId ?? "", /^[0-9a-f]{32}$/);
    assert.is(second?.parentSpanId, undefined);
    assert.not.match(to.bodies.join(""), "s3cret");
  } finally {
    to.close();
  }
});

const bad: readonly (readonly [string, RequestListener])[] = [
  ["fails", (_in, out) => out.writeHead(503).end()],
  ["stalls", () => {}],
  ["redirects", (_in, out) => out.writeHead(302, { location: "http://127.0.0.1:1/" }).end()],
  ["breaks off", (_in, out) => out.destroy()],
  ["never stops answering", (_in, out) => out.end("x".repeat(10_000_000))],
];

for (const [name, answer] of bad) {
  test(`J11 a collector that ${name} delays and changes no decision, and the daemon ends all the same`, async () => {
    const to = await receiver(answer);
    try {
      await onStack(
        policy,
        async (stack) => {
          for (let call = 0; call < 20; call++) assert.is((await stack.ask("search")).effect, "PERMIT");
          await stack.stop();
        },
        { env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: to.endpoint } },
      );
    } finally {
      to.close();
    }
  });
}

test("J11 what does not fit the queue is dropped and counted", async () => {
  const settings = { endpoint: "http://127.0.0.1:1/v1/traces", headers: {}, serviceName: "x" };
  const exporter = new SpanExporter(settings, pino({ level: "silent" }));
  const decided: Decided = {
    tool: "t",
    agentId: "a",
    sessionId: "s",
    callId: null,
    actionId: "action-x",
    effect: "deny",
    code: "POLICY_DENY",
    ruleRef: null,
    policyVersion: "v1",
    startUs: 1,
    endUs: 2,
    traceparent: null,
  };
  for (let count = 0; count < queuedSpansMax + 10; count++) exporter.take(decided);
  assert.equal([exporter.queued, exporter.dropped], [queuedSpansMax, 10]);
  await exporter.close();
});

test("traceparent is read as its standard says", () => {
  const id = "b7ad6b7169203331";
  assert.equal(parentOf(`00-${traceId}-${id}-01`), { traceId, spanId: id, isSampled: true });
  assert.equal(parentOf(`01-${traceId}-${id}-00-more`)?.isSampled, false);
  for (const text of ["", `ff-${traceId}-${id}-01`, `00-${traceId}-${id}-01-x`, `00-${"0".repeat(32)}-${id}-01`]) {
    assert.is(parentOf(text), null, text);
  }
});

test("the environment's variables are OpenTelemetry's", () => {
  assert.is(exporterSettings({}), null);
  assert.is(exporterSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://x", OTEL_SDK_DISABLED: "true" }), null);
  assert.is(exporterSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: "file:///x" }), null);
  assert.equal(
    exporterSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://x/", OTEL_EXPORTER_OTLP_HEADERS: "a=b%20c,d" }),
    {
      endpoint: "http://x/v1/traces",
      headers: { a: "b c" },
      serviceName: "faramesh",
    },
  );
});

test.run();
