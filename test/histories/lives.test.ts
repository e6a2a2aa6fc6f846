// Honest lives of a daemon, from seeds that never change. More of them: slow/histories.test.ts.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { livesFrom } from "./run.ts";

const LIVES = 14;

test(`A34 H07 ${LIVES} honest lives raise no alarm, come out again and lose nothing over stops and kills`, async () => {
  const tally = await livesFrom(1, LIVES);
  // They did what they are for.
  for (const [name, count] of Object.entries(tally)) assert.ok(count > 0, name);
});

test.run();
