// A deferred call whose client can ask its user: what an answer changes is whether the call waits, and never whether it may run.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StubTransport } from "../../runtime/sdk/index.ts";
import { McpSession } from "../../runtime/sdk/mcp/session.ts";

interface Said {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly message?: string; readonly requestId?: string };
  readonly result?: { readonly isError: boolean; readonly structuredContent: { code: string; approval_id: string } };
}

interface Setting {
  readonly capabilities?: unknown;
  readonly waits?: boolean;
  readonly answerMs?: number;
}

const approvalId = "apr-stub-1";

async function sessionOf({ capabilities = { elicitation: {} }, waits = false, answerMs }: Setting = {}) {
  const stub = new StubTransport({ pay: "defer", read: "permit" });
  const toServer: Said[] = [];
  const toClient: Said[] = [];
  const read = (text: string | Uint8Array): Said => JSON.parse(Buffer.from(text).toString()) as Said;
  const block = waits ? { onDefer: "block" as const, timeoutMs: 60_000 } : {};
  const session = new McpSession({
    govern: { agentId: "bot", transport: stub, pollMs: 1, ...block },
    ...(answerMs === undefined ? {} : { answerMs }),
    reach: async (names) => names.map(() => "defer"),
    toServer: (text) => toServer.push(read(text)),
    toClient: (text) => toClient.push(read(text)),
    note: () => {},
  });
  const fromClient = (message: object): Promise<void> =>
    session.fromClient(Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message })));
  await fromClient({ id: "i", method: "initialize", params: { protocolVersion: "2025-06-18", capabilities } });
  toServer.length = 0;
  const call = (id: number, name = "pay"): Promise<void> =>
    fromClient({ id, method: "tools/call", params: { name, arguments: { amount: id } } });
  const questions = (): readonly Said[] => toClient.filter(({ method }) => method === "elicitation/create");
  const asked = (count = 1): Promise<void> => until(() => questions().length >= count);
  const answer = (result: unknown, at = 0): Promise<void> => fromClient({ id: questions()[at]?.id, result });
  return { stub, session, toServer, toClient, fromClient, call, questions, asked, answer };
}

/** Gives what else waits its turn until `isSo`. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 5_000; turn++) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error("what was waited for did not happen");
}

test("accepted, the call waits and runs when an operator has approved", async () => {
  const { stub, toServer, toClient, call, questions, asked, answer } = await sessionOf();
  const done = call(1);
  await asked();
  assert.match(questions()[0]?.params?.message ?? "", /`pay` has to be approved by an operator .apr-stub-1./);
  await answer({ action: "accept", content: {} });
  assert.equal(toServer, []);
  stub.approve(approvalId);
  await done;
  assert.equal(
    toServer.map(({ id, method }) => [id, method]),
    [[1, "tools/call"]],
  );
  assert.is(toClient.length, 1);
});

test("accepted and then denied by an operator, the call is an error of the tool", async () => {
  const { stub, toServer, toClient, call, asked, answer } = await sessionOf();
  const done = call(1);
  await asked();
  await answer({ action: "accept" });
  stub.deny(approvalId);
  await done;
  assert.equal([toServer, toClient.at(-1)?.result?.structuredContent.code], [[], "APPROVAL_DENIED"]);
});

/** Results that are no leave to wait. */
const refusals: readonly unknown[] = [
  { action: "decline" },
  { action: "cancel" },
  { action: "Accept" },
  { action: ["accept"] },
  { content: { action: "accept" } },
  {},
  null,
  "accept",
  ["accept"],
];

for (const result of refusals) {
  test(`answered ${JSON.stringify(result)} the call ends, deferred, with its approval`, async () => {
    const { toServer, toClient, call, asked, answer } = await sessionOf();
    const done = call(1);
    await asked();
    await answer(result);
    await done;
    const { isError, structuredContent } = toClient.at(-1)?.result ?? {};
    assert.equal([isError, structuredContent?.approval_id, toServer], [true, approvalId, []]);
  });
}

