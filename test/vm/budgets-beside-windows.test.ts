// Budgets are read out of a state that holds windows of events as well: those have a length of their own.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { noon, open } from "./policies.ts";

test("budgets stand behind windows of events in a state", () => {
  const policy = open(`agent "a" {
    default deny
    budget zulu { max = $100 daily = $80 cost = 2 }
    budget alpha { max_calls = 9 }
    deny t if session.count("t", window=1h) > 3
    deny t if session.sum(t.n, window=1h) > 100
    deny t if deny_count_within(60) > 50
    permit t
  }`);
  for (let i = 0; i < 6; i++) policy.decide({ agent_id: "a", tool_id: "t", args: { n: 3 } }, { now: noon + i });
  const held = policy.budgets(noon + 10).map(({ id, spent_micro, calls }) => [id, spent_micro, calls]);
  assert.equal(held, [
    ["zulu", 8_000_000, 4],
    ["alpha", 0, 4],
  ]);
});

test.run();
