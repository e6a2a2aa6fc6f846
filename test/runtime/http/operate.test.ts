// Approvals, status, streams, metrics and the document of the HTTP door: who is told what.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../../runtime/doors/client.ts";
import { type HttpUnderTest, onHttp } from "./client.ts";

const policy = `agent "bot" { default deny permit search defer ask redact search args: ["card"] }
agent "other" { default permit }`;

async function deferred(http: HttpUnderTest): Promise<string> {
  return JSON.parse((await http.ask("/v1/evaluate", { body: { tool_id: "ask" } })).text).approval_id;
}

test("G09 no agent approves or denies over HTTP, with whatever token of an agent, and each attempt is recorded", async () => {
  await onHttp(policy, async (http) => {
    const id = await deferred(http);
    const any = await http.tokenOf("agent", "*");
    for (const token of [http.token, any.token]) {
      for (const verb of ["approve", "deny"]) {
        const { status, text } = await http.ask(`/v1/approvals/${id}/${verb}`, { token, body: { reason: "mine" } });
        assert.equal([status, JSON.parse(text).error.code], [403, "OPERATOR_ONLY"]);
      }
      const message = { type: "approve_defer", defer_token: id, tool_id: "ask" };
      const answer = await http.ask("/v1/evaluate", { token: http.token, body: message });
      assert.is(JSON.parse(answer.text).effect, "DEFER");
    }
    const monitor = await http.tokenOf("monitor");
    assert.is((await http.ask(`/v1/approvals/${id}/approve`, { token: monitor.token, body: {} })).status, 403);
    const marks = (await http.stack.records()).filter(({ kind }) => kind === "operator_refused");
    assert.equal(
      marks.map(({ detail }) => [Reflect.get(Object(detail), "type"), Reflect.get(Object(detail), "agent_id")]),
      [
        ["approve_defer", "bot"],
        ["deny", "bot"],
        ["approve_defer", ""],
        ["deny", ""],
      ],
    );
    assert.is((await askOperator(http.stack.dir, "status", {})).approvals.pending, 1);
  });
});

test("an operator's token approves; the record names it, and the agent's next identical call passes once", async () => {
  await onHttp(policy, async (http) => {
    const id = await deferred(http);
    const { token, id: tokenId } = await http.tokenOf("operator");
    assert.equal(JSON.parse((await http.ask("/v1/approvals?status=pending", { token })).text).approvals.length, 1);
    assert.is(JSON.parse((await http.ask(`/v1/approvals/${id}`)).text).status, "pending");
    const approved = await http.ask(`/v1/approvals/${id}/approve`, { token, body: { reason: "known" } });
    assert.equal([approved.status, JSON.parse(approved.text).approval.status], [200, "approved"]);
    assert.match(JSON.parse(approved.text).approval.resolved_by, tokenId);
    assert.is((await http.ask(`/v1/approvals/${id}/deny`, { token, body: {} })).status, 409);
    assert.is((await http.ask("/v1/approvals/apr-0/deny", { token, body: {} })).status, 404);
    assert.is((await http.ask(`/v1/approvals/${id}/deny`, { token, body: { surprise: 1 } })).status, 400);
    assert.is(JSON.parse((await http.ask(`/v1/approvals/${id}`)).text).status, "approved");
    const effects = [];
    for (let call = 0; call < 2; call++) {
      effects.push(JSON.parse((await http.ask("/v1/evaluate", { body: { tool_id: "ask" } })).text).effect);
    }
    assert.equal(effects, ["PERMIT", "DEFER"]);
    assert.is((await http.ask("/v1/evaluate", { token, body: { tool_id: "search" } })).status, 403);
  });
});

test("an agent is shown no approval of another", async () => {
  await onHttp(policy, async (http) => {
    const id = await deferred(http);
    const { token } = await http.tokenOf("agent", "other");
    assert.is((await http.ask(`/v1/approvals/${id}`, { token })).status, 404);
    assert.is((await http.ask("/v1/approvals", { token })).status, 403);
    assert.is((await http.ask(`/v1/stream?agent_id=bot`, { token })).status, 403);
  });
});

