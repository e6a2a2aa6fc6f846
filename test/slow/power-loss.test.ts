// The same as simulated/power-loss.test.ts with a hundred thousand lives, from a seed of the day's own unless FARAMESH_SEED names one.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { livesFrom } from "../simulated/history.ts";

const LIVES_DEFAULT = 100_000;
const lives = Number(process.env.FARAMESH_LIVES ?? LIVES_DEFAULT);
const seed = Number(process.env.FARAMESH_SEED ?? Date.now() % 1_000_000_000);

test(`A04 A21 A34 H07 ${lives} lives of a log lose nothing acknowledged when the power goes`, async () => {
  process.stdout.write(`seed ${seed}\n`);
  const tally = await livesFrom(seed, lives);
  process.stdout.write(`${JSON.stringify(tally)}\n`);
  assert.ok(tally.losses >= lives);
});

test.run();
