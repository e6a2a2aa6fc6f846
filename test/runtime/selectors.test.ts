// Values from outside, asked of real servers: what a decision is made with, what is recorded, and that no server can hold a call up for
// long, be asked more than the policy says, or be anywhere that it does not allow.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SystemClock } from "../../runtime/clock.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { questionsAtOnce, selectorLimitBytes } from "../../runtime/selectors/selectors.ts";
import { sourceOf, urlFor } from "../../runtime/selectors/source.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { verifyReplay } from "../../runtime/verify-replay.ts";
import { type Handler, type Receiver, withReceiver } from "./receiver.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const policyOf = (
  source: string,
  more = "cache = 30s",
  runtime = "allow_private = true",
): string => `runtime { ${runtime} }
agent "bot" {
  default deny
  permit stripe/refund if account.tier == "gold" and amount < account.most
  permit search
  selector account { source = "${source}" ${more} }
}`;

const answering = (value: unknown): Handler => {
  return (_request, response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
};
const gold = answering({ tier: "gold", most: 100, notes: "not read" });

async function replayed(stack: StackUnderTest): Promise<readonly number[]> {
  const policiesDir = stackPaths(stack.dir).policies;
  const { matched, mismatched, notReplayable } = await verifyReplay({ walDir: stack.daemon.walDir, policiesDir });
  return [matched, mismatched, notReplayable];
}

async function withSource(
  work: (stack: StackUnderTest, receiver: Receiver) => Promise<void>,
  more?: string,
  path = "accounts/{args.customer}?agent={agent}",
  options: Parameters<typeof onStack>[2] = {},
): Promise<void> {
  await withReceiver(async (receiver) => {
    receiver.answer = gold;
    const policy = policyOf(`http://127.0.0.1:${receiver.port}/${path}`, more);
    await onStack(policy, (stack) => work(stack, receiver), options);
  });
}

test("a value is asked for the call, judged with, recorded as far as it was read, and replayed", async () => {
  await withSource(async (stack, receiver) => {
    const call = { customer: "c/1 ü", amount: 50 };
    assert.is((await stack.ask("stripe/refund", call)).effect, "PERMIT");
    assert.is((await stack.ask("stripe/refund", { ...call, amount: 100 })).reason_code, "POLICY_DENY");
    assert.is((await stack.ask("search")).effect, "PERMIT");
    assert.equal(
      receiver.deliveries.map(({ url }) => url),
      ["/accounts/c%2F1%20%C3%BC?agent=bot"],
    );
    const [, refund] = (await stack.records()).filter(({ type }) => type === "decision" || type === "policy");
    assert.equal(refund?.inputs, { selectors: { account: { most: 100, tier: "gold" } } });
    assert.equal(await replayed(stack), [3, 0, 0]);
  });
});

test("an answer is good for as long as the policy says, and another question is another answer", async () => {
  let wallMs = Date.UTC(2026, 0, 1);
  const clock = new SystemClock({ wallMs: () => wallMs, monoUs: () => wallMs * 1000 });
  await withSource(
    async (stack, receiver) => {
      const ask = (customer: string) => stack.ask("stripe/refund", { customer, amount: 1 });
      for (const customer of ["a", "a", "b"]) assert.is((await ask(customer)).effect, "PERMIT");
      assert.is(receiver.deliveries.length, 2);
      wallMs += 29_000;
      receiver.answer = answering({ tier: "lead" });
      assert.is((await ask("a")).effect, "PERMIT");
      wallMs += 1000;
      assert.is((await ask("a")).effect, "DENY");
      assert.is(receiver.deliveries.length, 3);
    },
    undefined,
    undefined,
    { clock },
  );
});

test("without `cache` each call asks anew", async () => {
  await withSource(async (stack, receiver) => {
    for (let turn = 0; turn < 3; turn++) await stack.ask("stripe/refund", { customer: "a", amount: 1 });
    assert.is(receiver.deliveries.length, 3);
  }, "");
});

test("a thousand calls at once ask once", async () => {
  await withSource(async (stack, receiver) => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    receiver.answer = (request, response) => void held.then(() => gold(request, response));
    const line = { type: "govern", agent_id: "bot", tool_id: "stripe/refund", args: { customer: "a", amount: 1 } };
    const asked = stack.send(...Array.from({ length: 1000 }, () => line));
    await receiver.until(1);
    setTimeout(release, 50);
    const effects = new Set((await asked).map(({ effect }) => effect));
    assert.equal([effects, receiver.deliveries.length], [new Set(["PERMIT"]), 1]);
  });
});

