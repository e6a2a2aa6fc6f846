// `faramesh bench`: how long the policy takes for the stack's own requests. It compiles the file, reads requests from a
// file, the log or the policy's words, and measures in this process; it asks no daemon and writes nothing.
import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { systemClock } from "../../runtime/clock.ts";
import { secondsOf } from "../../runtime/duration.ts";
import type { Policy } from "../../runtime/evaluator/index.ts";
import type { Traffic } from "../../runtime/measure/traffic.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import type { Source } from "../latency.ts";
import { compilePolicy, readPolicyFile } from "../policy-file.ts";
import { openProgress } from "../progress.ts";
import { countText, visible } from "../render.ts";
import { windowStart } from "../span.ts";
import type { Terminal } from "../terminal.ts";
import { walDirFor } from "../wal.ts";

const windowDefault = "24h";
const durationDefault = "2s";
const durationMaxSeconds = 600;
const iterationsMax = 1_000_000_000;
const requestsFileLimitBytes = 256 * 1024 * 1024;

export class BenchCommand extends FarameshCommand {
  static override paths = [["bench"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "measure how long the policy takes for your requests",
    details:
      "Judges the requests of --requests, else the recorded calls of a window, else some made from the policy itself, again and again, each by itself on the clock: percentiles of all, by tool and by rule, beside a policy without conditions and JSON.parse of the same bytes. Exit codes: 0, 1 the policy does not compile or there is no request.",
    examples: [
      ["The calls of the last day", "faramesh bench"],
      ["Requests of a file, a line each, for ten seconds", "faramesh bench --requests calls.jsonl --duration 10s"],
      ["As data", "faramesh bench --format json"],
    ],
  });
  readonly requests = Option.String("--requests", { description: "a file with a request in JSON on each line" });
  readonly since = Option.String("--since", windowDefault, {
    description: "the window of recorded calls (default 24h)",
  });
  readonly duration = Option.String("--duration", { description: "how long to measure (default 2s)" });
  readonly iterations = Option.String("--iterations", { description: "so many decisions instead of a time" });

  async run(io: Terminal): Promise<number> {
    const { durationMs, iterations } = this.#extent();
    const window = windowStart(this.since);
    const compiled = await compilePolicy(io, this.dir, readPolicyFile(this.dir));
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const { compile } = await import("../../compiler/index.ts");
    const open = (image: Uint8Array): Policy => loadPolicySync(image, { state: "volatile" });
    const policy = open(compiled.image);
    const none = compile("permit *", { file: "empty.fms" }).image;
    if (none === undefined) throw new Error("the policy without conditions does not compile");
    const { source, traffic } = await this.#traffic(io, policy, open, window.us);
    const { measure } = await import("../../runtime/measure/measure.ts");
    const { jsonOf, tell } = await import("../latency.ts");
    const progress = await openProgress(io, "measuring");
    try {
      const measured = measure({
        policy,
        empty: open(none),
        samples: traffic.samples,
        iterations,
        durationMs,
        onProgress: (done, total) => progress.update(done, total),
      });
      progress.stop();
      const report = { file: compiled.source.file, policy, source, traffic, measured };
      io.json(jsonOf(report));
      tell(io, report);
    } finally {
      progress.stop();
    }
    return exits.ok;
  }

  #extent(): { durationMs: number; iterations: number | null } {
    if (this.duration !== undefined && this.iterations !== undefined)
      throw new Stop("--duration and --iterations are two ways to say how long", "give one of them", exits.usage);
    const seconds = secondsOf(this.duration ?? durationDefault);
    if (seconds === null || seconds <= 0 || seconds > durationMaxSeconds) {
      throw new Stop(
        `--duration \`${visible(this.duration ?? "")}\` is no time to measure`,
        `from 1s to ${durationMaxSeconds}s, for instance: --duration 10s`,
        exits.usage,
      );
    }
    if (this.iterations === undefined) return { durationMs: seconds * 1000, iterations: null };
    const iterations = /^\d{1,10}$/.test(this.iterations) ? Number(this.iterations) : 0;
    if (iterations < 1 || iterations > iterationsMax) {
      throw new Stop(
        `--iterations \`${visible(this.iterations)}\` is no number of decisions`,
        `from 1 to ${iterationsMax}, for instance: --iterations 100000`,
        exits.usage,
      );
    }
    return { durationMs: seconds * 1000, iterations };
  }

  async #traffic(
    io: Terminal,
    policy: Policy,
    open: (image: Uint8Array) => Policy,
    sinceUs: number,
  ): Promise<{ source: Source; traffic: Traffic }> {
    const nowMs = systemClock.now().wallUs / 1000;
    if (this.requests !== undefined) return { source: "file", traffic: await ofFile(resolve(this.requests), nowMs) };
    const walDir = await walDirFor(this.dir, io.env);
    const { callsOfLog } = await import("../../runtime/measure/traffic.ts");
    const progress = await openProgress(io, "reading recorded calls");
    try {
      const traffic = existsSync(walDir)
        ? await callsOfLog({ walDir, policiesDir: stackPaths(this.dir).policies, policy, load: open, sinceUs })
        : null;
      if (traffic !== null && traffic.samples.length > 0) return { source: "log", traffic };
      const { derivedRequests } = await import("../../runtime/measure/derive.ts");
      const notReplayable = traffic?.notReplayable ?? 0;
      return { source: "policy", traffic: { samples: derivedRequests(policy, nowMs), notReplayable, leftOut: 0 } };
    } finally {
      progress.stop();
    }
  }
}

async function ofFile(path: string, nowMs: number): Promise<Traffic> {
  const { requestsOf, TrafficFailure } = await import("../../runtime/measure/traffic.ts");
  const name = visible(path);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new Stop(`there is no file ${name}`, "--requests names a file with a request a line");
  if (!stats.isFile()) throw new Stop(`${name} is not a file`, "--requests names a file with a request a line");
  if (stats.size > requestsFileLimitBytes)
    throw new Stop(`${name} has ${countText(stats.size, "byte")}; at most 256 MiB are read`, "give a part of it");
  try {
    const traffic = requestsOf(readFileSync(path, "utf8"), nowMs);
    if (traffic.samples.length > 0) return traffic;
  } catch (error) {
    if (!(error instanceof TrafficFailure)) throw error;
    throw new Stop(
      `${name}:${error.line}: ${visible(error.message)}`,
      'a line is a request: {"agent_id": "shop", "tool_id": "stripe/refund", "args": {"amount": 12}}',
    );
  }
  throw new Stop(`${name} has no request`, 'a line is a request: {"agent_id": "shop", "tool_id": "stripe/refund"}');
}
