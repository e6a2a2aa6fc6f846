// Values of requests: none reaches a prototype, none is rounded, cut or left over for the next call.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { explainTrace } from "../../runtime/evaluator/explain.ts";
import { JsonNumber, type RequestValue } from "../../runtime/evaluator/index.ts";
import { Machine } from "../../runtime/evaluator/machine.ts";
import { wholeMachine } from "../../runtime/evaluator/whole-machine.ts";
import { WholePolicy } from "../../runtime/evaluator/whole-policy.ts";
import { everyCall, everyPart, imageOf, noon, open } from "./policies.ts";

type Args = { readonly [name: string]: RequestValue };

/** Verdict of a policy that permits when the condition is true. */
function permits(condition: string, args: Args): boolean | string {
  const { effect, code } = open(`agent "a" { default deny permit t if ${condition} }`).decide(
    { agent_id: "a", tool_id: "t", args },
    { now: noon },
  );
  return code === "BAD_REQUEST" ? code : effect === "permit";
}

test("D05 names of prototypes are missing unless the request has them itself", () => {
  const names = [
    "constructor",
    "prototype",
    "toString",
    "hasOwnProperty",
    "valueOf",
    "__proto__",
    "args.__proto__.x",
    "a.constructor.name",
    "a.length.constructor",
  ];
  for (const name of names) assert.is(permits(`${name} == nil`, { a: [1] }), true, name);
  const own = JSON.parse('{"__proto__": {"admin": true}, "toString": 1}') as Args;
  assert.is(permits("__proto__.admin == true and toString == 1", own), true);
  assert.is(permits("admin == nil", own), true);
  const bare = Object.assign(Object.create(null) as object, { x: 1 }) as Args;
  assert.is(permits("x == 1 and toString == nil", bare), true);
  assert.is(({} as { admin?: unknown }).admin, undefined);
});

test("D05 what somebody put on the prototype of all objects is nobody's argument", () => {
  const everything = Object.prototype as { admin?: unknown };
  const policy = open('agent "a" { default deny permit t if admin == true or n == 7 }');
  const decide = (args: Args): string => policy.decide({ agent_id: "a", tool_id: "t", args }, { now: noon }).effect;
  for (let i = 0; i < 100; i++) assert.is(decide({ n: i + 8 }), "deny");
  for (const enumerable of [true, false]) {
    Object.defineProperty(everything, "admin", { value: true, configurable: true, enumerable });
    try {
      assert.is(decide({}), "deny");
      assert.is(decide({ n: 8 }), "deny");
      assert.is(decide({ n: 7 }), "permit");
      assert.is(decide({ admin: true }), "permit");
      assert.is(decide({ admin: false }), "deny");
    } finally {
      Reflect.deleteProperty(everything, "admin");
    }
  }
  assert.is(decide(Object.create({ admin: true }) as Args), "deny");
});

test("D09 integers that a double cannot hold are refused where a rule reads them, and only there", () => {
  const big = new JsonNumber("9007199254740993", 9007199254740992, false);
  for (const n of [2 ** 53, -(2 ** 53), 1e300, big]) {
    assert.is(permits("n > 1", { n }), "BAD_REQUEST", String(n));
    assert.is(permits("n contains 1", { n: [1, n] }), "BAD_REQUEST");
    assert.is(permits("x == 1", { n, x: 1 }), true);
  }
  for (const n of [2 ** 53 - 1, -(2 ** 53) + 1, 0.1, 5e-324]) assert.is(permits(`n == ${n}`, { n }), true, String(n));
  assert.is(permits("n == 1.5", { n: new JsonNumber("1.50", 1.5, true) }), true);
});

test("D08 minus zero is zero, and what is no number is refused", () => {
  assert.is(permits("n == 0 and n >= 0 and not (n < 0)", { n: -0 }), true);
  for (const n of [Number.NaN, Number.POSITIVE_INFINITY]) assert.is(permits("n == 0", { n }), "BAD_REQUEST");
});

