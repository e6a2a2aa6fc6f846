// How a command ends: the exit codes, and the failure that ends one with a sentence for the user. What the world did is
// put into words here, in one place; a fault of ours is never dressed up as one of the user's.
import { NotRunning, OperatorFailure, OperatorRefused } from "../runtime/doors/client.ts";
import { LogFailure } from "../runtime/log/failure.ts";
import { DuckDbMissing, LogUnreadable, QueryFailed } from "../runtime/query/duck.ts";
import { QuestionRefused } from "../runtime/query/question.ts";
import { visible } from "./render.ts";

/** Every exit code of every command; docs/cli.md has the same table. */
export const exits = {
  ok: 0,
  failed: 1,
  /** plan --strict-replay: recorded calls would come out differently; status: initializing */
  changes: 2,
  /** check: an import was not found on this machine, and nothing else is wrong */
  unreachable: 2,
  /** check --strict: warnings; status: a provider is down */
  warnings: 3,
  daemonDown: 4,
  logBroken: 5,
  /** The command line itself was wrong. */
  usage: 64,
  /** A fault of ours. */
  bug: 70,
} as const;
export type ExitCode = (typeof exits)[keyof typeof exits];

/** Ends the command. `message` says what is wrong, `help` what would work. Thrown by commands, shown by context.ts. */
export class Stop extends Error {
  readonly exitCode: ExitCode;
  readonly help: string | undefined;
  constructor(message: string, help?: string, exitCode: ExitCode = exits.failed) {
    super(message);
    this.exitCode = exitCode;
    this.help = help;
  }
}

/** Failures of files, by system code, in words. */
const systemWords: Readonly<Record<string, string>> = {
  EACCES: "may not be read or written by this user",
  EPERM: "may not be read or written by this user",
  ENOENT: "does not exist",
  EEXIST: "exists already",
  ENOTDIR: "is not a directory",
  EISDIR: "is a directory",
  ELOOP: "is a symbolic link, and links are not followed here",
  EROFS: "lies on a read-only file system",
  ENOSPC: "cannot be written: the disk is full",
};

/** The Stop for a failure of the world; null for a fault of ours. */
export function stopOf(error: unknown): Stop | null {
  if (error instanceof Stop) return error;
  if (error instanceof NotRunning) return new Stop("no daemon runs for this stack", "start it with: faramesh apply");
  if (error instanceof OperatorFailure)
    return new Stop(`the daemon cannot be asked: ${error.message}`, operatorHelp(error));
  if (error instanceof OperatorRefused) return new Stop(`the daemon refuses: ${error.message}`);
  if (error instanceof LogFailure)
    return new Stop(`the log cannot be read: ${error.message}`, "see: faramesh audit verify", exits.logBroken);
  if (error instanceof QuestionRefused || error instanceof QueryFailed)
    return new Stop(visible(error.message), error.help);
  if (error instanceof LogUnreadable)
    return new Stop(`the log cannot be read: ${visible(error.message)}`, "see: faramesh audit verify", exits.logBroken);
  if (error instanceof DuckDbMissing) return new Stop(error.message, "npm install @duckdb/node-api");
  if (!(error instanceof Error) || !("code" in error)) return null;
  const { code, message } = error;
  if (code === "POLICY_MISSING" || code === "POLICY_CORRUPT") {
    return new Stop(message, "apply the policy again: faramesh apply");
  }
  if (code === "UNSAFE_PLACE" || code === "SOCKET_PATH_TOO_LONG") return new Stop(message);
  const path = "path" in error && typeof error.path === "string" ? error.path : null;
  const words = systemWords[String(code)];
  return path === null || words === undefined ? null : new Stop(`${path} ${words}`);
}

function operatorHelp(error: OperatorFailure): string {
  return error.code === "NO_ACCESS" ? "run as the user who started the daemon" : "see: faramesh status";
}