test("a client that accepts everything, says it often and claims to approve runs nothing without an operator", async () => {
  const { stub, toServer, toClient, fromClient, call, questions, asked, answer } = await sessionOf();
  const done = call(1);
  await asked();
  const claim = { action: "accept", content: { approved: true, approval: approvalId, actor: "operator" } };
  for (let i = 0; i < 20; i++) await answer(claim);
  await fromClient({ id: `${questions()[0]?.id}0`, result: claim });
  await until(() => stub.requests.length === 2);
  const before = stub.requests.length;
  await fromClient({ method: "notifications/elicitation/complete", params: { elicitationId: approvalId } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  // It waits on, and the server has seen nothing of the answers.
  assert.equal([stub.requests.length, before, toClient.length], [2, 2, 1]);
  assert.equal(
    toServer.map(({ method }) => method),
    ["notifications/elicitation/complete"],
  );
  await fromClient({ method: "notifications/cancelled", params: { requestId: 1 } });
  await done;
  assert.is(toServer.length, 1);
});

test("accepted for one call is not accepted for another", async () => {
  const { stub, toServer, call, asked, answer, questions, fromClient } = await sessionOf();
  const first = call(1);
  await asked();
  const second = call(2);
  await asked(2);
  await answer({ action: "accept" }, 1);
  stub.approve("apr-stub-2");
  await second;
  assert.equal(
    toServer.map(({ id }) => id),
    [2],
  );
  await fromClient({ id: questions()[0]?.id, result: { action: "decline" } });
  await first;
  assert.is(toServer.length, 1);
});

/** What clients declare, and whether they can be asked by a form. */
const declared: readonly (readonly [unknown, boolean])[] = [
  [{ elicitation: {} }, true],
  [{ elicitation: { form: {} } }, true],
  [{ elicitation: { form: {}, url: {} } }, true],
  [{ elicitation: { url: {} } }, false],
  [{ elicitation: true }, false],
  [{ elicitation: null }, false],
  [{ sampling: {} }, false],
  [[], false],
];

for (const [capabilities, isAsked] of declared) {
  test(`a client that declares ${JSON.stringify(capabilities)} is ${isAsked ? "" : "not "}asked`, async () => {
    const { call, toClient, questions, asked, answer } = await sessionOf({ capabilities });
    const done = call(1);
    if (isAsked) {
      await asked();
      await answer({ action: "cancel" });
    }
    await done;
    assert.is(questions().length, isAsked ? 1 : 0);
    assert.is(toClient.at(-1)?.result?.structuredContent.approval_id, approvalId);
  });
}

test("a permitted call asks nobody", async () => {
  const { call, toClient, toServer } = await sessionOf();
  await call(1, "read");
  assert.equal([toClient.length, toServer.length], [0, 1]);
});

test("a client whose configuration has calls wait is not asked", async () => {
  const { stub, toServer, call, questions } = await sessionOf({ waits: true });
  const done = call(1);
  await until(() => stub.requests.length === 1);
  stub.approve(approvalId);
  await done;
  assert.equal([toServer.length, questions().length], [1, 0]);
});

test("a question without an answer ends with its time, and one of a cancelled call with the call; the client is told", async () => {
  const { toServer, toClient, call, questions } = await sessionOf({ answerMs: 1 });
  await call(1);
  const told = toClient.find(({ method }) => method === "notifications/cancelled");
  assert.is(told?.params?.requestId, questions()[0]?.id);
  assert.is(toClient.at(-1)?.result?.structuredContent.approval_id, approvalId);
  const other = await sessionOf();
  const done = other.call(1);
  await other.asked();
  await other.fromClient({ method: "notifications/cancelled", params: { requestId: 1 } });
  await done;
  assert.equal(
    other.toClient.map(({ method }) => method),
    ["elicitation/create", "notifications/cancelled"],
  );
  await other.answer({ action: "accept" });
  assert.equal([toServer, other.toServer], [[], []]);
});

test("questions are bounded, and those that stand keep nothing of the client from being read", async () => {
  const { session, call, questions, asked, answer } = await sessionOf();
  const calls = Array.from({ length: 40 }, (_, i) => call(i + 1));
  await asked(32);
  await Promise.all(calls.slice(32));
  assert.equal([questions().length, session.deciding], [32, 0]);
  for (let at = 0; at < 32; at++) await answer({ action: "decline" }, at);
  await Promise.all(calls);
  assert.is(session.deciding, 0);
});

test("a server that ends takes its questions with it", async () => {
  const { session, toClient, toServer, call, asked, answer } = await sessionOf();
  const done = call(1);
  await asked();
  session.serverEnded("the server has ended");
  await done;
  await answer({ action: "accept" });
  assert.equal([toServer, toClient.at(-1)?.id], [[], 1]);
});

test.run();
