// `faramesh status`: the daemon and what it governs, at a glance. It asks and reads, and changes nothing.
import { Command, Option } from "clipanion";
import { askOperator, NotRunning } from "../../runtime/doors/client.ts";
import type { StatusAnswer } from "../../runtime/doors/views.ts";
import { FarameshCommand } from "../context.ts";
import { driftOf } from "../drift.ts";
import { type ExitCode, exits } from "../exit.ts";
import { Screen } from "../screen.ts";
import { statusLines } from "../status-text.ts";
import type { Terminal } from "../terminal.ts";

const watchIntervalMs = 1000;

export class StatusCommand extends FarameshCommand {
  static override paths = [["status"]];
  static override usage = Command.Usage({
    category: "Operation",
    description: "show the daemon and what it governs",
    details: "Exit codes: 0 ready, 1 not running, 2 initializing, 3 a provider is down. With -q nothing is printed.",
    examples: [
      ["Look once", "faramesh status"],
      ["Keep looking", "faramesh status --watch"],
      ["For a script", "faramesh status -q && echo ready"],
    ],
  });
  readonly watch = Option.Boolean("--watch", false, {
    description: "look again every second; on a terminal a screen, q ends it",
  });

  async run(io: Terminal): Promise<number> {
    if (!this.watch) {
      const seen = await this.#look();
      this.#print(io, seen, 2);
      return seen.code;
    }
    let code: number = exits.ok;
    await io.untilInterrupted(async (signal) => {
      code = io.isScreen ? await this.#onScreen(io, signal) : await this.#inLines(io, signal);
    });
    return code;
  }

  /** One look after the other, below each other. */
  async #inLines(io: Terminal, signal: AbortSignal): Promise<number> {
    let code: number = exits.ok;
    while (!signal.aborted) {
      const seen = await this.#look();
      code = seen.code;
      this.#print(io, seen, 0);
      await io.flush();
      await pause(watchIntervalMs, signal);
    }
    return code;
  }

  async #onScreen(io: Terminal, signal: AbortSignal): Promise<number> {
    let seen = await this.#look();
    const screen = new Screen(io, {
      lines: (rows) => [...textOf(io, seen).slice(0, Math.max(1, rows - 2)), "", io.paint.dim("q quits")],
    });
    await screen.run(signal, async (stop) => {
      while (!stop.aborted) {
        await pause(watchIntervalMs, stop);
        if (stop.aborted) return;
        seen = await this.#look();
        screen.draw();
      }
    });
    return seen.code;
  }

  async #look(): Promise<Seen> {
    let status: StatusAnswer;
    try {
      status = await askOperator(this.dir, "status", {});
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error;
      return { status: null, drift: null, code: exits.failed };
    }
    return { status, drift: driftOf(this.dir, status.daemon.policy_source.files), code: codeOf(status) };
  }

  /** -q asks for the exit code alone; JSON that was asked for is still given. */
  #print(io: Terminal, seen: Seen, indent: number): void {
    const { status, drift } = seen;
    if (io.isJson) io.json(status === null ? stopped : jsonOf(status, drift), indent);
    else if (!io.quiet) for (const line of textOf(io, seen)) io.line(line);
  }
}

interface Seen {
  /** Null where no daemon answers. */
  readonly status: StatusAnswer | null;
  readonly drift: boolean | null;
  readonly code: ExitCode;
}

function textOf(io: Terminal, { status, drift }: Seen): readonly string[] {
  if (status !== null) return statusLines(io.paint, status, drift);
  return [`${io.paint.red("●")} no daemon runs for this stack: faramesh apply starts it`];
}

function jsonOf({ ok: _ok, daemon, ...rest }: StatusAnswer, drift: boolean | null): object {
  return { daemon: { ...daemon, drift }, ...rest };
}

function codeOf({ daemon, providers }: StatusAnswer): ExitCode {
  if (daemon.state === "INITIALIZING" || daemon.state === "STARTING") return exits.changes;
  if (daemon.state !== "READY") return exits.failed;
  return providers.some(({ status }) => status !== "ready" && status !== "stub") ? exits.warnings : exits.ok;
}

/** The shape of a status where no daemon answers. */
const stopped = {
  daemon: {
    state: "STOPPED",
    pid: null,
    uptime_seconds: null,
    socket: null,
    policy_version: null,
    policy_hash: null,
    policy_source: null,
    applied_at: null,
    runtime_mode: null,
    drift: null,
    wal: null,
  },
  doors: [],
  providers: [],
  notices: [],
  budgets: [],
  approvals: { pending: 0, oldest_age_seconds: null },
  grants: { active: 0 },
  stopped: [],
  limits: [],
  phases: [],
};

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
