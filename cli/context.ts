// What every command shares: the options that all take, the way its words go out and how its failures are shown. A command
// is a class with its usage inside; it prints and returns an exit code, and never ends the process.
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { type BaseContext, Command, Option } from "clipanion";
import { exits, Stop, stopOf } from "./exit.ts";
import { visible } from "./render.ts";
import { Terminal, wantsColor } from "./terminal.ts";

export type Context = BaseContext;

export abstract class FarameshCommand extends Command<Context> {
  readonly dirOption = Option.String("--dir", ".", { description: "the stack's folder (default: the current one)" });
  readonly formatOption = Option.String("--format", "text", { description: "text or json" });
  readonly noColorOption = Option.Boolean("--no-color", false, { description: "no colours; NO_COLOR does the same" });
  readonly quietOption = Option.Boolean("-q,--quiet", false, { description: "leave out progress and confirmations" });

  /** Values of --format beside text and json; what they print, and that it is alone on standard output, is the command's. */
  readonly otherFormats: readonly string[] = [];

  /** Does the work and returns the exit code. Throws Stop, or a failure that `stopOf` knows. */
  abstract run(io: Terminal): Promise<number>;

  /** The stack's folder, absolute. */
  get dir(): string {
    return resolve(this.dirOption);
  }

  async execute(): Promise<number> {
    const { stdout, env } = this.context;
    const isJson = this.formatOption === "json";
    const isText = this.formatOption === "text";
    const color = isText && wantsColor(stdout, env, this.noColorOption);
    const io = new Terminal(this.context, { format: isJson ? "json" : "text", color, quiet: this.quietOption });
    try {
      if (!isJson && !isText && !this.otherFormats.includes(this.formatOption)) {
        const known = ["text", "json", ...this.otherFormats].join(", ").replace(/, (\w+)$/, " or $1");
        throw new Stop(`--format is ${known}, not \`${visible(this.formatOption)}\``, undefined, exits.usage);
      }
      checkFolder(this.dir);
      return await this.run(io);
    } catch (error) {
      return show(io, error);
    }
  }
}

function checkFolder(dir: string): void {
  const stats = statSync(dir, { throwIfNoEntry: false });
  if (stats === undefined) throw new Stop(`there is no folder ${visible(dir)}`, "name the stack's folder with --dir");
  if (!stats.isDirectory()) throw new Stop(`${visible(dir)} is not a folder`, "name the stack's folder with --dir");
}

/** Says what failed and how to go on; returns the exit code. */
export function show(io: Terminal, error: unknown): number {
  const stop = stopOf(error);
  if (stop === null) {
    io.complain(
      `faramesh: a fault of ours: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    io.json({ error: { message: "a fault of ours", exit_code: exits.bug } });
    return exits.bug;
  }
  io.complain(`${io.paint.red("✗")} ${stop.message}`);
  if (stop.help !== undefined) io.complain(`  ${stop.help}`);
  io.json({ error: { message: stop.message, help: stop.help, exit_code: stop.exitCode } });
  return stop.exitCode;
}
