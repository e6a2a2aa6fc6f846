// The suites of the self-test, each with what it did and what it found. A finding is a sentence for the user; none means that all
// held.
export interface Outcome {
  /** What was tried, how often. */
  readonly runs: number;
  /** What did not hold; the first few. */
  readonly findings: readonly string[];
  /** What else is worth telling, in the words for the user. */
  readonly told: string;
}

/** Called now and then: how much of the whole is done. */
export type OnProgress = (done: number, total: number) => void;

/** Findings that are told: behind the first few the cause is the same. */
const findingsMax = 5;

export class Findings {
  readonly list: string[] = [];
  count = 0;

  add(finding: string): void {
    this.count++;
    if (this.list.length < findingsMax) this.list.push(finding);
  }
}
