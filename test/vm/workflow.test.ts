// Workflow phases: what a session sees in each, how it moves, and what is left of it by time, swap and restart.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Policy } from "../../runtime/evaluator/index.ts";
import { noon, open } from "./policies.ts";

const text = `agent "a" {
  default deny
  model_policy { deny "old" }
  permit note
  permit crm/read reason "the agent's own"
  permit crm/write if amount < 5
  deny! wipe
  phase intake { permit crm/read reason "intake" deny! crm/secret }
  phase work { permit crm/* if amount < 10 defer crm/write deny! note if loud == true deny! wipe }
  phase close { deny crm/read permit ticket/** }
}`;

const day = 86_400_000;
type Args = { readonly [name: string]: number | boolean };

function say(policy: Policy, tool_id: string, args: Args = {}, now = noon, session_id = "s"): string {
  const { effect, code, rule_ref, workflow_phase } = policy.decide(
    { agent_id: "a", tool_id, args, session_id },
    { now },
  );
  return `${effect} ${code} ${rule_ref?.split(":")[1] ?? "-"} ${workflow_phase ?? "-"}`;
}

const moved = (policy: Policy, to: string, now = noon, session_id = "s") =>
  policy.movePhase({ agent_id: "a", session_id, to }, { now });

test("a tool that some phase names is visible in those that name it, in the order of the phases' rules and the agent's", () => {
  const policy = open(text);
  assert.equal(policy.sessionPhase({ agent_id: "a", session_id: "s" }, { now: noon }), {
    name: "intake",
    next: "work",
  });
  assert.is(say(policy, "crm/read"), "permit POLICY_PERMIT 8 intake");
  assert.is(say(policy, "crm/secret"), "deny POLICY_DENY 8 intake");
  assert.is(say(policy, "crm/write", { amount: 1 }), "deny PHASE_HIDDEN - intake");
  assert.is(say(policy, "ticket/1"), "deny PHASE_HIDDEN - intake");
  assert.is(say(policy, "note", { loud: true }), "deny PHASE_HIDDEN - intake");
  assert.is(say(policy, "wipe"), "deny POLICY_DENY 7 -");
  assert.is(say(policy, "other"), "deny POLICY_DENY - -");

  assert.equal(moved(policy, "work"), { ok: true, moved: true, from: "intake", to: "work" });
  assert.is(say(policy, "crm/read", { amount: 9 }), "permit POLICY_PERMIT 9 work");
  assert.is(say(policy, "crm/read", { amount: 99 }), "permit POLICY_PERMIT 5 work");
  assert.is(say(policy, "crm/write", { amount: 99 }), "defer POLICY_DEFER 9 work");
  assert.is(say(policy, "note"), "permit POLICY_PERMIT 4 work");
  assert.is(say(policy, "note", { loud: true }), "deny POLICY_DENY 9 work");
  assert.is(say(policy, "crm/read", {}, noon, "another"), "permit POLICY_PERMIT 8 intake");

  assert.equal(moved(policy, "close"), { ok: true, moved: true, from: "work", to: "close" });
  assert.is(say(policy, "crm/read"), "deny POLICY_DENY 10 close");
  assert.is(say(policy, "ticket/1"), "permit POLICY_PERMIT 10 close");
  assert.is(say(policy, "crm/write", { amount: 1 }), "deny PHASE_HIDDEN - close");
  assert.equal(policy.sessionPhase({ agent_id: "a", session_id: "s" }, { now: noon }), { name: "close", next: null });
});

test("the model policy and a deny! of the agent come before a phase", () => {
  const policy = open(text);
  const call = { agent_id: "a", tool_id: "crm/write", model: "old" };
  assert.is(policy.decide(call, { now: noon }).code, "MODEL_DENIED");
});

test("a move to where a session is, or to what is no phase, changes nothing", () => {
  const policy = open(text);
  const hash = policy.stateHash();
  assert.equal(moved(policy, "intake"), { ok: true, moved: false, from: "intake", to: "intake" });
  assert.equal(moved(policy, "enforce"), { ok: false, code: "UNKNOWN_PHASE" });
  assert.equal(moved(policy, "work", -1), { ok: false, code: "BAD_REQUEST" });
  assert.equal(moved(policy, "work", noon, "x".repeat(257)), { ok: false, code: "BAD_REQUEST" });
  assert.equal(policy.movePhase({ agent_id: "b", to: "work" }, { now: noon }), { ok: false, code: "UNKNOWN_AGENT" });
  assert.is(policy.stateHash(), hash);
  const bare = open('agent "a" { default permit }');
  assert.equal(moved(bare, "work"), { ok: false, code: "UNKNOWN_PHASE" });
  assert.is(bare.sessionPhase({ agent_id: "a" }, { now: noon }), null);
});

