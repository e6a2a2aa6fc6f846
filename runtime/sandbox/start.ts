// Starts an agent's command inside the host's sandbox, or without one where the policy's profile wants the environment alone. The
// command must never start less fenced in than was asked for.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { type Availability, type Host, sandboxOf } from "./availability.ts";
import { bridgePlaces, bridgePort, bubblewrapArguments, filterDescriptor } from "./bubblewrap.ts";
import { checkPlan, type PlannedProxy, type SandboxPlan } from "./plan.ts";
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
  /** For a command without a terminal; null gives it ours. */
  readonly supervision: Supervision | null;
}

export interface Supervision {
  /** Takes what the command writes. */
  readonly output: (bytes: Uint8Array) => void;
  /** Whoever supervises is gone: the command ends, too. */
  readonly gone: AbortSignal;
}

const trialTimeoutMs = 10_000;
const shownMax = 400;
const lastWordsMs = 500;
const endingMs = 5_000;
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
  if (start.profile === "environment") {
    const { proxy } = start.plan;
    const env = { ...start.env, ...proxyVariables(proxy, proxy?.address ?? "") };
    return ended(start.command, { ...start, env }, null);
  }
  checkPlan(start.plan);
  const found = sandboxOf(host);
  if (!found.ok) throw new SandboxMissing(found.missing);
  return found.kind === "bubblewrap" ? inBubblewrap(found, start, host) : inSeatbelt(found, start);
}

/** As libraries read them; Node's own fetch from version 24 on. */
function proxyVariables(proxy: PlannedProxy | null, address: string): Record<string, string> {
  if (proxy === null) return {};
  const url = new URL(address);
  const { agentId, token } = proxy;
  const text = `http://${encodeURIComponent(agentId)}:${encodeURIComponent(token)}@${url.host}`;
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
  return { ...Object.fromEntries(names.map((name) => [name, text])), NODE_USE_ENV_PROXY: "1" };
}

type Found = Extract<Availability, { ok: true }>;

function inBubblewrap({ program }: Found, start: AgentStart, host: Host): Promise<number> {
  if (!isFilterArch(host.arch)) throw new SandboxMissing([`no filter of system calls for ${host.arch}`]);
  const { proxy } = start.plan;
  const bridge = [bridgePlaces.node, bridgePlaces.file, proxy?.socket ?? "", String(bridgePort)];
  const command = proxy === null ? start.command : [...bridge, ...start.command];
  const words = [...bubblewrapArguments(start.plan, host.exists), ...command];
  const inside = `http://127.0.0.1:${bridgePort}`;
  const env = { ...start.env, ...proxyVariables(proxy, inside), TMPDIR: "/tmp" };
  return ended([program, ...words], { ...start, env }, seccompFilter(host.arch));
}

async function inSeatbelt({ program }: Found, start: AgentStart): Promise<number> {
  const { proxy } = start.plan;
  const temporary = mkdtempSync(join(tmpdir(), "faramesh-agent-"));
  try {
    const words = ["-p", seatbeltProfile(start.plan, temporary), ...start.command];
    return await ended(
      [program, ...words],
      { ...start, env: { ...start.env, ...proxyVariables(proxy, proxy?.address ?? ""), TMPDIR: temporary } },
      null,
    );
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function ended(
  [program, ...words]: readonly [string, ...string[]],
  { env, plan, supervision }: AgentStart,
  filter: Uint8Array | null,
): Promise<number> {
  const fourth = filter === null ? [] : (["pipe"] as const);
  const [input, output] = supervision === null ? (["inherit", "inherit"] as const) : (["ignore", "pipe"] as const);
  const child = spawn(program, words, {
    cwd: plan.workingDir,
    env: { ...env },
    stdio: [input, output, output, ...fourth],
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
  const onGone = (): void => endSoon(child);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (bytes: Buffer) => supervision?.output(bytes));
    stream?.on("error", () => {});
  }
  supervision?.gone.addEventListener("abort", onGone);
  return new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      const status = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
      // What it wrote last is read; whom it left behind with its output is not waited for.
      child.once("close", () => resolve(status));
      setTimeout(resolve, lastWordsMs, status).unref();
    });
  }).finally(() => {
    for (const signal of forwarded) process.off(signal, forward);
    supervision?.gone.removeEventListener("abort", onGone);
  });
}

/** Asks it to end, and kills it when it does not. */
function endSoon(child: ChildProcess): void {
  child.kill("SIGTERM");
  setTimeout(() => child.kill("SIGKILL"), endingMs).unref();
}