test("status tells an agent little and a monitor all", async () => {
  await onHttp(policy, async (http) => {
    const own = JSON.parse((await http.ask("/v1/status")).text);
    assert.equal(Object.keys(own).sort(), ["policy_hash", "policy_version", "state", "type"]);
    const { token } = await http.tokenOf("monitor");
    const full = JSON.parse((await http.ask("/v1/status", { token })).text);
    assert.is(full.daemon.http, `http://127.0.0.1:${http.port}`);
    assert.is((await http.ask("/v1/status", { token: null })).status, 401);
  });
});

test("metrics are Prometheus' text, and what a caller sends names no series", async () => {
  await onHttp(policy, async (http) => {
    const { token } = await http.tokenOf("monitor");
    const seriesOf = async (): Promise<readonly string[]> => {
      const { text, headers } = await http.ask("/metrics", { token });
      assert.match(String(headers["content-type"]), /^text\/plain; version=0\.0\.4/);
      const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      for (const line of lines) assert.match(line, /^[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})? [-+0-9.e]+$/i);
      return lines.map((line) => line.replace(/ [^ ]+$/, "")).sort();
    };
    const call = (number: number) =>
      Promise.all([
        http.ask("/v1/evaluate", { body: { tool_id: `t${number}`, session_id: `s${number}` } }),
        http.ask(`/v1/approvals/apr-${number}`),
        http.ask(`/nowhere/${number}`),
        http.ask(`/v1/evaluate?x=${number}`, { body: {} }),
      ]);
    await call(0);
    await seriesOf();
    const before = await seriesOf();
    for (let number = 1; number < 20; number++) await call(number);
    assert.equal(await seriesOf(), before);
    assert.ok(before.includes('faramesh_decisions_total{effect="deny"}'));
    assert.is((await http.ask("/metrics")).status, 403);
    assert.is((await http.ask("/metrics", { token: null })).status, 401);
  });
});

