// Where a command's words go. With JSON, standard output holds JSON alone; in text, results go to standard output, progress
// and warnings to standard error. A reader that went away ends the output quietly and never the work in hand.
import type { Readable, Writable } from "node:stream";
import pc from "picocolors";
import { jsonText } from "./render.ts";

export type Format = "text" | "json";

export interface Streams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: NodeJS.ProcessEnv;
}

export interface TerminalOptions {
  readonly format: Format;
  readonly color: boolean;
  readonly quiet: boolean;
}

export class Terminal {
  readonly format: Format;
  readonly quiet: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Colours, or the same functions without effect. */
  readonly paint: ReturnType<typeof pc.createColors>;
  readonly #streams: Streams;
  readonly #left = new AbortController();
  readonly #onError = (): void => this.#left.abort();

  constructor(streams: Streams, options: TerminalOptions) {
    this.#streams = streams;
    this.format = options.format;
    this.quiet = options.quiet;
    this.env = streams.env;
    this.paint = pc.createColors(options.color);
    streams.stdout.on("error", this.#onError);
    streams.stderr.on("error", this.#onError);
  }

  get isJson(): boolean {
    return this.format === "json";
  }

  get isColored(): boolean {
    return this.paint.isColorSupported;
  }

  get isTerminal(): boolean {
    return isTty(this.#streams.stdout);
  }

  /** A person can be asked. */
  get canAsk(): boolean {
    return isTty(this.#streams.stdin) && isTty(this.#streams.stderr) && !this.isJson;
  }

  /** Progress may be drawn. */
  get canDraw(): boolean {
    return isTty(this.#streams.stderr) && !this.quiet;
  }

  /** Nobody reads the output any more. */
  get gone(): boolean {
    return this.#left.signal.aborted;
  }

  /** A screen can be drawn and keys can be read. */
  get isScreen(): boolean {
    return this.isTerminal && isTty(this.#streams.stdin) && !this.isJson && this.env.TERM !== "dumb";
  }

  /** Of the terminal, in characters. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#streams.stdout as Partial<Record<"columns" | "rows", unknown>>;
    return { columns: sizeOr(columns, 80), rows: sizeOr(rows, 24) };
  }

  /** Calls back when the terminal's size has changed; what it returns ends that. */
  onResize(listener: () => void): () => void {
    this.#streams.stdout.on("resize", listener);
    return () => this.#streams.stdout.off("resize", listener);
  }

  /** Calls back with each key as it is pressed, not shown; what it returns ends that. Of escape sequences, the whole at once. */
  onKeys(listener: (key: string) => void): () => void {
    const { stdin } = this.#streams;
    const raw = (on: boolean): void => {
      const setRawMode: unknown = Reflect.get(stdin, "setRawMode");
      if (typeof setRawMode === "function") setRawMode.call(stdin, on);
    };
    const onData = (chunk: Buffer | string): void => {
      for (const [key] of String(chunk).matchAll(/\u001b\[[A-Za-z]|[\s\S]/gu)) listener(key);
    };
    raw(true);
    stdin.on("data", onData);
    stdin.resume();
    return () => {
      stdin.off("data", onData);
      stdin.pause();
      raw(false);
    };
  }

  get stdin(): Readable {
    return this.#streams.stdin;
  }

  get stderr(): Writable {
    return this.#streams.stderr;
  }

  /** A line of the result. */
  line(text = ""): void {
    if (!this.isJson) this.#write(`${text}\n`);
  }

  /** A confirmation that --quiet leaves out. */
  say(text: string): void {
    if (!this.quiet) this.line(text);
  }

  /** The whole result, or with `indent` 0 one of a stream of results. */
  json(value: unknown, indent = 2): void {
    if (this.isJson) this.#write(`${jsonText(value, indent)}\n`);
  }

  /** Text of a result that is written in pieces, in either format. */
  raw(text: string): void {
    this.#write(text);
  }

  /** Progress and remarks. */
  note(text: string): void {
    if (!this.quiet) this.#tell(text);
  }

  /** Errors: shown whatever --quiet says. */
  complain(text: string): void {
    this.#tell(text);
  }

  /** Waits until what was written is taken, so that a slow reader costs no memory. */
  async flush(): Promise<void> {
    const { stdout } = this.#streams;
    if (this.gone || !stdout.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stdout.off("drain", done);
        this.#left.signal.removeEventListener("abort", done);
        resolve();
      };
      stdout.once("drain", done);
      this.#left.signal.addEventListener("abort", done, { once: true });
    });
  }

  /** Runs `work` with a signal that fires at SIGINT, SIGTERM, SIGHUP and when nobody reads any more. */
  async untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
    process.once("SIGHUP", stop);
    this.#left.signal.addEventListener("abort", stop, { once: true });
    try {
      if (this.gone) stop();
      await work(controller.signal);
    } finally {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
      process.off("SIGHUP", stop);
      this.#left.signal.removeEventListener("abort", stop);
    }
  }

  #write(text: string): void {
    if (!this.gone) this.#streams.stdout.write(text);
  }

  #tell(text: string): void {
    if (!this.gone) this.#streams.stderr.write(`${text}\n`);
  }
}

function sizeOr(value: unknown, otherwise: number): number {
  return typeof value === "number" && value > 0 ? value : otherwise;
}

function isTty(stream: Readable | Writable): boolean {
  return "isTTY" in stream && stream.isTTY === true;
}

/** Whether to colour: never with NO_COLOR (any value but the empty one), else as FORCE_COLOR says, else on a terminal. */
export function wantsColor(stream: Writable, env: NodeJS.ProcessEnv, refused: boolean): boolean {
  if (refused || env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "") return env.FORCE_COLOR !== "0";
  return isTty(stream) && env.TERM !== "dumb";
}
