// Times in which a checkpoint was due and none came, as the records of checkpoints tell them.
import type { JsonObject } from "../json.ts";

/** Gaps that are told. */
const gapsMax = 1024;

/** A checkpoint may come so much later than was due before that is told: a minute, and twice the time. */
const graceSeconds = 60;

interface LastCheckpoint {
  readonly seq: number;
  readonly bootId: unknown;
  readonly monoUs: number;
  readonly dueSeconds: number;
}

export class CheckpointGaps {
  readonly found: string[] = [];
  #last: LastCheckpoint | null = null;

  /** Takes a checkpoint's record. */
  take(value: JsonObject, seq: number): void {
    const { due, cause, boot_id, mono_us } = value;
    const seconds: unknown = typeof due === "object" && due !== null ? Reflect.get(due, "seconds") : undefined;
    const last = this.#last;
    const monoUs = Number(mono_us);
    // While no daemon ran none was due; time asleep does not count, nor can it be told across boots.
    if (last !== null && cause !== "start" && last.bootId === boot_id) this.#tell(last, monoUs, `record ${seq}`);
    const dueSeconds = typeof seconds === "number" ? seconds : Number.POSITIVE_INFINITY;
    this.#last = { seq, bootId: boot_id, monoUs, dueSeconds };
  }

  #tell(last: LastCheckpoint, monoUs: number, until: string): void {
    const passedSeconds = Math.round((monoUs - last.monoUs) / 1_000_000);
    if (passedSeconds <= 2 * last.dueSeconds + graceSeconds || this.found.length >= gapsMax) return;
    this.found.push(
      `no checkpoint for ${passedSeconds} s between record ${last.seq} and ${until}: one was due every ${last.dueSeconds} s`,
    );
  }
}
