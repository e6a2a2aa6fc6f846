// A screen that is drawn again and again: the terminal's second buffer, keys as they are pressed, nothing left behind at the end.
// Only for a terminal: whoever reads the output otherwise gets plain lines, and never one of these sequences.
import type { Terminal } from "./terminal.ts";

const enter = "\u001b[?1049h\u001b[?25l";
const leave = "\u001b[?25h\u001b[?1049l";
const home = "\u001b[H";
const clearLine = "\u001b[K";
const clearBelow = "\u001b[J";
const ctrlC = "\u0003";

export interface Scene {
  /** What to show, a line each; what does not fit is cut off. */
  lines(rows: number): readonly string[];
  /** A key other than q and Ctrl-C. */
  key?(key: string): void;
}

export class Screen {
  readonly #io: Terminal;
  readonly #scene: Scene;
  #isOpen = false;

  constructor(io: Terminal, scene: Scene) {
    this.#io = io;
    this.#scene = scene;
  }

  /** Shows the scene until q, Ctrl-C or the signal; `work` runs meanwhile and may ask for `draw`. Rejects with what it rejects with. */
  async run(signal: AbortSignal, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const quit = new AbortController();
    const stop = AbortSignal.any([signal, quit.signal]);
    const stopKeys = this.#io.onKeys((key) => {
      if (key === "q" || key === ctrlC) quit.abort();
      else this.#scene.key?.(key);
      this.draw();
    });
    const stopResize = this.#io.onResize(() => this.draw());
    this.#isOpen = true;
    this.#io.raw(enter);
    try {
      this.draw();
      await work(stop);
    } finally {
      this.#isOpen = false;
      stopResize();
      stopKeys();
      this.#io.raw(leave);
    }
  }

  draw(): void {
    if (!this.#isOpen) return;
    const { columns, rows } = this.#io.size;
    const lines = this.#scene.lines(rows).slice(0, rows);
    const drawn = lines.map((line) => `${cutLine(line, columns)}${clearLine}`).join("\r\n");
    this.#io.raw(`${home}${drawn}${clearBelow}`);
  }
}

/** The line cut to so many characters; colours take no room, and end with the line. */
export function cutLine(line: string, columns: number): string {
  let width = 0;
  let cut = "";
  let isColored = false;
  for (const [part] of line.matchAll(/\u001b\[[\d;]*m|[\s\S]/gu)) {
    if (part.length > 1 && part.startsWith("\u001b[")) {
      isColored = true;
      cut += part;
      continue;
    }
    if (width >= columns) return isColored ? `${cut}\u001b[0m` : cut;
    cut += part;
    width++;
  }
  return cut;
}
