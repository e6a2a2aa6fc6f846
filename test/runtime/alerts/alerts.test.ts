// Alerts to real servers: what is told, signed and kept, and that whatever the server does no decision waits for it or changes.
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AlertQueue, queuedAlertsMax } from "../../../runtime/alerts/queue.ts";
import { targetOf } from "../../../runtime/alerts/target.ts";
import { nodeDisk } from "../../../runtime/disk.ts";
import { askOperator } from "../../../runtime/doors/client.ts";
import { isPublicAddress } from "../../../runtime/outgoing/address.ts";
import { post } from "../../../runtime/outgoing/post.ts";
import { type Delivery, type Handler, withReceiver } from "../receiver.ts";
import { onStack } from "../stack-under-test.ts";

const policyOf = (notify: string, runtime = "allow_private = true"): string => `runtime { ${runtime} }
agent "bot" {
  default deny
  permit search
  defer stripe/refund reason "needs <a> person"
  budget daily { max = $4 cost = 1 warn_at = 0.5 tools = ["search"] }
  alert { on = [deny, defer, approved, budget_warning, budget_exceeded] notify = ${notify} }
}`;
const env = { HOOK: "", FARAMESH_WEBHOOK_SECRET: "s3cret" };

function eventsIn(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ body }) => String((JSON.parse(body) as { event: unknown }).event));
}

test("what a policy asks for is told once, in order, signed, without arguments", async () => {
  await withReceiver(async (receiver) => {
    await onStack(
      policyOf('env("HOOK")'),
      async (stack) => {
        await stack.ask("nothing", { card: "4242" });
        const { approval_id } = await stack.ask("stripe/refund", { amount: 1 });
        await stack.approve(approval_id);
        for (let calls = 0; calls < 5; calls += 1) await stack.ask("search");
        const deliveries = await receiver.until(6);
        const events = ["deny", "defer", "approved", "budget_warning", "deny", "budget_exceeded"];
        assert.equal(eventsIn(deliveries), events);
        for (const { headers, body } of deliveries) {
          const signed = `${String(headers["x-faramesh-timestamp"])}.${body}`;
          const signature = createHmac("sha256", "s3cret").update(signed).digest("hex");
          assert.is(headers["x-faramesh-signature"], `v1=${signature}`);
          assert.not.match(body, "4242");
        }
        const { notices } = await askOperator(stack.dir, "status", {});
        assert.equal(
          notices.filter((notice) => notice.includes("s3cret")),
          [],
        );
      },
      { env: { ...env, HOOK: receiver.url } },
    );
  });
});

test("slack is told in a sentence in which nothing is a link or a mention", async () => {
  await withReceiver(async (receiver) => {
    await onStack(
      policyOf('"slack://#ops"'),
      async (stack) => {
        await stack.ask("stripe/refund");
        const [delivery] = await receiver.until(1);
        const { text, channel } = JSON.parse(delivery?.body ?? "{}") as { text: string; channel: string };
        assert.is(channel, "#ops");
        assert.match(text, /^faramesh: defer: bot stripe\/refund: .*&lt;a&gt; person.* \(apr-[0-9a-f]{32}\)$/);
      },
      { env: { ...env, SLACK_WEBHOOK_URL: receiver.url } },
    );
  });
});

test("J11 an alert that is not taken is tried again, waits across a restart, and is told under the same id", async () => {
  await withReceiver(async (receiver) => {
    receiver.answer = (_request, response) => response.writeHead(503).end();
    await onStack(
      policyOf('env("HOOK")'),
      async (stack) => {
        await stack.ask("nothing");
        await receiver.until(1);
        await stack.stop();
        receiver.answer = (_request, response) => response.end();
        const before = receiver.deliveries.length;
        await stack.start();
        const deliveries = await receiver.until(before + 1);
        const ids = new Set(deliveries.map(({ headers }) => headers["x-faramesh-delivery"]));
        assert.is(ids.size, 1);
      },
      { env: { ...env, HOOK: receiver.url } },
    );
  });
});

const misbehaviours: readonly { readonly name: string; readonly answer: Handler }[] = [
  { name: "never answers", answer: () => {} },
  { name: "breaks off", answer: (request) => request.socket.destroy() },
  {
    name: "redirects inwards",
    answer: (_request, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
  },
  {
    name: "answers without end",
    answer: (_request, response) => {
      response.writeHead(500);
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(65_536), () => setImmediate(more));
      };
      more();
    },
  },
];

for (const { name, answer } of misbehaviours) {
  test(`J11 a server that ${name} delays and changes no decision, and the daemon ends all the same`, async () => {
    await withReceiver(async (receiver) => {
      receiver.answer = answer;
      await onStack(
        policyOf('env("HOOK")'),
        async (stack) => {
          assert.is((await stack.ask("nothing")).reason_code, "POLICY_DENY");
          await receiver.until(1);
          assert.is((await stack.ask("search")).effect, "PERMIT");
          assert.is((await stack.ask("stripe/refund")).effect, "DEFER");
        },
        { env: { ...env, HOOK: receiver.url } },
      );
    });
  });
  test(`J11 what a server that ${name} does is a failure`, async () => {
    await withReceiver(async (receiver) => {
      receiver.answer = answer;
      const why = await post({ url: receiver.url, headers: {}, body: "{}", allowPrivate: true }, 200);
      assert.type(why, "string");
      assert.is(receiver.deliveries.length, 1);
    });
  });
}

