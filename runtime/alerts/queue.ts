// Alerts that wait to be delivered, for each target in the order in which they came: bounded, in a file that outlives the daemon. One that is full
// takes no more, and counts what it did not take; it must never drop what waits to make room.
import type { Logger } from "pino";
import { type Disk, readWhole, replaceFile, replaceFileAside } from "../disk.ts";
import type { Json, JsonObject } from "../json.ts";
import type { TargetRef } from "./target.ts";

/** Alerts that wait, over all targets. */
export const queuedAlertsMax = 1024;
/** About 2 KiB an alert. */
const fileLimitBytes = 4 * 1024 * 1024;

export interface QueuedAlert {
  /** The same at each try, and for each target: a receiver may know a second delivery by it. */
  readonly id: string;
  readonly target: TargetRef;
  readonly alert: JsonObject;
}

export class AlertQueue {
  readonly #disk: Disk;
  readonly #path: string;
  /** By the target's text; none is empty. */
  readonly #waiting = new Map<string, QueuedAlert[]>();
  #size = 0;
  #isChanged = false;
  #writing: Promise<void> | null = null;

  constructor(disk: Disk, path: string, waiting: readonly QueuedAlert[]) {
    this.#disk = disk;
    this.#path = path;
    for (const alert of waiting) this.#put(alert);
  }

  get size(): number {
    return this.#size;
  }

  get hasRoom(): boolean {
    return this.#size < queuedAlertsMax;
  }

  /** False when there is no room. */
  add(alert: QueuedAlert): boolean {
    if (!this.hasRoom) return false;
    this.#put(alert);
    this.#isChanged = true;
    return true;
  }

  remove(alert: QueuedAlert): void {
    const key = keyOf(alert);
    const own = this.#waiting.get(key) ?? [];
    const at = own.indexOf(alert);
    if (at < 0) return;
    own.splice(at, 1);
    if (own.length === 0) this.#waiting.delete(key);
    this.#size -= 1;
    this.#isChanged = true;
  }

  /** The oldest of a target, by the target's text. */
  head(key: string): QueuedAlert | undefined {
    return this.#waiting.get(key)?.[0];
  }

  /** The oldest of each target, by the target's text. */
  heads(): ReadonlyMap<string, QueuedAlert> {
    return new Map([...this.#waiting].flatMap(([key, [head]]) => (head === undefined ? [] : [[key, head] as const])));
  }

  #put(alert: QueuedAlert): void {
    const key = keyOf(alert);
    const own = this.#waiting.get(key);
    if (own === undefined) this.#waiting.set(key, [alert]);
    else own.push(alert);
    this.#size += 1;
  }

  /** Writes what changed, off the main thread; one write at a time. Rejects with the disk's error, and may be called again. */
  keep(): Promise<void> {
    if (this.#writing !== null || !this.#isChanged) return this.#writing ?? Promise.resolve();
    this.#isChanged = false;
    this.#writing = replaceFileAside(this.#disk, this.#path, this.#bytes())
      .catch((error: unknown) => {
        this.#isChanged = true;
        throw error;
      })
      .finally(() => {
        this.#writing = null;
      });
    return this.#writing;
  }

  /** The last write. */
  async close(): Promise<void> {
    await this.#writing?.catch(() => {});
    if (this.#isChanged) replaceFile(this.#disk, this.#path, this.#bytes());
    this.#isChanged = false;
  }

  #bytes(): Uint8Array {
    return Buffer.from(`${JSON.stringify([...this.#waiting.values()].flat())}\n`);
  }
}

function keyOf({ target }: QueuedAlert): string {
  return JSON.stringify(target);
}

/** As the last daemon left it. A file that cannot be read is told of, and no reason not to decide. */
export function openQueue(disk: Disk, path: string, journal: Logger): AlertQueue {
  try {
    const waiting = disk.identity(path) === null ? [] : queuedIn(readWhole(disk, path, fileLimitBytes));
    return new AlertQueue(disk, path, waiting);
  } catch (error) {
    journal.error({ err: error }, "the alerts that waited could not be read");
    return new AlertQueue(disk, path, []);
  }
}

function queuedIn(bytes: Uint8Array): QueuedAlert[] {
  const value: Json = JSON.parse(Buffer.from(bytes).toString());
  if (!Array.isArray(value)) throw new Error("the queue of alerts is not a list");
  return value.slice(0, queuedAlertsMax).map((one: Json) => {
    if (typeof one !== "object" || one === null || Array.isArray(one)) throw new Error("an alert is not an object");
    const { id, target, alert } = one as JsonObject;
    const isObject = typeof alert === "object" && alert !== null && !Array.isArray(alert);
    if (typeof id !== "string" || !isObject) throw new Error("an alert lacks its id or its text");
    return { id, target: refIn(target), alert: alert as JsonObject };
  });
}

function refIn(target: Json | undefined): TargetRef {
  if (typeof target === "string") return target;
  if (typeof target === "object" && target !== null && !Array.isArray(target)) {
    const { env } = target as JsonObject;
    if (typeof env === "string") return { env };
  }
  throw new Error("an alert lacks its target");
}