test("as many different questions at once as there is room for, and the others in their turn", async () => {
  await withSource(async (stack, receiver) => {
    let most = 0;
    let now = 0;
    receiver.answer = (request, response) => {
      now += 1;
      most = Math.max(most, now);
      setImmediate(() => {
        now -= 1;
        gold(request, response);
      });
    };
    const lines = Array.from({ length: questionsAtOnce + 8 }, (_, at) => {
      return { type: "govern", agent_id: "bot", tool_id: "stripe/refund", args: { customer: `c${at}`, amount: 1 } };
    });
    const effects = (await stack.send(...lines)).map(({ effect }) => effect);
    assert.equal([new Set(effects), receiver.deliveries.length], [new Set(["PERMIT"]), lines.length]);
    assert.ok(most <= questionsAtOnce, String(most));
  });
});

test("J12 a source that hangs takes no place of another's, and what waits for it waits no longer than it", async () => {
  await withSource(async (stack, receiver) => {
    await stack.apply(`runtime { allow_private = true }
      agent "bot" { default deny permit a if slow.ok == true permit b if quick.tier == "gold"
        selector slow { source = "${receiver.url}/slow/{args.n}" }
        selector quick { source = "${receiver.url}/quick" } }`);
    receiver.answer = (request, response) => {
      if (request.url === "/hook/quick") gold(request, response);
    };
    const line = (tool: string, n: number) => ({ type: "govern", agent_id: "bot", tool_id: tool, args: { n } });
    const held = stack.send(...Array.from({ length: 300 }, (_, n) => line("a", n)));
    await receiver.until(questionsAtOnce);
    assert.is((await stack.ask("b")).effect, "PERMIT");
    assert.equal(new Set((await held).map(({ effect }) => effect)), new Set(["DENY"]));
    const told = JSON.stringify((await stack.records()).map(({ steps }) => steps));
    assert.match(told, "no answer within 1000 ms");
    assert.match(told, "too many values are being asked for");
  });
});

test("a value that was good when the call came is good for it, however long another one takes", async () => {
  let wallMs = Date.UTC(2026, 0, 1);
  const clock = new SystemClock({ wallMs: () => wallMs, monoUs: () => wallMs * 1000 });
  await withSource(
    async (stack, receiver) => {
      await stack.apply(`runtime { allow_private = true }
        agent "bot" { default deny permit a if one.tier == "gold" permit b if one.tier == "gold" and two.tier == "gold"
          selector one { source = "${receiver.url}/one" cache = 10s }
          selector two { source = "${receiver.url}/two" cache = 10s } }`);
      assert.is((await stack.ask("a")).effect, "PERMIT");
      wallMs += 9_999;
      receiver.answer = (request, response) => {
        wallMs += 100;
        gold(request, response);
      };
      assert.is((await stack.ask("b")).effect, "PERMIT");
      assert.equal(
        receiver.deliveries.map(({ url }) => url),
        ["/hook/one", "/hook/two"],
      );
    },
    undefined,
    undefined,
    { clock },
  );
});

test("nobody is asked for a call that the rules are not asked about", async () => {
  await withSource(async (stack, receiver) => {
    const ask = async () => (await stack.ask("stripe/refund", { customer: "a", amount: 1 })).reason_code;
    await askOperator(stack.dir, "quiesce", { agent_id: "bot", actor: "ana", reason: "" });
    assert.is(await ask(), "AGENT_QUIESCED");
    await askOperator(stack.dir, "kill", { agent_id: "bot", actor: "ana", reason: "" });
    assert.is(await ask(), "KILL_SWITCH");
    assert.is(receiver.deliveries.length, 0);
  });
});

