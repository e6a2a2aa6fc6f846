// How long answers wait for the disk. Those that begin to wait for one promise in one turn share a timer: a timer for each
// costs as much as the decision. It must never let a wait last longer than its time.

export class Deadlines {
  readonly #timeoutMs: number;
  /** Of this turn of the event loop. */
  #shared: { readonly work: Promise<void>; readonly inTime: Promise<boolean> } | null = null;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** True when `work` is done in time, false when it is not; rejects as `work` does. */
  keeps(work: Promise<void>): Promise<boolean> {
    if (this.#shared?.work === work) return this.#shared.inTime;
    const inTime = this.#watch(work);
    if (this.#shared === null) {
      setImmediate(() => {
        this.#shared = null;
      });
    }
    this.#shared = { work, inTime };
    return inTime;
  }

  #watch(work: Promise<void>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(false), this.#timeoutMs);
      work.then(
        () => {
          clearTimeout(timer);
          resolve(true);
        },
        (error) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });
  }
}