/** Reads a stream until `count` events came; comments are left out. */
async function events(http: HttpUnderTest, path: string, count: number, lastId?: string, token = http.token) {
  const socket = await http.connect();
  socket.on("error", () => {});
  const last = lastId === undefined ? "" : `Last-Event-ID: ${lastId}\r\n`;
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n${last}\r\n`);
  let text = "";
  const found: { id: string | undefined; event: string | undefined; data: Record<string, unknown> }[] = [];
  const started = new Promise<void>((resolve) => socket.once("data", () => resolve()));
  const done = (async () => {
    for await (const chunk of socket) {
      text += String(chunk);
      const blocks = [...text.matchAll(/(?:id: (\d+)\n)?event: (\w+)\ndata: (.*)\n\n/g)];
      if (blocks.length < count) continue;
      for (const [, id, event, data] of blocks) found.push({ id, event, data: JSON.parse(data ?? "") });
      socket.destroy();
      return found;
    }
    return found;
  })();
  await started;
  return { done };
}

test("a stream tells what becomes durable, redacted, of its own agent", async () => {
  await onHttp(policy, async (http) => {
    const { token } = await http.tokenOf("agent", "other");
    const { done } = await events(http, "/v1/stream", 2);
    await http.ask("/v1/evaluate", { token, body: { tool_id: "x" } });
    const { action_id } = JSON.parse(
      (await http.ask("/v1/evaluate", { body: { tool_id: "search", args: { card: "4111", q: 1 } } })).text,
    );
    await http.ask("/v1/report", { body: { action_id, status: "success" } });
    const [first, second] = await done;
    assert.equal([first?.event, first?.data.action_id, second?.event], ["decision", action_id, "outcome"]);
    assert.not.match(JSON.stringify(first), "4111");
    assert.is(String(first?.data.seq), first?.id);
  });
});

test("Last-Event-ID takes a stream up again without a gap and without a repetition", async () => {
  await onHttp(policy, async (http) => {
    const ask = (q: number) => http.ask("/v1/evaluate", { body: { tool_id: "search", args: { q } } });
    const whole = await events(http, "/v1/stream", 6);
    for (let q = 0; q < 3; q++) await ask(q);
    const { token } = await http.tokenOf("agent", "other");
    await http.ask("/v1/evaluate", { token, body: { tool_id: "x" } });
    const first = (await http.stack.records()).find(({ type }) => type === "decision");
    const again = await events(http, "/v1/stream", 5, String(first?.seq));
    for (let q = 3; q < 6; q++) await ask(q);
    const [all, rest] = [await whole.done, await again.done];
    assert.equal(
      rest.map(({ id }) => id),
      all.slice(1).map(({ id }) => id),
    );
    // As stored and as told live are the same words.
    assert.equal(
      rest.map(({ data }) => data),
      all.slice(1).map(({ data }) => data),
    );
    assert.is((await http.ask("/v1/stream", { headers: { "last-event-id": "x" } })).status, 400);
  });
});

test("a reader that knows records beyond the log's end is told that they are not here, and then what comes", async () => {
  await onHttp(policy, async (http) => {
    const ask = (q: number) => http.ask("/v1/evaluate", { body: { tool_id: "search", args: { q } } });
    await ask(1);
    const last = Number((await http.stack.records()).at(-1)?.seq);
    // One that knows all there is misses nothing.
    const whole = await events(http, "/v1/stream", 1, String(last));
    const beyond = await events(http, "/v1/stream", 2, "1000000");
    await ask(2);
    assert.is((await whole.done)[0]?.event, "decision");
    const [gap, decision] = await beyond.done;
    assert.equal(gap?.data, { type: "gap", from_seq: last + 1, to_seq: 1_000_000 });
    assert.is(decision?.event, "decision");
  });
});

test("a stream that is taken up in a pruned log says which records it does not tell", async () => {
  await onHttp(
    policy,
    async (http) => {
      const { stack } = http;
      for (let round = 0; round < 3; round++) {
        const call = { type: "govern", agent_id: "bot", tool_id: "search", args: {} };
        await stack.send(...Array.from({ length: 40 }, () => call));
        await stack.daemon.snapshot();
      }
      const { pruned } = await askOperator(stack.dir, "prune", { keep_seconds: 0, actor: "tester" });
      const first = pruned?.first_kept ?? 0;
      assert.ok(first > 1);
      const [gap, next] = await (await events(http, "/v1/stream", 2, "0")).done;
      assert.equal([gap?.event, gap?.data], ["gap", { type: "gap", from_seq: 1, to_seq: first - 1 }]);
      assert.ok(Number(next?.id) >= first);
    },
    { segmentBytes: 20_000 },
  );
});

test("an operator sees every agent's records; approvals are told on their own stream", async () => {
  await onHttp(policy, async (http) => {
    const { token } = await http.tokenOf("operator");
    const all = await events(http, "/v1/stream", 1, undefined, token);
    const callbacks = await events(http, "/v1/stream?kind=callback", 2);
    const id = await deferred(http);
    await http.stack.approve(id);
    assert.is((await all.done)[0]?.data.agent_id, "bot");
    assert.equal(
      (await callbacks.done).map(({ event }) => event),
      ["created", "approved"],
    );
  });
});

test("C10 a stream's reader that does not read is let go, and nothing is kept for it", async () => {
  await onHttp(
    `agent "bot" { default permit permit big }`,
    async (http) => {
      const socket = await http.connect();
      socket.on("error", () => {});
      socket.write(`GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${http.token}\r\n\r\n`);
      await new Promise<void>((resolve) => socket.once("data", () => resolve()));
      socket.pause();
      const body = { tool_id: "big", args: { text: "x".repeat(30_000) } };
      const before = http.stack.daemon.connections();
      for (let call = 0; call < 1000 && http.stack.daemon.connections() >= before; call++) {
        const answer = await http.ask("/v1/evaluate", { body, headers: { connection: "close" } });
        assert.is(answer.status, 200);
      }
      assert.ok(http.stack.daemon.connections() < before);
      socket.destroy();
    },
    { limits: { unreadBytes: 64 * 1024 } },
  );
});

test("a killed agent's stream ends, and it opens no other", async () => {
  await onHttp(policy, async (http) => {
    const { done } = await events(http, "/v1/stream", 1);
    await askOperator(http.stack.dir, "kill", { agent_id: "bot", actor: "tester" });
    assert.is((await done)[0]?.event, "ended");
    assert.is((await http.ask("/v1/stream")).status, 403);
    assert.is(
      JSON.parse((await http.ask("/v1/evaluate", { body: { tool_id: "search" } })).text).reason_code,
      "KILL_SWITCH",
    );
  });
});

test.run();