test("J10 what was asked at a private address is no answer once the policy allows none", async () => {
  await withSource(async (stack, receiver) => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    receiver.answer = (request, response) => void held.then(() => gold(request, response));
    const asked = stack.ask("stripe/refund", { customer: "a", amount: 1 });
    await receiver.until(1);
    const path = "accounts/{args.customer}?agent={agent}";
    await stack.apply(policyOf(`http://127.0.0.1:${receiver.port}/${path}`, undefined, 'mode = "enforce"'));
    release();
    assert.is((await asked).effect, "DENY");
    assert.is((await stack.ask("stripe/refund", { customer: "a", amount: 1 })).effect, "DENY");
    assert.is(receiver.deliveries.length, 1);
  });
});

const lies: readonly { readonly name: string; readonly answer: Handler; readonly why: RegExp }[] = [
  { name: "never answers", answer: () => {}, why: /no answer within 1000 ms/ },
  { name: "breaks off", answer: (request) => request.socket.destroy(), why: /ECONNRESET/ },
  {
    name: "dies in the middle",
    answer: (request, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"tier": "gold", ', () => request.socket.destroy());
    },
    why: /ECONNRESET|aborted/,
  },
  { name: "has no such thing", answer: (_request, response) => response.writeHead(404).end("{}"), why: /was 404/ },
  {
    name: "redirects inwards",
    answer: (_request, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
    why: /was 302/,
  },
  { name: "answers no JSON", answer: (_request, response) => response.end("<gold>"), why: /not JSON/ },
  {
    name: "names a member twice",
    answer: (_request, response) => response.end('{"tier":"lead","tier":"gold"}'),
    why: /not JSON/,
  },
  {
    name: "answers without end",
    answer: (_request, response) => {
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(65_536, 0x20), () => setImmediate(more));
      };
      more();
    },
    why: new RegExp(`longer than ${selectorLimitBytes} bytes`),
  },
  {
    name: "answers drop by drop",
    answer: (_request, response) => {
      const timer = setInterval(() => response.write(" "), 50);
      response.on("close", () => clearInterval(timer));
    },
    why: /no answer within 1000 ms/,
  },
  {
    name: "answers in another encoding",
    answer: (_request, response) => response.writeHead(200, { "content-encoding": "gzip" }).end("{}"),
    why: /encoding/,
  },
];

test("J12 a source that lies in any way gives no value, and what the policy says of that holds", async () => {
  await withSource(async (stack, receiver) => {
    const agent = (id: string, word: string): string => `agent "${id}" {
      default deny permit t if account.tier == "gold" or amount == 1
      selector account { source = "${receiver.url}/{args.lie}?{agent}" on_unavailable = "${word}" } }`;
    await stack.apply(`runtime { allow_private = true }\n${agent("bot", "deny")}\n${agent("careful", "defer")}`);
    for (const [lie, { name, answer, why }] of lies.entries()) {
      receiver.deliveries.length = 0;
      receiver.answer = answer;
      const args = { amount: 1, lie };
      const given = await Promise.all([
        stack.ask("t", args),
        stack.ask("t", { ...args, more: 0 }),
        stack.ask("t", args, { agent_id: "careful" }),
      ]);
      assert.equal(
        given.map(({ effect, reason_code }) => `${effect} ${reason_code}`),
        ["DENY SELECTOR_UNAVAILABLE", "DENY SELECTOR_UNAVAILABLE", "DEFER SELECTOR_UNAVAILABLE"],
        name,
      );
      const records = await stack.records();
      for (const { action_id } of given) {
        const record = records.find((one) => one.type === "decision" && one.action_id === action_id);
        assert.match(String(Reflect.get(Object(Reflect.get(Object(record?.steps), "unavailable")), "account")), why);
      }
      assert.match((await askOperator(stack.dir, "status", {})).notices.join("\n"), why);
      // Not asked again at once.
      assert.is(receiver.deliveries.length, 2, name);
    }
    assert.equal(await replayed(stack), [3 * lies.length, 0, 0]);
  });
});

