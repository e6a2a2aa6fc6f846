// Leases of secrets that a provider handed out and that have not ended: what is revoked when it ends. They outlive an instance of it that
// failed. Their ids are no secrets.

/** Beyond, the oldest is left to end by itself. */
export const leasesMax = 1024;

export class Leases {
  /** Ends in monotonic microseconds, oldest lease first. */
  readonly #endsUs = new Map<string, number>();

  note(id: string, endUs: number): void {
    this.#endsUs.set(id, endUs);
    for (const oldest of this.#endsUs.keys()) {
      if (this.#endsUs.size <= leasesMax) break;
      this.#endsUs.delete(oldest);
    }
  }

  /** Those that have not ended; they are no longer kept. */
  take(nowUs: number): readonly string[] {
    const live = [...this.#endsUs].flatMap(([id, endUs]) => (endUs > nowUs ? [id] : []));
    this.#endsUs.clear();
    return live;
  }
}
