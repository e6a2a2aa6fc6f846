// The same as histories/lives.test.ts with 10,000 lives (FARAMESH_HISTORIES), from a seed of the day's own unless FARAMESH_SEED names one.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { livesFrom } from "../histories/run.ts";

const LIVES_DEFAULT = 10_000;
const lives = Number(process.env.FARAMESH_HISTORIES ?? LIVES_DEFAULT);
const seed = Number(process.env.FARAMESH_SEED ?? Date.now() % 1_000_000_000);

test(`A34 H07 ${lives} honest lives raise no alarm`, async () => {
  process.stdout.write(`seed ${seed}\n`);
  const tally = await livesFrom(seed, lives);
  process.stdout.write(`${JSON.stringify(tally)}\n`);
  assert.ok(tally.decisions > lives);
});

test.run();
