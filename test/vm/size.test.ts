// What an edge function ships stays small: the evaluator as it is built, compressed as servers compress it.
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { everyPart, imageOf, noon, open } from "./policies.ts";

const limitBytes = {
  "stateless.js": 19 * 1024,
  "objects.js": 25 * 1024,
  "small.js": 30 * 1024,
  "evaluator.js": 36 * 1024,
  "host.js": 9 * 1024,
  "machine.wasm": 20 * 1024,
};

for (const [file, most] of Object.entries(limitBytes)) {
  test(`${file} takes at most ${most / 1024} KiB`, () => {
    const bytes = readFileSync(new URL(`../../dist/${file}`, import.meta.url));
    const compressed = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
    assert.ok(compressed <= most, `${compressed} bytes`);
    assert.ok(compressed > 1024, "nothing is as small as that");
  });
}

test("the bundle with a machine in it decides as the sources do", async () => {
  const { loadPolicySync } = (await import(
    new URL("../../dist/evaluator.js", import.meta.url).href
  )) as typeof import("../../runtime/evaluator/index.ts");
  const image = imageOf(everyPart);
  const [built, source] = [loadPolicySync(image), open(everyPart)];
  assert.is(built.info.policy_hash, source.info.policy_hash);
  const call = { agent_id: "pay", tool_id: "stripe/wipe", args: {} };
  assert.is(loadPolicySync(image, { state: "volatile" }).decide(call, { now: noon }).effect, "deny");
});

test.run();