test("J10 a private address is not asked unless the policy allows it", async () => {
  await withReceiver(async (receiver) => {
    const hosts = [
      "127.0.0.1",
      "localhost",
      "2130706433",
      "0x7f000001",
      "017700000001",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "127.1",
    ];
    for (const host of hosts) {
      const url = `https://${host}:${receiver.port}/`;
      assert.is(await post({ url, headers: {}, body: "{}", allowPrivate: false }), "its address is private", host);
    }
    const url = `http://a@127.0.0.1:${receiver.port}/`;
    assert.is(await post({ url, headers: {}, body: "", allowPrivate: true }), "a URL with a user in it is not used");
    assert.is(await post({ url: receiver.url, headers: {}, body: "", allowPrivate: false }), "only https is used");
    for (const other of ["file:///etc/passwd", "gopher://x/"])
      assert.is(await post({ url: other, headers: {}, body: "", allowPrivate: true }), "only https is used");
    assert.equal(receiver.deliveries, []);
  });
});

const addresses: readonly (readonly [string, boolean])[] = [
  ["8.8.8.8", true],
  ["2606:4700::1111", true],
  ["0.0.0.0", false],
  ["10.1.2.3", false],
  ["100.64.0.1", false],
  ["127.9.9.9", false],
  ["169.254.169.254", false],
  ["172.31.255.255", false],
  ["172.32.0.1", true],
  ["192.168.0.1", false],
  ["224.0.0.1", false],
  ["255.255.255.255", false],
  ["::", false],
  ["::1", false],
  ["::ffff:8.8.8.8", false],
  ["64:ff9b::a00:1", false],
  ["fe80::1", false],
  ["fc00::1", false],
  ["2002:7f00:1::", false],
  ["ff02::1", false],
  ["nowhere", false],
];

for (const [address, isPublic] of addresses) {
  test(`J10 ${address} is ${isPublic ? "public" : "not public"}`, () => assert.is(isPublicAddress(address), isPublic));
}

test("I05 what cannot be a target is told without the value of its variable", () => {
  assert.equal(targetOf({ env: "X" }, {}), { problem: 'env("X") is not set' });
  assert.equal(targetOf({ env: "X" }, { X: "tok3n" }), {
    problem: 'env("X") is none of https://…, slack://…, mailto:… and pagerduty',
  });
  assert.equal(targetOf("slack://#a", {}), { problem: "SLACK_WEBHOOK_URL is not set" });
});

test("J11 what finds no room in the queue is dropped, on record, and the calls are permitted all the same", async () => {
  await withReceiver(async (receiver) => {
    receiver.answer = () => {};
    const policy = `runtime { allow_private = true }
agent "bot" { default deny permit search alert { on = permit notify = env("HOOK") } }`;
    await onStack(
      policy,
      async (stack) => {
        const calls = Array.from({ length: queuedAlertsMax + 100 }, (_, number) => {
          return { type: "govern", agent_id: "bot", tool_id: "search", args: { number } };
        });
        const answers = await stack.send(...calls);
        assert.is(answers.filter(({ effect }) => effect === "PERMIT").length, calls.length);
        const dropped = async (): Promise<unknown> =>
          (await stack.records()).find(({ type, kind }) => type === "mark" && kind === "alerts_dropped");
        while ((await dropped()) === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
        const { notices } = await askOperator(stack.dir, "status", {});
        assert.ok(notices.some((notice) => notice.startsWith(`alerts: ${queuedAlertsMax} wait to be delivered`)));
      },
      { env: { ...env, HOOK: receiver.url } },
    );
  });
});

test("A file of alerts that is damaged keeps no daemon from deciding", async () => {
  await onStack(policyOf('"https://alerts.invalid/"'), async (stack) => {
    await stack.stop();
    writeFileSync(join(stack.dir, ".faramesh/runtime/alerts.json"), '[{"id":1}');
    await stack.start();
    assert.is((await stack.ask("search")).effect, "PERMIT");
  });
});

test("A queue that is full takes no more, and keeps what waits", () => {
  const queue = new AlertQueue(nodeDisk, "/nowhere", []);
  const add = (id: string): boolean => queue.add({ id, target: "https://a", alert: {} });
  for (let number = 0; number < queuedAlertsMax; number += 1) assert.ok(add(String(number)));
  assert.not.ok(add("late"));
  assert.is([...queue.heads().values()][0]?.id, "0");
});

test("Each target has an order of its own, and one that waits holds up no other", () => {
  const waiting = ["https://a", { env: "B" }, "https://a"].map((target, id) => ({ id: String(id), target, alert: {} }));
  const queue = new AlertQueue(nodeDisk, "/nowhere", waiting);
  const ids = (): string[] => [...queue.heads().values()].map(({ id }) => id);
  assert.equal([ids(), queue.size], [["0", "1"], 3]);
  queue.remove(waiting[0] as (typeof waiting)[number]);
  assert.equal([ids(), queue.size], [["2", "1"], 2]);
  queue.remove(waiting[0] as (typeof waiting)[number]);
  queue.remove(waiting[2] as (typeof waiting)[number]);
  assert.equal([ids(), queue.size, queue.head('"https://a"')], [["1"], 1, undefined]);
});

test("Nothing is made of a decision that nobody is to be told", async () => {
  await onStack(policyOf('"https://alerts.invalid/"'), async ({ daemon }) => {
    const { feeds } = daemon.governor;
    let made = 0;
    const publish = (agent: string, effect: "permit" | "deny"): void =>
      feeds.publishDecision(agent, { effect, code: "POLICY_DENY", hasWarnings: false }, () => {
        made += 1;
        return {};
      });
    publish("bot", "permit");
    publish("other", "deny");
    assert.is(made, 0);
    publish("bot", "deny");
    assert.is(made, 1);
  });
});

test.run();
