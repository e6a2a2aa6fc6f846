// How a command ends: the documented exit codes, and the one kind of error that a command throws on purpose.

export const exitCodes = {
  ok: 0,
  failed: 1,
  importUnreachable: 2,
  /** status: starting; plan: strict and something changes. */
  initializing: 2,
  strictWarnings: 3,
  daemonDidNotStart: 4,
  logBroken: 5,
  /** Words on the command line that no command takes (sysexits' EX_USAGE). */
  usage: 64,
} as const;

/** A clear end: what is wrong, and the command or change that helps. */
export class CliFailure extends Error {
  readonly code: string;
  readonly exitCode: number;
  readonly help: string | null;
  constructor(code: string, message: string, options: { exitCode?: number; help?: string | undefined } = {}) {
    super(message);
    this.code = code;
    this.exitCode = options.exitCode ?? exitCodes.failed;
    this.help = options.help ?? null;
  }
}
