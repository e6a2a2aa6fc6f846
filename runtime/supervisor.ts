// Agents that the daemon has started on an operator's order: which run, how others ended, and their end with the daemon's. Each is a
// process of `.faramesh/bin/agent`, which fences it in as the policy says. It decides nothing, and must never start one unfenced.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { type Clock, formatTime } from "./clock.ts";
import type { RunView } from "./doors/views.ts";
import type { Environment } from "./fixed-settings.ts";

/** Agents that run at once. */
export const runsMax = 64;
/** Runs that are over and still listed. */
const endedMax = 64;
/** Between the wish that it ends and the kill; the process in between gives its command as long. */
const endingMs = 7_000;
const saidBytesMax = 1_024;
const idBytes = 8;
/** What a run gets of the daemon's environment: nothing that could hold a secret. */
const inherited = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"] as const;

export interface LaunchOrder {
  readonly agentId: string;
  /** Program and arguments; empty for the policy's `supervised_command`. */
  readonly command: readonly string[];
  /** Absolute; beside what the sandbox shows. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly workingDir: string;
}

interface Run {
  view: RunView;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

export interface SupervisorPlace {
  /** `.faramesh/bin/agent`, which `apply` writes */
  readonly script: string;
  /** Names the file of a run's output. */
  readonly outputOf: (run: string) => string;
  readonly env: Environment;
  readonly clock: Clock;
  /** Of ends that nobody asked for, too. */
  readonly onEnded: (view: RunView) => void;
}

export class Supervisor {
  readonly #place: SupervisorPlace;
  readonly #runs = new Map<string, Run>();

  constructor(place: SupervisorPlace) {
    this.#place = place;
  }

  /** Running first, then those that are over, latest first. */
  list(): readonly RunView[] {
    const views = [...this.#runs.values()].map(({ view }) => view).reverse();
    return [...views.filter(({ state }) => state !== "ended"), ...views.filter(({ state }) => state === "ended")];
  }

  hasRoom(): boolean {
    return this.list().filter(({ state }) => state !== "ended").length < runsMax;
  }

  /** Whether there is what starts them. */
  canLaunch(): boolean {
    try {
      accessSync(this.#place.script, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }

  launch({ agentId, command, reads, writes, workingDir }: LaunchOrder): RunView {
    const { script, outputOf, env, clock } = this.#place;
    const run = `sup-${randomBytes(idBytes).toString("hex")}`;
    const output = outputOf(run);
    const folders = [...reads.flatMap((path) => ["--read", path]), ...writes.flatMap((path) => ["--write", path])];
    const words = [
      "--agent",
      agentId,
      "--supervised",
      output,
      ...folders,
      ...(command.length === 0 ? [] : ["--", ...command]),
    ];
    const kept = inherited.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
    // A group of its own, so that a kill reaches whatever is left of it.
    const child = spawn(script, words, {
      cwd: workingDir,
      env: Object.fromEntries(kept),
      stdio: ["pipe", "ignore", "pipe"],
      detached: true,
    });
    let said = "";
    child.stdin?.on("error", () => {});
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-saidBytesMax);
    });
    child.stderr?.on("error", () => {});
    const view: RunView = {
      run,
      agent_id: agentId,
      program: command[0] ?? null,
      state: "running",
      pid: child.pid ?? null,
      started_at: formatTime(clock.now().wallUs),
      ended_at: null,
      exit_code: null,
      said: "",
      output,
    };
    const ended = new Promise<void>((resolve) => {
      const end = (exitCode: number | null, why: string): void => {
        const one = this.#runs.get(run);
        if (one === undefined || one.view.state === "ended") return;
        one.view = {
          ...one.view,
          state: "ended",
          ended_at: formatTime(clock.now().wallUs),
          exit_code: exitCode,
          said: (why === "" ? said : why).trim(),
        };
        this.#forgetOld();
        this.#place.onEnded(one.view);
        resolve();
      };
      child.once("error", (error) => end(null, `it could not be started: ${error.message}`));
      child.once("close", (code) => end(code ?? killedCode, ""));
    });
    this.#runs.set(run, { view, child, ended });
    return view;
  }

  /** Ends those of the run, or of the agent, that still run; null for all. Resolves when they are over. */
  async stop(which: string | null): Promise<readonly RunView[]> {
    const found = [...this.#runs.values()].filter(
      ({ view }) => view.state !== "ended" && (which === null || view.run === which || view.agent_id === which),
    );
    await Promise.all(found.map((run) => stopRun(run)));
    return found.map(({ view }) => this.#runs.get(view.run)?.view ?? view);
  }

  #forgetOld(): void {
    const over = [...this.#runs.values()].filter(({ view }) => view.state === "ended");
    for (const { view } of over.slice(0, Math.max(0, over.length - endedMax))) this.#runs.delete(view.run);
  }
}

const killedCode = 137;

async function stopRun(run: Run): Promise<void> {
  run.view = { ...run.view, state: "stopping" };
  run.child.kill("SIGTERM");
  const timer = setTimeout(() => killGroup(run.child), endingMs);
  await run.ended;
  clearTimeout(timer);
  killGroup(run.child);
}

/** Whatever is left of its group, after its own end too. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}
