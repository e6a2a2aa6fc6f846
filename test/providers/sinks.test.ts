// Sinks: every record of the log to receivers that are well, down, slow, garbled and gone, in each receiver's own form.
import { createHmac } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { ocsfOf } from "../../runtime/providers/ocsf.ts";
import { type Receiver, withReceiver } from "../runtime/receiver.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";

const policyOf = (type: string, receiver: Receiver, more = ""): string => `runtime { allow_private = true }
provider "out" { type = "${type}" url = "http://127.0.0.1:${receiver.port}" ${more} }
agent "bot" { default deny permit search }`;

const env = { ...process.env, SINK_TOKEN: "t0ken", SINK_SECRET: "s3cret" };
const seqs = (records: readonly JsonObject[]): number[] => records.map(({ seq }) => Number(seq));

/** What a webhook got, batch by batch. */
function received(receiver: Receiver): JsonObject[] {
  return receiver.deliveries.flatMap(({ body }) => (JSON.parse(body) as { records: JsonObject[] }).records);
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 1500 && !(await done()); turn++) await new Promise((resolve) => setTimeout(resolve, 10));
}

const gotAll = async (stack: StackUnderTest, have: () => readonly JsonObject[]): Promise<void> => {
  const { lastSeq } = stack.daemon.governor.ledger.log;
  await until(() => have().some(({ seq }) => Number(seq) >= lastSeq));
};

test("a webhook gets every record once and in order, signed; a restart goes on where it was", async () => {
  await withReceiver(async (receiver) => {
    await onStack(
      policyOf("sink-webhook", receiver, 'token = env("SINK_TOKEN") secret = env("SINK_SECRET")'),
      async (stack) => {
        for (let one = 0; one < 20; one++) await stack.ask(one % 2 === 0 ? "search" : "other");
        await gotAll(stack, () => received(receiver));
        await stack.restart();
        await stack.ask("search");
        await gotAll(stack, () => received(receiver));
        const got = received(receiver);
        assert.equal(seqs(got), [...new Set(seqs(got))], "none twice");
        assert.equal(
          seqs(got),
          seqs(got).map((_, at) => at + 1),
          "none left out, and in order",
        );
        const stored = await stack.records();
        assert.equal(got.slice(0, 10), JSON.parse(JSON.stringify(stored.slice(0, 10))));
        for (const { headers, body } of receiver.deliveries) {
          assert.is(headers.authorization, "Bearer t0ken");
          const signed = `${String(headers["x-faramesh-timestamp"])}.${body}`;
          const signature = createHmac("sha256", "s3cret").update(signed).digest("hex");
          assert.is(headers["x-faramesh-signature"], `v1=${signature}`);
        }
      },
      { env },
    );
  });
});

test("J11 a receiver that refuses, stalls or is gone loses nothing and holds up no decision", async () => {
  await withReceiver(async (receiver) => {
    let state: "refuses" | "stalls" | "drops" | "well" = "refuses";
    const taken: JsonObject[] = [];
    receiver.answer = (request, response) => {
      if (state === "refuses") response.writeHead(500).end("no");
      else if (state === "drops") request.socket.destroy();
      else if (state === "well") {
        taken.push(...(JSON.parse(receiver.deliveries.at(-1)?.body ?? "{}") as { records: JsonObject[] }).records);
        response.end("x".repeat(100_000));
      }
    };
    await onStack(policyOf("sink-webhook", receiver), async (stack) => {
      assert.is((await stack.ask("search")).effect, "PERMIT");
      await until(() => receiver.deliveries.length > 0);
      await until(async () => (await askOperator(stack.dir, "status", {})).notices.some((one) => one.includes("wait")));
      const { notices } = await askOperator(stack.dir, "status", {});
      assert.match(notices.join(), /sink out: \d+ records wait: the answer was 500/);
      state = "drops";
      await stack.ask("search");
      await until(() => receiver.deliveries.length > 2);
      state = "well";
      await gotAll(stack, () => taken);
      assert.equal([...new Set(seqs(taken))], seqs(await stack.records()).slice(0, new Set(seqs(taken)).size));
      await until(async () => (await askOperator(stack.dir, "status", {})).notices.length === 0);
      assert.equal([...(await askOperator(stack.dir, "status", {})).notices], []);
      // A daemon ends although a receiver never answers.
      state = "stalls";
      await stack.ask("search");
      const asked = receiver.deliveries.length;
      await until(() => receiver.deliveries.length > asked);
      await stack.restart();
      state = "well";
      await gotAll(stack, () => taken);
      const all = [...new Set(seqs(taken))];
      assert.equal(
        all,
        all.map((_, at) => at + 1),
      );
    });
  });
});

