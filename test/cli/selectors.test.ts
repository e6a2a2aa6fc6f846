// A policy with a selector from `apply` to `audit tail`: what each command says of its value, or of why there was none.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withReceiver } from "../runtime/receiver.ts";
import { onStack } from "../runtime/stack-under-test.ts";
import { faramesh } from "./in-process.ts";

const policyOf = (port: number): string => `runtime { allow_private = true }
agent "bot" {
  default deny
  permit stripe/refund if account.tier == "gold" and amount < account.most
  permit search if account.tier != nil or amount == 1
  selector account { source = "http://127.0.0.1:${port}/{args.customer}" cache = 30s }
}`;

test("the value of a selector, or why there was none, shows in tail, explain, status and verify", async () => {
  await withReceiver(async (receiver) => {
    receiver.answer = (request, response) => {
      if (request.url !== "/ok") response.writeHead(503);
      response.end('{"tier": "gold", "most": 100, "notes": "n0tes"}');
    };
    await onStack(null, async (stack) => {
      const told = async (...words: readonly string[]): Promise<string> => {
        const { code, stdout, stderr } = await faramesh(stack.dir, ...words, "--no-color");
        assert.is(code, 0, stderr);
        return stdout;
      };
      writeFileSync(join(stack.dir, "governance.fms"), policyOf(receiver.port));
      await told("apply");
      const asked = [
        await stack.ask("stripe/refund", { customer: "ok", amount: 1 }),
        await stack.ask("stripe/refund", { customer: "ok", amount: 100 }),
        await stack.ask("stripe/refund", { customer: "down", amount: 1 }),
        await stack.ask("search", { amount: 1 }),
      ];
      const codes = asked.map(({ reason_code }) => reason_code);
      assert.equal(codes, ["POLICY_PERMIT", "POLICY_DENY", "POLICY_DENY", "SELECTOR_UNAVAILABLE"]);
      const lines = (await told("audit", "tail", "--no-follow", "--agent", "bot")).trimEnd().split("\n");
      const ends = [
        '; selector account {"most":100,"tier":"gold"}',
        "amount 100 ≥ 100",
        "; no selector account: the answer was 503",
        "; no selector account: the call does not say what its source needs",
      ];
      for (const [at, end] of ends.entries()) assert.ok(lines[at]?.endsWith(end), `${lines[at]} … ${end}`);
      const explained = await Promise.all(asked.map(({ action_id }) => told("explain", action_id)));
      assert.match(explained[0] ?? "", '{"selectors":{"account":{"most":100,"tier":"gold"}}}');
      assert.match(explained[2] ?? "", /no value +selector account: the answer was 503/);
      assert.match(explained[3] ?? "", /no value +selector account: the call does not say/);
      assert.match(await told("status"), "selector account of bot: the last try failed: the answer was 503");
      assert.match(await told("audit", "verify", "--replay"), "4 came out as recorded");
      assert.not.match((await told("audit", "tail", "--no-follow", "--format", "json")) + explained.join(), "n0tes");
    });
  });
});

test.run();
