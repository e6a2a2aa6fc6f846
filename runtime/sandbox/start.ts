// Starts an agent's command inside the host's sandbox, or without one where the policy's profile wants the environment alone. The
// command must never start less fenced in than was asked for.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { type Availability, type Host, sandboxOf } from "./availability.ts";
import { bubblewrapArguments, filterDescriptor } from "./bubblewrap.ts";
import { checkPlan, type SandboxPlan } from "./plan.ts";
import type { Profile } from "./profile.ts";
import { seatbeltProfile } from "./seatbelt.ts";
import { isFilterArch, seccompFilter } from "./seccomp.ts";

/** The profile wants a sandbox, and this host has none. */
export class SandboxMissing extends Error {
  readonly code = "SANDBOX_MISSING";
  readonly missing: readonly string[];
  constructor(missing: readonly string[]) {
    super("the agent cannot be fenced in on this host");
    this.missing = missing;
  }
}

export interface AgentStart {
  readonly command: readonly [program: string, ...words: string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly profile: Profile;
  readonly plan: SandboxPlan;
}

const trialTimeoutMs = 10_000;
const shownMax = 400;
const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** This host. */
export const thisHost: Host = {
  platform: process.platform,
  arch: process.arch,
  exists: existsSync,
  tryOut: (program, words) => {
    const { status, error, stderr } = spawnSync(program, words, { timeout: trialTimeoutMs, encoding: "utf8" });
    if (status === 0) return null;
    return (error?.message ?? stderr.trim()).slice(0, shownMax) || `it ended with ${String(status)}`;
  },
};

/**
 * Runs the command to its end, on this process's terminal, and gives its exit code; 128 and the signal's number where one ended
 * it. Throws SandboxMissing and PlanFailure before anything has started.
 */
export async function startAgent(start: AgentStart, host: Host = thisHost): Promise<number> {
  if (start.profile === "environment") return ended(start.command, start, null);
  checkPlan(start.plan);
  const found = sandboxOf(host);
  if (!found.ok) throw new SandboxMissing(found.missing);
  return found.kind === "bubblewrap" ? inBubblewrap(found, start, host) : inSeatbelt(found, start);
}

type Found = Extract<Availability, { ok: true }>;

function inBubblewrap({ program }: Found, start: AgentStart, host: Host): Promise<number> {
  if (!isFilterArch(host.arch)) throw new SandboxMissing([`no filter of system calls for ${host.arch}`]);
  const words = [...bubblewrapArguments(start.plan, host.exists), ...start.command];
  const env = { ...start.env, TMPDIR: "/tmp" };
  return ended([program, ...words], { ...start, env }, seccompFilter(host.arch));
}

async function inSeatbelt({ program }: Found, start: AgentStart): Promise<number> {
  const temporary = mkdtempSync(join(tmpdir(), "faramesh-agent-"));
  try {
    const words = ["-p", seatbeltProfile(start.plan, temporary), ...start.command];
    return await ended([program, ...words], { ...start, env: { ...start.env, TMPDIR: temporary } }, null);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function ended(
  [program, ...words]: readonly [string, ...string[]],
  { env, plan }: AgentStart,
  filter: Uint8Array | null,
): Promise<number> {
  const fourth = filter === null ? [] : (["pipe"] as const);
  const child = spawn(program, words, {
    cwd: plan.workingDir,
    env: { ...env },
    stdio: ["inherit", "inherit", "inherit", ...fourth],
  });
  const pipe = child.stdio[filterDescriptor];
  if (filter !== null && pipe instanceof Writable) {
    // A sandbox that ends before it has read the filter has started nothing.
    pipe.on("error", () => {});
    pipe.end(filter);
  }
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  for (const signal of forwarded) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  }).finally(() => {
    for (const signal of forwarded) process.off(signal, forward);
  }) as Promise<number>;
}
