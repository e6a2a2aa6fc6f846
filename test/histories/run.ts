// Runs lives one after another and says by its seed which one went wrong.
import { emptyTally, Life, type Tally, Violation } from "./life.ts";

/** Throws Violation with the seed of the first life in which something was wrong. */
export async function livesFrom(seed: number, lives: number): Promise<Tally> {
  const tally = emptyTally();
  for (let one = seed; one < seed + lives; one++) {
    try {
      await new Life(one, tally).run();
    } catch (error) {
      throw new Violation(`seed ${one}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  return tally;
}
