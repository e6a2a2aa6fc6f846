// Generated and spoiled requests as JSON bytes and as objects. FARAMESH_PAIRS says how many, FARAMESH_SEED where to begin.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runJson } from "./differential/json.ts";

const CALLS_DEFAULT = 60_000;

test("D01 D02 D03 D08 D09 requests as bytes are judged as requests as objects, also where they are spoiled", async () => {
  const calls = Number(process.env.FARAMESH_PAIRS ?? CALLS_DEFAULT);
  const codes = await runJson(calls, Number(process.env.FARAMESH_SEED ?? 1));
  for (const code of [
    "POLICY_PERMIT",
    "POLICY_DENY",
    "POLICY_DEFER",
    "BAD_REQUEST",
    "BAD_TOOL_NAME",
    "UNKNOWN_AGENT",
  ]) {
    assert.ok((codes.get(code) ?? 0) * 100 > calls, `${code}: ${codes.get(code)} of ${calls}`);
  }
  for (const code of ["EGRESS_DENIED", "MODEL_DENIED", "RATE_EXCEEDED", "BUDGET_EXCEEDED"])
    assert.ok(codes.has(code), code);
});

test.run();