test("J10 a private address is not asked unless the policy allows it", async () => {
  await withReceiver(async (receiver) => {
    for (const host of ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "10.1.2.3", "169.254.169.254"]) {
      const policy = policyOf(`https://${host}:${receiver.port}/`, "", 'mode = "enforce"');
      await onStack(policy, async (stack) => {
        const { reason_code, action_id } = await stack.ask("stripe/refund", { amount: 1 });
        assert.is(reason_code, "POLICY_DENY");
        const record = (await stack.records()).find((one) => one.action_id === action_id);
        assert.equal(Reflect.get(Object(record?.steps), "unavailable"), { account: "its address is private" }, host);
      });
    }
    assert.is(receiver.deliveries.length, 0);
  });
});

test("J10 a call fills one segment or one value of the URL, never its host or another path", () => {
  const source = sourceOf("https://h.example/a/{args.id}/b?x={args.x}&s={session}");
  if (typeof source === "string") throw new Error(source);
  const url = (args: { readonly [name: string]: string | number | boolean | null }): string | null =>
    urlFor(source, { agent_id: "bot", tool_id: "t", args });
  assert.is(url({ id: "../../x?y#z", x: "&q=1" }), "https://h.example/a/..%2F..%2Fx%3Fy%23z/b?x=%26q%3D1&s=default");
  assert.is(url({ id: 7, x: true }), "https://h.example/a/7/b?x=true&s=default");
  for (const id of ["", ".", "..", null, "x".repeat(257), "\ud800"]) assert.is(url({ id, x: "1" }), null, String(id));
  assert.is(url({ x: "1" }), null);
});

test("a source that cannot be one is told in status, and has no value", async () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["vault:secret/x", /no URL of https whose host is written out/],
    ["https://{args.host}/", /whose host is written out/],
    ["https://h.example{agent}/", /whose host is written out/],
    ["https://h.example/{args}", /`\{args\}` is no place of a call/],
    ["https://h.example/{args.id", /no partner/],
  ];
  for (const [text, why] of wrong) {
    const reason = sourceOf(text);
    assert.match(typeof reason === "string" ? reason : "none", why);
  }
  await onStack(policyOf("ldap://x"), async (stack) => {
    const { notices } = await askOperator(stack.dir, "status", {});
    assert.match(notices.join(), /selector account of bot is never there: it is no URL/);
    assert.is((await stack.ask("stripe/refund", { amount: 1 })).effect, "DENY");
  });
});

test("a token of the environment goes with the question, and is nowhere else", async () => {
  const env = { FARAMESH_SELECTOR_ACCOUNT_TOKEN: "tok-8151" };
  await withSource(
    async (stack, receiver) => {
      await stack.ask("stripe/refund", { customer: "a", amount: 1 });
      assert.is(receiver.deliveries[0]?.headers.authorization, "Bearer tok-8151");
      const all = JSON.stringify([await stack.records(), await askOperator(stack.dir, "status", {})]);
      assert.not.match(all, "tok-8151");
    },
    undefined,
    undefined,
    { env },
  );
});

test("a value is of the policy that asked: another one's source is asked anew", async () => {
  await withSource(async (stack, receiver) => {
    const ask = async () => (await stack.ask("stripe/refund", { customer: "a", amount: 1 })).effect;
    assert.is(await ask(), "PERMIT");
    receiver.answer = answering({ tier: "lead" });
    await stack.apply(
      policyOf(`http://127.0.0.1:${receiver.port}/accounts/{args.customer}?agent={agent}`, "cache = 60s"),
    );
    assert.is(await ask(), "DENY");
    assert.is(receiver.deliveries.length, 2);
  });
});

test.run();
