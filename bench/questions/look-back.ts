// How long does it take to look back over a log? Verification and the opening of the log beside sha256sum of the same
// files, the replay of recorded decisions by two policies beside JSON.parse of the same lines.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Log as OpenLog } from "../../runtime/log/log.ts";
import { logOf } from "../bundle.ts";
import { policyText } from "../payments/workload.ts";
import { imageOf } from "../peers/faramesh.ts";
import { type RecordedLog, recordedLog } from "../peers/recorded.ts";
import type { Question } from "../question.ts";
import { median } from "../timing.ts";

/** sha256sum is shorter than the noise of a process start on few records: its start is taken off. */
const nothing = "/dev/null";

export const question: Question = {
  asks: "verification and opening of a log against sha256sum, replay of its decisions",
  async measure({ short, bundles }) {
    const log = await recordedLog(bundles, short ? 10_000 : 100_000);
    const rounds = short ? 3 : 5;
    try {
      const times: Record<"sum" | "verify" | "open" | "parse" | "replay", number[]> = {
        sum: [],
        verify: [],
        open: [],
        parse: [],
        replay: [],
      };
      for (let round = 0; round <= rounds; round++) {
        const now = {
          sum: sha256sum(log.segments) - sha256sum([nothing]),
          verify: await verify(bundles, log),
          open: await openLog(bundles, log),
          parse: parseAll(log.segments),
          replay: await replayAll(bundles, log),
        };
        // The first teaches V8 and brings the files into memory.
        if (round > 0) for (const name of Object.keys(now) as (keyof typeof now)[]) times[name].push(now[name]);
      }
      const over = (name: keyof typeof times): number =>
        median(times[name].map((ms, i) => ms / (times.sum[i] ?? Number.NaN)));
      const usEach = (name: keyof typeof times): number => (median(times[name]) * 1000) / log.decisions;
      return [
        { id: "look-back.sha256sum", value: usEach("sum"), unit: "us/record" },
        { id: "look-back.verify", value: usEach("verify"), unit: "us/record" },
        { id: "look-back.verify-over-sha256sum", value: over("verify"), unit: "x", atMost: { must: 4, goal: 2 } },
        { id: "look-back.open", value: usEach("open"), unit: "us/record" },
        { id: "look-back.json-parse", value: usEach("parse"), unit: "us/record" },
        // Seconds for a million.
        { id: "look-back.replay", value: usEach("replay"), unit: "us/decision", atMost: { must: 10, goal: 2 } },
      ];
    } finally {
      await log.server.remove();
    }
  },
};

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function sha256sum(files: readonly string[]): number {
  const start = performance.now();
  execFileSync("sha256sum", files, { stdio: "ignore" });
  return performance.now() - start;
}

async function verify(bundles: string, { server, decisions }: RecordedLog): Promise<number> {
  const { verifyLog } = await logOf(bundles);
  return timed(async () => {
    const { ok, records } = await verifyLog(server.walDir);
    if (!ok || records < decisions) throw new Error(`${records} records verified`);
  });
}

async function openLog(bundles: string, { server }: RecordedLog): Promise<number> {
  const { Log, KeyFiles, nodeDisk } = await logOf(bundles);
  const keys = new KeyFiles(nodeDisk, join(server.dir, ".faramesh/keys"));
  let log: OpenLog | undefined;
  const ms = await timed(async () => {
    log = await Log.open({ dir: server.walDir, durability: "group", keys });
  });
  await log?.close();
  return ms;
}

function parseAll(files: readonly string[]): number {
  const start = performance.now();
  for (const file of files) {
    for (const line of readFileSync(file, "utf8").split("\n")) if (line !== "") JSON.parse(line);
  }
  return performance.now() - start;
}

/** Both policies are the same, which costs as much as two that differ. */
async function replayAll(bundles: string, { server, imageHash, decisions }: RecordedLog): Promise<number> {
  const { replay, evaluator } = await logOf(bundles);
  const candidate = await imageOf(bundles, policyText);
  return timed(async () => {
    const { total, notReplayable, transitions } = await replay({
      walDir: server.walDir,
      policiesDir: join(server.dir, ".faramesh/policies"),
      activeImageHash: imageHash,
      candidate,
      load: evaluator.loadSync,
      sinceUs: 0,
    });
    if (total !== decisions || notReplayable > 0 || transitions.length > 0)
      throw new Error("the replay went otherwise");
  });
}