test("D11 D12 a value of another kind, and none, satisfy neither a comparison nor its opposite", () => {
  for (const n of ["5", true, null, [5], { v: 5 }]) {
    for (const condition of ["n == 5", "n != 5", "n < 9", "not (n < 9)", "n >= 0", "n not in [1, 2]"]) {
      assert.is(permits(condition, { n }), false, `${condition} of ${JSON.stringify(n)}`);
    }
  }
  for (const condition of ["n == 5", "n != 5", "n not in [1]", "n + 1 > 0", "len(n) >= 0", 'not (n contains "x")']) {
    assert.is(permits(condition, {}), false, condition);
  }
});

test("D13 D14 strings are compared whole, whatever is in them", () => {
  for (const s of ["a\u0000b", "a\r\nb", "a\u2028b", "\ufeffa", "é", "e\u0301", "😀", "x".repeat(70_000), ""]) {
    const text = JSON.stringify(s).replaceAll(
      /[\u0080-\uffff]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    const literal = s.length > 60_000 ? null : text.replace("\\u2028", "\\u2028");
    if (literal !== null) {
      assert.is(permits(`s == ${literal}`, { s }), true, text);
      assert.is(permits(`s == ${literal}`, { s: `${s}\u0000` }), false, text);
      assert.is(permits(`l contains ${literal}`, { l: ["q", s] }), true, text);
    }
    assert.is(permits("s == u", { s, u: s }), true);
    assert.is(permits("len(s) == n", { s, n: [...s].length }), true);
  }
  assert.is(permits('s == "a"', { s: "a\u0000b" }), false);
  assert.is(permits('s == "\\u00e9"', { s: "e\u0301" }), false);
});

test("D02 half a surrogate pair is refused where a rule reads it", () => {
  for (const s of ["\ud800", "a\udc00", "\udc00\ud800", `${"x".repeat(40)}\ud83d`]) {
    assert.is(permits('s == "a"', { s }), "BAD_REQUEST");
    assert.is(permits('s contains "a"', { s: [s] }), "BAD_REQUEST");
  }
  assert.is(permits('s == "\\ud83d\\ude00"', { s: "😀" }), true);
});

test("D07 lists and text beyond the arena are refused, those within are read to the end", () => {
  const list = Array.from({ length: 500_000 }, (_, i) => i);
  assert.is(permits("l contains 499999 and len(l) == 500000", { l: list }), true);
  assert.is(permits("l contains 1", { l: Array(1_000_000).fill(1) as number[] }), "BAD_REQUEST");
  assert.is(permits('s contains "y"', { s: `${"x".repeat(8_000_000)}y` }), true);
  assert.is(permits('s contains "y"', { s: "x".repeat(13_000_000) }), "BAD_REQUEST");
  const small = open('agent "a" { default deny permit t if lower(s) == upper(u) }', { arenaBytes: 64 });
  const decide = (s: string, u: string) =>
    small.decide({ agent_id: "a", tool_id: "t", args: { s, u } }, { now: noon }).code;
  assert.is(decide("A1".repeat(8), "a1".repeat(8)), "POLICY_DENY");
  assert.is(decide("1".repeat(16), "1".repeat(16)), "POLICY_PERMIT");
  assert.is(decide("1".repeat(30), "1".repeat(30)), "STEP_LIMIT", "text made by lower has no room");
});

test("a request whose members throw is denied", () => {
  const hostile = {
    get n(): number {
      throw new Error("no");
    },
  };
  const policy = open('agent "a" { default permit deny t if n > 1 }');
  assert.is(policy.decide({ agent_id: "a", tool_id: "t", args: hostile }, { now: noon }).code, "MACHINE_FAULT");
  assert.is(
    policy.explain({ agent_id: "a", tool_id: "t", args: hostile }, { now: noon }).verdict.code,
    "MACHINE_FAULT",
  );
});

test("what one call left in the machine is not read by the next", () => {
  const policy = open(
    'agent "a" { default deny permit t if s == "yes" or n > 5 or flag or l contains "yes" or lower(u) == "yes" }',
  );
  const full = { s: "yes", n: 9, flag: true, l: ["yes"], u: "YES" };
  const asks: Args[] = [
    {},
    { s: null, n: null, l: null },
    { s: {}, n: {}, flag: {}, l: {}, u: {} },
    { l: [["yes"], {}] },
    { s: "", l: [], u: "" },
  ];
  for (const args of asks) {
    assert.is(policy.decide({ agent_id: "a", tool_id: "t", args: full }, { now: noon }).effect, "permit");
    assert.is(policy.decide({ agent_id: "a", tool_id: "t", args }, { now: noon }).effect, "deny", JSON.stringify(args));
  }
});

test("E06 names at their limits", () => {
  const policy = open("permit *");
  const code = (agent_id: unknown, tool_id: unknown) =>
    policy.decide({ agent_id: agent_id as string, tool_id: tool_id as string }, { now: noon }).code;
  assert.is(code("a".repeat(256), "t".repeat(256)), "POLICY_PERMIT");
  assert.is(code("a".repeat(257), "t"), "BAD_REQUEST");
  assert.is(code("é".repeat(129), "t"), "BAD_REQUEST");
  for (const bad of ["", undefined, null, 5, "\ud800", {}]) assert.is(code(bad, "t"), "BAD_REQUEST");
  for (const bad of ["", "t".repeat(257), "a//b", "/a", "a/", "./a", "a/..", "a b", "é", undefined, {}]) {
    assert.is(code("a", bad), "BAD_TOOL_NAME", String(bad));
  }
});

test("the machine's memory stays as it is over a million decisions", () => {
  const machine = new Machine(wholeMachine.module(), imageOf(everyPart), 1024);
  const bytes = machine.bytes.length;
  const policy = new WholePolicy(machine, true, explainTrace);
  const tally = new Map<string, number>();
  for (let i = 0; i < 1_000_000; i++) {
    const call = everyCall[i % everyCall.length];
    if (call === undefined) continue;
    const { code } = policy.decide(call, { now: noon + i * 37 });
    tally.set(code, (tally.get(code) ?? 0) + 1);
  }
  assert.is(machine.calls.memory.buffer.byteLength, bytes);
  assert.is(machine.bytes.length, bytes, "the memory was never moved");
  assert.is(tally.get("MACHINE_FAULT"), undefined);
  assert.ok((tally.get("POLICY_PERMIT") ?? 0) > 100_000);
});

test("a session's id is looked at with each call, whatever the call before had", () => {
  const policy = open('agent "a" {\n  default permit\n}');
  const asked = (session_id: unknown) =>
    policy.decide({ agent_id: "a", tool_id: "t", session_id } as never, { now: noon }).code;
  const ids = ["s", undefined, "\ud800", "s", null, "s", "", 7, "s", Number.NaN, "x".repeat(257), undefined, "\ud800"];
  const wrong = new Set<unknown>(["\ud800", null, "", 7, Number.NaN, "x".repeat(257)]);
  for (const id of [...ids, ...ids]) assert.is(asked(id), wrong.has(id) ? "BAD_REQUEST" : "POLICY_PERMIT", String(id));
});

test("short texts arrive whole, wherever in them the first character beyond ASCII stands", () => {
  for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 9, 39, 40, 41]) {
    const texts = [...Array(length).keys()].map((at) => `${"a".repeat(at)}é${"b".repeat(length - at - 1)}`);
    const given = ["c".repeat(length), ...texts];
    for (const text of given) {
      const policy = open(
        `agent "a" {\n  default deny\n  permit t if x <= ${JSON.stringify(text)} and x >= ${JSON.stringify(text)}\n}`,
      );
      assert.is(
        policy.decide({ agent_id: "a", tool_id: "t", args: { x: text } }, { now: noon }).effect,
        "permit",
        text,
      );
      assert.is(policy.decide({ agent_id: "a", tool_id: "t", args: { x: `${text}.` } }, { now: noon }).effect, "deny");
    }
  }
});

test.run();
