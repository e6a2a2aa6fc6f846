// Each step at which a decision can end, in order: the record says which it was, and `explain` tells all sixteen with what was passed on
// the way.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { type DecisionStep, decisionSteps } from "../../runtime/steps.ts";
import { faramesh } from "../cli/in-process.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  session { max_duration = 1h }
  model_policy { allow ["good-*"] }
  egress { allow ["example.com"] }
  ambient { max_calls_per_hour = 4 }
  deny! wipe
  permit search
  permit fetch
  permit pay
  permit send
  defer ask
  redact pay args: ["card"]
  rate_limit "search": 1 per hour
  budget money { max = $5 tools = ["pay"] cost = amount }
  phase intake { permit search }
  phase work { permit write }
}`;

interface Case {
  readonly step: DecisionStep;
  readonly code: string;
  readonly before?: (stack: StackUnderTest) => Promise<unknown>;
  readonly tool: string;
  readonly args?: object;
  readonly more?: object;
}

const pods =
  'identity "pods" { type = "k8s-projected" audience = ["a"] jwks_file = "keys.json" }\nagent "bot" { permit search }';
const vault = 'agent "bot" { default permit credential stripe { backend vault path "p" } }';
const short = 'agent "bot" { default permit session { max_duration = 1s } }';
const card = { card: "4111" };

/** The cases of one policy are asked of one daemon, in their order. */
const cases: readonly (readonly [policy: string, readonly Case[]])[] = [
  [pods, [{ step: "identity", code: "IDENTITY_UNVERIFIED", tool: "search" }]],
  [vault, [{ step: "credential", code: "CREDENTIAL_UNAVAILABLE", tool: "stripe/refund" }]],
  [
    short,
    [
      { step: "answer", code: "POLICY_PERMIT", tool: "search" },
      { step: "session", code: "SESSION_EXPIRED", tool: "search", before: () => wait(1100) },
    ],
  ],
  [
    policy,
    [
      { step: "ready", code: "BAD_TOOL_NAME", tool: "a//b" },
      { step: "agent", code: "UNKNOWN_AGENT", tool: "search", more: { agent_id: "other" } },
      { step: "model", code: "MODEL_DENIED", tool: "search", more: { model: "bad" } },
      { step: "deny!", code: "POLICY_DENY", tool: "wipe" },
      { step: "phases", code: "PHASE_HIDDEN", tool: "write" },
      { step: "rules", code: "POLICY_DENY", tool: "nothing" },
      { step: "rules", code: "POLICY_DEFER", tool: "ask" },
      { step: "egress", code: "EGRESS_DENIED", tool: "fetch", args: { url: "https://else.example/" } },
      { step: "rates", code: "RATE_EXCEEDED", tool: "search", before: (stack) => stack.ask("search") },
      { step: "budgets", code: "BUDGET_EXCEEDED", tool: "pay", args: { amount: 6, ...card } },
      { step: "budgets", code: "COST_UNKNOWN", tool: "pay", args: card },
      { step: "answer", code: "POLICY_PERMIT", tool: "pay", args: { amount: 5, ...card } },
      {
        step: "ambient",
        code: "AMBIENT_EXCEEDED",
        tool: "send",
        before: (stack) => stack.ask("send").then(() => stack.ask("send")),
      },
      {
        step: "agent",
        code: "KILL_SWITCH",
        tool: "search",
        before: (stack) => askOperator(stack.dir, "kill", { agent_id: "bot", actor: "tester" }),
      },
    ],
  ],
];

interface StepView {
  readonly number: number;
  readonly step: string;
  readonly outcome: string;
  readonly detail: string;
}

test("a call that is decided at a step says so in its record, and explain tells every step", async () => {
  for (const [own, list] of cases) {
    await onStack(null, async (stack) => {
      writeFileSync(join(stack.dir, "keys.json"), '{"keys":[]}');
      await stack.apply(own);
      for (const one of list) await assertCase(stack, one);
    });
  }
});

async function assertCase(
  stack: StackUnderTest,
  { step, code, before, tool, args = {}, more = {} }: Case,
): Promise<void> {
  await before?.(stack);
  const answer = await stack.ask(tool, args, more);
  assert.is(answer.reason_code, code);
  const record = (await stack.records()).find(
    ({ type, action_id }) => type === "decision" && action_id === answer.action_id,
  );
  assert.is((record?.steps as { readonly at?: string } | undefined)?.at, step, code);
  const json = await faramesh(stack.dir, "explain", answer.action_id, "--format", "json");
  const { steps } = JSON.parse(json.stdout) as { readonly steps: readonly StepView[] };
  assert.equal(
    steps.map((one) => one.step),
    [...decisionSteps],
  );
  const decided = steps.filter(({ outcome }) => outcome === "decided");
  assert.equal(
    decided.map((one) => one.step),
    [step],
  );
  const at = decided[0]?.number ?? 0;
  for (const one of steps) {
    const isAlways = ["redaction", "record", "answer"].includes(one.step);
    const before = isAlways ? ["done"] : ["passed", "not asked"];
    const fits = one.number < at ? before : [isAlways ? "done" : "not asked", "decided"];
    assert.ok(fits.includes(one.outcome), `${code}: ${one.step} ${one.outcome}`);
  }
  assert.not.match(json.stdout, /4111/);
}

test("what a step did is told with it: whose call, which session, what was taken, what is kept", async () => {
  await onStack(policy, async (stack) => {
    const answer = await stack.ask("pay", { amount: 5, card: "4111" }, { session_id: "s1" });
    const { stdout } = await faramesh(stack.dir, "explain", answer.action_id);
    for (const [index, name] of decisionSteps.entries())
      assert.match(stdout, new RegExp(`^ +step ${index + 1} +${name} `, "m"));
    assert.not.match(stdout, /4111/);
    const told: readonly (readonly [number, RegExp])[] = [
      [2, /agent +passed +bot$/],
      [3, /identity +passed +claimed$/],
      [4, /session +passed +s1$/],
      [8, /rules +passed +governance\.fms:10$/],
      [12, /budgets +passed +.*money \$5/],
      [13, /redaction +done +card$/],
      [14, /record +done +seq \d+$/],
      [15, /credential +passed +none needed$/],
      [16, /answer +decided +permit$/],
    ];
    const lines = stdout.split("\n");
    for (const [number, pattern] of told)
      assert.match(lines.find((line) => line.includes(`step ${number} `)) ?? "", pattern);
    const limited = [await stack.ask("search"), await stack.ask("search")][1];
    const explained = await faramesh(stack.dir, "explain", limited?.action_id ?? "");
    assert.match(explained.stdout, /step 11 +rates +decided +RATE_EXCEEDED, again in 3\d\d\d(\.\d+)? s/);
  });
});

test.run();
