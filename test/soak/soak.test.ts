// Seconds of the soak whose half hour is in test/slow/soak.test.ts: too short for the daemon's bounded tables to be full, so that what it
// holds is asked of the machines alone.
import { test } from "uvu";
import { assertSoak, wordsOf } from "./assert-soak.ts";
import { soak } from "./soak.ts";

test("A25 H01 G04 F03 all at once for some seconds: nothing unanswered, overdrawn or used twice, and the log verifies", async () => {
  const outcome = await soak({ durationMs: 3000, sampleMs: 500, seed: 11, deskMs: 50, swapMs: 500 });
  process.stdout.write(`${wordsOf(outcome)}\n`);
  assertSoak(outcome);
});

test.run();
