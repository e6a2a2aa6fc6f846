// What a question of the bench is: a file in questions/ that exports one `question`. Each runs in a process of its own.
import type { Figure } from "./row.ts";
import type { Pace } from "./timing.ts";

export interface Setting {
  readonly pace: Pace;
  /** The bounded form: fewer rounds, and slow peers only where they are quick. */
  readonly short: boolean;
  /** Folder of the bundles that are measured; see bundle.ts. */
  readonly bundles: string;
}

export interface Question {
  /** What is asked, in one line. */
  readonly asks: string;
  measure(setting: Setting): Promise<readonly Figure[]>;
}
