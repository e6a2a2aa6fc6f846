// Looks again at each save: for `check --watch` and `plan --watch`. It reads and never writes, and a policy that is broken, or
// gone for the moment in which an editor puts a new file in its place, is one more thing to show and no end.
import { sep } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { show } from "./context.ts";
import { exits, Stop } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

/** Editors write in pieces: a change counts when it has been quiet for so long. */
const settleMs = 50;
/** But a file that is written without end is looked at all the same, after so many times of `settleMs`. */
const settleRoundsMax = 40;
/** Folders below the stack's that may hold parts of a policy. */
const depthMax = 6;
const clearScreen = "\u001b[2J\u001b[3J\u001b[H";
const partOfPolicy = /\.(fms|fpl|fms\.(ya?ml|json|lock))$/;
const besidePolicy = /^(node_modules|\..+)$/;

/**
 * Calls `look`, which returns an exit code, and again after each change of a policy's file below `dir`, until it is
 * interrupted. The exit code is the last look's. Throws Stop where the folder cannot be watched.
 */
export async function lookAtEachSave(io: Terminal, dir: string, look: () => Promise<number>): Promise<number> {
  const { watch } = await import("chokidar");
  let code: number = exits.ok;
  await io.untilInterrupted(async (signal) => {
    const saves = new Saves(signal);
    const watcher = watch(dir, {
      ignoreInitial: true,
      depth: depthMax,
      ignored: (path, stats) => isOutside(dir, path, stats?.isFile() === true),
    });
    for (const event of ["add", "change", "unlink"] as const) watcher.on(event, () => saves.happened());
    watcher.on("error", (error) => saves.failed(error));
    try {
      // Watching begins before the first look, so that no save falls between them.
      await new Promise<void>((resolve) => {
        watcher.once("ready", resolve);
        watcher.once("error", () => resolve());
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      while (!signal.aborted) {
        if (io.isTerminal) io.raw(clearScreen);
        code = await look().catch((error: unknown) => show(io, error));
        io.note(`watching ${dir}; Ctrl-C stops`);
        await io.flush();
        await saves.next();
      }
    } finally {
      await watcher.close();
    }
  });
  return code;
}

/** A person watches: the other formats are one result, and have an end. Throws Stop. */
export function onlyText(format: string): void {
  if (format !== "text") throw new Stop("--watch is for reading: it goes with --format text", undefined, exits.usage);
}

function isOutside(dir: string, path: string, isFile: boolean): boolean {
  const below = path.slice(dir.length).split(sep).join("/").split("/").filter(Boolean);
  return below.some((name) => besidePolicy.test(name)) || (isFile && !partOfPolicy.test(path));
}

/** Changes as they come in; many within a short time are one. */
class Saves {
  readonly #signal: AbortSignal;
  #isNew = false;
  #failure: Stop | null = null;
  #wake = (): void => {};

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake(), { once: true });
  }

  happened(): void {
    this.#isNew = true;
    this.#wake();
  }

  failed(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#failure = new Stop(`the folder cannot be watched: ${why}`, "run the command without --watch at each change");
    this.#wake();
  }

  /** Resolves when there was a change since the call before and it has settled, or at the signal. */
  async next(): Promise<void> {
    while (!this.#isNew && this.#failure === null && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    for (let round = 0; this.#isNew && round < settleRoundsMax && !this.#signal.aborted; round++) {
      this.#isNew = false;
      await pause(settleMs);
    }
    this.#isNew = false;
    if (this.#failure !== null && !this.#signal.aborted) throw this.#failure;
  }
}
