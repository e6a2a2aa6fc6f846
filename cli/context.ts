// What every command has: the stack's directory, the form of the output, and one way to end. Commands print through it
// and return an exit code; they never touch process.stdout or process.exit themselves.
import { resolve } from "node:path";
import { type BaseContext, Command, Option } from "clipanion";
import { NotRunning, OperatorFailure, OperatorRefused } from "../runtime/doors/client.ts";
import { CliFailure, exitCodes } from "./exit.ts";
import { type Paint, paint } from "./render.ts";

export interface CliContext extends BaseContext {
  readonly signal: AbortSignal;
}

export abstract class StackCommand extends Command<CliContext> {
  dir = Option.String("--dir", ".", { description: "the stack's directory" });
  format = Option.String("--format", "text", { description: "text or json" });
  color = Option.Boolean("--color", true, { description: "colours, where the terminal has them" });
  quiet = Option.Boolean("-q,--quiet", false, { description: "only what was asked for" });

  /** The command's work; returns the exit code. */
  abstract run(): Promise<number>;

  async execute(): Promise<number> {
    try {
      if (this.format !== "text" && this.format !== "json") {
        throw new CliFailure("USAGE", `\`--format ${this.format}\` is neither text nor json`, { exitCode: exitCodes.usage });
      }
      return await this.run();
    } catch (error) {
      const failure = asFailure(error);
      if (failure === null) throw error;
      this.#report(failure);
      return failure.exitCode;
    }
  }

  #report(failure: CliFailure): void {
    if (this.isJson) {
      const { code, message, help } = failure;
      this.json({ error: { code, message, ...(help === null ? {} : { help }) } });
    } else {
      this.context.stderr.write(`${this.paint.bad("✗")} ${failure.message}\n`);
      if (failure.help !== null) this.context.stderr.write(`  ${failure.help}\n`);
    }
  }

  get isJson(): boolean {
    return this.format === "json";
  }

  /** Absolute path of the stack's directory. */
  get stackDir(): string {
    return resolve(this.dir);
  }

  get paint(): Paint {
    const { stdout, env } = this.context;
    const terminal = (stdout as { isTTY?: boolean }).isTTY === true || env.FORCE_COLOR === "1";
    return paint(this.color && !env.NO_COLOR && env.TERM !== "dumb" && terminal);
  }

  /** A line of the result; nothing with --format json. */
  print(line = ""): void {
    if (!this.isJson) this.context.stdout.write(`${line}\n`);
  }

  /** A line beside the result: progress, warnings. */
  note(line: string): void {
    if (!this.quiet) this.context.stderr.write(`${line}\n`);
  }

  /** The result as JSON, and nothing else on stdout; nothing in text. */
  json(value: unknown): void {
    if (this.isJson) this.context.stdout.write(`${JSON.stringify(value)}\n`);
  }
}

/** Failures of the world that commands share, in words; null for our own bugs. */
function asFailure(error: unknown): CliFailure | null {
  if (error instanceof CliFailure) return error;
  if (error instanceof NotRunning) {
    return new CliFailure("NOT_RUNNING", "no daemon runs for this stack", { help: "start it: faramesh apply" });
  }
  if (error instanceof OperatorRefused) return new CliFailure(error.code, error.message);
  if (error instanceof OperatorFailure) {
    return new CliFailure(error.code, `the daemon does not answer as it should: ${error.message}`, {
      help: "look at .faramesh/runtime/daemon.log",
    });
  }
  if (error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z]+$/.test(error.code)) {
    return new CliFailure(error.code, error.message);
  }
  return null;
}
