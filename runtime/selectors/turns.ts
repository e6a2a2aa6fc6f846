// So many at once, and the others in the order in which they came, for so long. It must never keep one waiting for longer than it
// was told, nor more than it has room for.

export class Turns {
  readonly #atOnce: number;
  readonly #waitingMax: number;
  #taken = 0;
  /** Oldest first. */
  readonly #waiting = new Set<() => void>();

  constructor(atOnce: number, waitingMax: number) {
    this.#atOnce = atOnce;
    this.#waitingMax = waitingMax;
  }

  /** True when it is this one's turn, which it must give back; false where there is no room, or no turn within `timeoutMs`. */
  take(timeoutMs: number): Promise<boolean> {
    if (this.#taken < this.#atOnce) {
      this.#taken += 1;
      return Promise.resolve(true);
    }
    if (this.#waiting.size >= this.#waitingMax) return Promise.resolve(false);
    return new Promise((resolve) => {
      const begin = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(begin);
        resolve(false);
      }, timeoutMs);
      this.#waiting.add(begin);
    });
  }

  /** The turn goes to whoever has waited longest. */
  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#taken -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