test("denied calls and explanations leave a session as it was", () => {
  const policy = open(text);
  const hash = policy.stateHash();
  for (const tool of ["crm/write", "ticket/1", "wipe", "other"]) say(policy, tool);
  const { meters } = policy.explain({ agent_id: "a", tool_id: "ticket/1" }, { now: noon });
  assert.equal(meters, [
    "model_policy: no model is allowed",
    "the session is in phase intake, where the tool is not visible",
  ]);
  assert.is(policy.stateHash(), hash);
});

test("H08 a session's phase outlives a swap, and a restart, while its name is declared", () => {
  const policy = open(text);
  moved(policy, "work");
  const swapped = open(text.replace("phase intake", "phase before { permit x } phase intake"));
  swapped.restore(policy.snapshot());
  assert.is(swapped.stateHash(), policy.stateHash());
  assert.is(swapped.sessionPhase({ agent_id: "a", session_id: "s" }, { now: noon })?.name, "work");
  const without = open(text.replace("phase work", "phase working"));
  without.restore(policy.snapshot());
  assert.is(without.sessionPhase({ agent_id: "a", session_id: "s" }, { now: noon })?.name, "intake");
  const back = open(text);
  back.restore(without.snapshot());
  assert.is(back.sessionPhase({ agent_id: "a", session_id: "s" }, { now: noon })?.name, "work");
});

test("a session idle for a day is in the first phase again, and a permit keeps it", () => {
  const policy = open(text);
  moved(policy, "work");
  const at = (now: number): string | undefined =>
    policy.sessionPhase({ agent_id: "a", session_id: "s" }, { now })?.name;
  assert.equal([at(noon + day - 1), at(noon + day)], ["work", "intake"]);
  say(policy, "note", {}, noon + day - 1);
  assert.equal([at(noon + 2 * day - 2), at(noon + 2 * day - 1)], ["work", "intake"]);
  say(policy, "crm/read", {}, noon + 2 * day);
  assert.equal([at(noon), at(noon + 2 * day)], ["intake", "intake"]);
});

test("H09 sessions do not tell in which order they came, and a full machine refuses", () => {
  const sessions = Array.from({ length: 8 }, (_, i) => `s${i * 7919}`);
  const run = (order: readonly string[]): Policy => {
    const policy = open(text, { meterCapacity: 8 });
    for (const session of order) assert.is(moved(policy, "work", noon, session).ok, true);
    return policy;
  };
  const policy = run(sessions);
  assert.is(policy.stateHash(), run([...sessions].reverse()).stateHash());
  assert.equal(moved(policy, "work", noon, "one more"), { ok: false, code: "STATE_FULL" });
  assert.is(say(policy, "crm/read", {}, noon, "one more"), "deny STATE_FULL - intake");
  assert.is(say(policy, "crm/read", {}, noon + day, "one more"), "permit POLICY_PERMIT 8 intake");
});

test("a rollout of the same agent decides before the workflow, and never for what is hidden", () => {
  const policy = open(`agent "a" {
    default deny
    phase intake { permit read }
    phase work { permit pay if amount < 5 deny! pay if amount > 50 }
    phase "trial" { duration = "1h" tools = ["pay", "read"] rules { permit pay deny! pay if amount > 90 } }
  }`);
  policy.activatePhases(noon);
  const pay = (amount: number) => policy.decide({ agent_id: "a", tool_id: "pay", args: { amount } }, { now: noon });
  assert.is(pay(1).code, "PHASE_HIDDEN");
  assert.equal([pay(99).code, pay(99).rule_ref], ["POLICY_DENY", "governance.fms:5"]);
  policy.movePhase({ agent_id: "a", to: "work" }, { now: noon });
  const verdict = pay(20);
  assert.equal([verdict.effect, verdict.phase, verdict.workflow_phase], ["permit", "trial", "work"]);
  assert.equal(verdict.shadow, { effect: "deny", rule: null, rule_ref: null });
  assert.equal(pay(3).shadow?.effect, "permit");
  assert.equal([pay(60).effect, pay(60).phase], ["deny", undefined]);
  assert.equal(pay(99).shadow, { effect: "deny", rule: pay(60).rule, rule_ref: "governance.fms:4" });
});

test.run();
