// AuthZEN 1.0 over the daemon's decisions: the shapes of the standard's sections 5 to 9, and what becomes of them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Answered, type HttpUnderTest, onHttp } from "./client.ts";

const policy = `agent "alice@example.com" {
  default deny
  permit account/can_read
  permit document/edit if args.resource.id == "1"
  permit todo/can_delete if args.resource.properties.owner == "alice@example.com"
  permit search if args.q == "x"
  permit mail/send
  defer pay
}`;

const subject = { type: "user", id: "alice@example.com" };
const document = (id: string) => ({ type: "document", id });
const edit = { name: "edit" };

async function ask(http: HttpUnderTest, path: string, body: object, headers = {}): Promise<Answered> {
  const { token } = await http.tokenOf("agent", "alice@example.com");
  return http.ask(`/access/v1/${path}`, { token, body, headers });
}

const singles: readonly (readonly [string, object, boolean, string])[] = [
  [
    "a permitted read of an account",
    {
      subject,
      resource: { type: "account", id: "123" },
      action: { name: "can_read", properties: { method: "GET" } },
      context: { time: "1985-10-26T01:22-07:00" },
    },
    true,
    "POLICY_PERMIT",
  ],
  ["a resource by its id", { subject, action: edit, resource: document("1") }, true, "POLICY_PERMIT"],
  ["another resource", { subject, action: edit, resource: document("2") }, false, "POLICY_DENY"],
  [
    "a resource by its properties",
    {
      subject,
      action: { name: "can_delete" },
      resource: { type: "todo", id: "7", properties: { owner: "alice@example.com" } },
    },
    true,
    "POLICY_PERMIT",
  ],
  [
    "a tool with arguments",
    { subject, action: { name: "invoke", properties: { q: "x" } }, resource: { type: "tool", id: "search" } },
    true,
    "POLICY_PERMIT",
  ],
  [
    "a tool's operation",
    { subject, action: { name: "send" }, resource: { type: "tool", id: "mail" } },
    true,
    "POLICY_PERMIT",
  ],
  [
    "a defer is no permit",
    { subject, action: { name: "invoke" }, resource: { type: "tool", id: "pay" } },
    false,
    "POLICY_DEFER",
  ],
  [
    "another subject than the token's",
    { subject: { type: "user", id: "bob" }, action: edit, resource: document("1") },
    false,
    "IDENTITY_UNVERIFIED",
  ],
  [
    "a name that is no tool's",
    { subject, action: { name: "read it" }, resource: document("1") },
    false,
    "BAD_TOOL_NAME",
  ],
];

for (const [name, body, decision, code] of singles) {
  test(`an evaluation: ${name}`, async () => {
    await onHttp(policy, async (http) => {
      const { status, text } = await ask(http, "evaluation", body);
      const answer = JSON.parse(text);
      assert.equal([status, answer.decision, answer.context.reason_code], [200, decision, code]);
      const [record] = (await http.stack.records()).filter(({ type }) => type === "decision");
      assert.is(record?.action_id, answer.context.action_id);
    });
  });
}

const wrong: readonly (readonly [string, object])[] = [
  ["no subject", { action: edit, resource: document("1") }],
  ["no action", { subject, resource: document("1") }],
  ["no resource", { subject, action: edit }],
  ["a subject without type", { subject: { id: "x" }, action: edit, resource: document("1") }],
  ["an action without name", { subject, action: {}, resource: document("1") }],
  ["an id that is a number", { subject, action: edit, resource: { type: "document", id: 1 } }],
  ["a context that is no object", { subject, action: edit, resource: document("1"), context: "x" }],
  [
    "arguments that hide the resource",
    { subject, action: { name: "edit", properties: { resource: 1 } }, resource: document("1") },
  ],
];

test("malformed evaluations are 400, and decide nothing", async () => {
  await onHttp(policy, async (http) => {
    for (const [name, body] of wrong) assert.is((await ask(http, "evaluation", body)).status, 400, name);
    assert.is((await http.stack.records()).filter(({ type }) => type === "decision").length, 0);
  });
});

test("several evaluations have defaults, an order and a semantic", async () => {
  await onHttp(policy, async (http) => {
    const evaluations = ["2", "1", "3"].map((id) => ({ resource: document(id) }));
    const decisions = async (options?: object): Promise<readonly boolean[]> => {
      const body = { subject, action: edit, evaluations, ...(options === undefined ? {} : { options }) };
      const answer = JSON.parse((await ask(http, "evaluations", body)).text);
      return answer.evaluations.map(({ decision }: { decision: boolean }) => decision);
    };
    assert.equal(await decisions(), [false, true, false]);
    assert.equal(await decisions({ evaluations_semantic: "execute_all" }), [false, true, false]);
    assert.equal(await decisions({ evaluations_semantic: "deny_on_first_deny" }), [false]);
    assert.equal(await decisions({ evaluations_semantic: "permit_on_first_permit" }), [false, true]);
    const unknown = { subject, action: edit, evaluations, options: { evaluations_semantic: "first" } };
    assert.is((await ask(http, "evaluations", unknown)).status, 400);
  });
});

test("an item overrides the defaults, and one that is malformed denies itself alone", async () => {
  await onHttp(policy, async (http) => {
    const body = {
      subject,
      action: edit,
      resource: document("1"),
      evaluations: [{}, { resource: document("2") }, { action: {} }, { resource: { type: "document" } }],
    };
    const { evaluations } = JSON.parse((await ask(http, "evaluations", body)).text);
    assert.equal(
      evaluations.map(({ decision }: { decision: boolean }) => decision),
      [true, false, false, false],
    );
    assert.equal(evaluations[2].context.error.status, 400);
  });
});

test("without evaluations, or with none, it is one evaluation", async () => {
  await onHttp(policy, async (http) => {
    for (const more of [{}, { evaluations: [] }]) {
      const { text } = await ask(http, "evaluations", { subject, action: edit, resource: document("1"), ...more });
      assert.is(JSON.parse(text).decision, true);
    }
  });
});

test("a request has at most 256 evaluations", async () => {
  await onHttp(policy, async (http) => {
    const many = {
      subject,
      action: edit,
      evaluations: Array.from({ length: 257 }, () => ({ resource: document("1") })),
    };
    assert.is((await ask(http, "evaluations", many)).status, 400);
  });
});

test("the metadata names the endpoints, and the request's id comes back", async () => {
  await onHttp(policy, async (http) => {
    const base = http.stack.daemon.httpAddress();
    const { text, headers } = await http.ask("/.well-known/authzen-configuration", { token: null });
    assert.equal(JSON.parse(text), {
      policy_decision_point: base,
      access_evaluation_endpoint: `${base}/access/v1/evaluation`,
      access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    });
    assert.match(String(headers["content-type"]), /^application\/json/);
    const body = { subject, action: edit, resource: document("1") };
    const id = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716";
    assert.is((await ask(http, "evaluation", body, { "x-request-id": id })).headers["x-request-id"], id);
    const { token } = await http.tokenOf("monitor");
    assert.is((await http.ask("/access/v1/evaluation", { token, body })).status, 403);
    assert.is((await http.ask("/access/v1/evaluation", { token: null, body })).status, 401);
  });
});

test.run();
