// What a client that is not ours may send: each line has an answer, and the connection and the daemon live on.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onOutsideStack } from "./stack.ts";

const policy = 'agent "bot" {\n  default deny\n  permit stripe/charge if amount < 500\n  defer stripe/refund\n}\n';
const call = (id: string, more: string): string => `{"type":"govern","call_id":"${id}","agent_id":"bot",${more}}`;
const charge = (id: string, args: string): string => call(id, `"tool_id":"stripe/charge","args":${args}`);
const mib = 2 ** 20;

/** A line, and the code of its answer. */
const lines: readonly (readonly [string | Buffer, string])[] = [
  [charge("a", '{"amount":1}'), "POLICY_PERMIT"],
  ["", "BAD_REQUEST"],
  ["{", "BAD_REQUEST"],
  ["null", "BAD_REQUEST"],
  ['{"type":"govern"}', "BAD_REQUEST"],
  ['{"type":"nonsense"}', "BAD_REQUEST"],
  [Buffer.from([0xff, 0xfe, 0x7b]), "BAD_REQUEST"],
  [charge("b", '{"amount":1,"amount":900}'), "BAD_REQUEST"],
  [charge("c", `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`), "BAD_REQUEST"],
  [charge("d", '{"amount":1e400}'), "BAD_REQUEST"],
  [charge("e", '{"amount":1,"x":"\\ud800"}'), "BAD_REQUEST"],
  [charge("f", '{"__proto__":{"amount":1}}'), "BAD_REQUEST"],
  [charge("g", `{"amount":1,"x":"${"x".repeat(9 * mib)}"}`), "BAD_REQUEST"],
  [charge("h", `{"amount":1,"x":"${"x".repeat(7 * mib)}"}`), "POLICY_PERMIT"],
  [call("i", '"tool_id":"stripe//charge","args":{"amount":1}'), "BAD_TOOL_NAME"],
  ['{"type":"govern","call_id":"j","agent_id":"nobody","tool_id":"stripe/charge","args":{}}', "UNKNOWN_AGENT"],
  [charge("k", "{}"), "POLICY_DENY"],
  [call("l", '"tool_id":"stripe/refund","args":{"amount":1}'), "POLICY_DEFER"],
  [charge("z", '{"amount":1}'), "POLICY_PERMIT"],
];

test("C12 D01 every line of a hostile client is answered, and the last one as the first", () =>
  onOutsideStack(policy, async (stack) => {
    const bytes = Buffer.concat(lines.flatMap(([line]) => [Buffer.from(line), Buffer.from("\n")]));
    const answers = await stack.lines(bytes);
    const sorted = (codes: readonly string[]): string[] => [...codes].sort();
    assert.equal(sorted(answers.map(({ reason_code }) => reason_code)), sorted(lines.map(([, code]) => code)));
    const last = answers.find(({ call_id }) => call_id === "z");
    assert.is(last?.effect, "PERMIT");
    for (const { effect, reason_code } of answers) assert.is(effect === "PERMIT", reason_code === "POLICY_PERMIT");
  }));

test("C13 a client that sends one request and closes its half gets its answer and the end", () =>
  onOutsideStack(policy, async (stack) => {
    for (const end of ["\n", ""]) {
      const answers = await stack.lines(charge(`half${end.length}`, '{"amount":1}') + end);
      assert.equal(
        answers.map(({ effect }) => effect),
        ["PERMIT"],
      );
    }
  }));

test.run();