test("each receiver gets its own form", async () => {
  const forms: readonly (readonly [
    type: string,
    more: string,
    path: string,
    check: (body: string, h: object) => void,
  ])[] = [
    [
      "sink-splunk",
      'token = env("SINK_TOKEN") index = "main" types = ["decision"]',
      "/services/collector/event",
      (body, headers) => {
        assert.is(Reflect.get(headers, "authorization"), "Splunk t0ken");
        const [event] = body.split("\n").map((line) => JSON.parse(line) as JsonObject);
        assert.equal([event?.index, event?.sourcetype], ["main", "faramesh:record"]);
        assert.is(Reflect.get(Object(event?.event), "tool"), "search");
        assert.ok(Math.abs(Number(event?.time) - Date.now() / 1000) < 600);
      },
    ],
    [
      "sink-elastic",
      'token = env("SINK_TOKEN") index = "audit log" types = ["decision"]',
      "/audit%20log/_bulk?filter_path=errors",
      (body, headers) => {
        assert.is(Reflect.get(headers, "authorization"), "ApiKey t0ken");
        assert.is(Reflect.get(headers, "content-type"), "application/x-ndjson");
        const [action, record] = body.split("\n").map((line) => (line === "" ? {} : (JSON.parse(line) as JsonObject)));
        assert.is(Reflect.get(Object(action?.index), "_id"), record?.hash);
        assert.ok(body.endsWith("\n"));
      },
    ],
    [
      "sink-datadog",
      'token = env("SINK_TOKEN") types = ["decision"]',
      "/api/v2/logs",
      (body, headers) => {
        assert.is(Reflect.get(headers, "dd-api-key"), "t0ken");
        const [log] = JSON.parse(body) as JsonObject[];
        assert.equal([log?.ddsource, log?.service, log?.tool], ["faramesh", "faramesh", "search"]);
      },
    ],
    [
      "sink-otel",
      'types = ["decision"] form = "ocsf"',
      "/v1/logs",
      (body) => {
        const [resource] = (JSON.parse(body) as { resourceLogs: { scopeLogs: { logRecords: JsonObject[] }[] }[] })
          .resourceLogs;
        const record = resource?.scopeLogs[0]?.logRecords[0];
        assert.match(String(record?.timeUnixNano), /^\d{19}$/);
        const text = Reflect.get(Object(record?.body), "stringValue");
        assert.is((JSON.parse(String(text)) as JsonObject).class_uid, 6003);
      },
    ],
  ];
  const tries = forms.map(([type, more, path, check]) =>
    withReceiver(async (receiver) => {
      // An index that refuses some of a bulk says so within a 200.
      let isFirst = true;
      receiver.answer = (_request, response) => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ errors: type === "sink-elastic" && isFirst }));
        isFirst = false;
      };
      await onStack(
        policyOf(type, receiver, more),
        async (stack) => {
          await stack.ask("search");
          await until(() => receiver.deliveries.length >= (type === "sink-elastic" ? 2 : 1));
          const delivery = receiver.deliveries.at(-1);
          assert.is(delivery?.url, path, type);
          check(delivery?.body ?? "", delivery?.headers ?? {});
          if (type === "sink-elastic") assert.is(receiver.deliveries[0]?.body, delivery?.body, "sent again, whole");
        },
        { env },
      );
    }),
  );
  await Promise.all(tries);
});

test("from now on: nothing of before; where its place cannot be read a sink begins anew", async () => {
  await withReceiver(async (receiver) => {
    await onStack('agent "bot" { default deny permit search }', async (stack) => {
      await stack.ask("search");
      const { lastSeq: before } = stack.daemon.governor.ledger.log;
      await stack.apply(policyOf("sink-webhook", receiver, 'from = "now"'));
      await until(async () => {
        await stack.ask("search");
        await new Promise((resolve) => setTimeout(resolve, 200));
        return receiver.deliveries.length > 0;
      });
      await gotAll(stack, () => received(receiver));
      assert.ok(Math.min(...seqs(received(receiver))) > before);
      const kept = join(stack.dir, ".faramesh", "sinks", `${Buffer.from("out").toString("base64url")}.json`);
      await until(
        () =>
          existsSync(kept) && readFileSync(kept, "utf8") === `{"seq":${stack.daemon.governor.ledger.log.lastSeq}}\n`,
      );
      assert.is(readFileSync(kept, "utf8"), `{"seq":${stack.daemon.governor.ledger.log.lastSeq}}\n`);
      await stack.stop();
      writeFileSync(kept, "{");
      await stack.start();
      await until(() => seqs(received(receiver)).includes(1));
      assert.ok(seqs(received(receiver)).includes(1), "rather twice than not at all");
    });
  });
});

test("OCSF: what a decision is called, and that the record stands in it whole", () => {
  const record = {
    seq: 7,
    hash: "ab",
    time: "2026-03-01T12:00:00.000000Z",
    type: "decision",
    effect: "deny",
    code: "POLICY_DENY",
  };
  const event = ocsfOf({ ...record, tool: "pay", agent_id: "bot", action_id: "action-1", session_id: "s" });
  assert.equal(
    [event.class_uid, event.category_uid, event.type_uid, event.severity_id, event.status_id, event.action_id],
    [6003, 6, 600_399, 3, 2, 2],
  );
  assert.is(event.time, Date.UTC(2026, 2, 1, 12));
  assert.is(Reflect.get(Object(event.unmapped), "code"), "POLICY_DENY");
  assert.is(ocsfOf({ type: "mark", time: "none" }).class_uid, 0);
});

test.run();
