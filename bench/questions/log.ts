// What does the log cost by itself? Durable appends of 256 writers that each wait for the disk, against one fdatasync for
// each; and what one decision takes until its line is with the file: body, canonical text, hash, append, write.
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../runtime/log/log.ts";
import { logOf } from "../bundle.ts";
import { calls, judgement } from "../payments/decided.ts";
import { directory } from "../peers/server.ts";
import type { Question } from "../question.ts";
import { median } from "../timing.ts";

const WRITERS = 256;
/** Decisions appended before the queue is let go to the file, as one turn of a busy daemon does. */
const PER_TURN = 64;

type LogModule = Awaited<ReturnType<typeof logOf>>;

const DIGEST = "0".repeat(64);

export const question: Question = {
  asks: "durable appends of many writers, and the cost of one decision's line",
  async measure({ short, bundles }) {
    const module = await logOf(bundles);
    const dir = directory();
    try {
      const group = await module.Log.open({ dir: join(dir, "group"), durability: "group" });
      const relaxed = await module.Log.open({ dir: join(dir, "async"), durability: "async" });
      const single = new SyncedFile(join(dir, "single"));
      const appends = short ? 40 : 200;
      const turns = short ? 40 : 200;
      const rounds = short ? 5 : 15;
      const faster: number[] = [];
      const lineUs: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const alone = single.rate(short ? 60 : 300);
        const together = await durableRate(module, group, appends);
        const us = await lineCost(module, relaxed, turns);
        if (round === 0) continue;
        faster.push(together / alone);
        lineUs.push(us);
      }
      single.close();
      await group.close();
      await relaxed.close();
      return [
        { id: "log.256-writers-over-single", value: median(faster), unit: "x", atLeast: { must: 50, goal: 70 } },
        { id: "log.decision-line", value: median(lineUs), unit: "us", atMost: { must: 6, goal: 3 } },
      ];
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
};

function append({ decisionBody }: LogModule, log: Log, index: number): number {
  const call = calls[index % calls.length] as (typeof calls)[number];
  const facts = {
    actionId: "action-01KAM6ZP4M5N6P7Q8R9S0T1V2W",
    digest: DIGEST,
    effect: "permit",
    would: null,
    stored: { args: call.args, redacted: [] },
    identity: "claimed",
    door: "socket/sdk",
    inputs: null,
    missing: null,
    ruleDigest: DIGEST,
    step: "answer",
    latencyUs: 40,
    mode: "enforce",
    dev: false,
  } as const;
  const body = decisionBody(call, judgement, facts, log.salts);
  return log.append({ type: "decision", policy_version: "v1", policy_hash: DIGEST, body }).seq;
}

/** Durable appends a millisecond, of writers that each wait for one before the next. */
async function durableRate(module: LogModule, log: Log, appends: number): Promise<number> {
  const start = performance.now();
  const write = async (writer: number): Promise<void> => {
    for (let i = 0; i < appends; i++) await log.durable(append(module, log, writer + i));
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  return (WRITERS * appends) / (performance.now() - start);
}

/** Microseconds a decision, its share of the write to the file included. */
async function lineCost(module: LogModule, log: Log, turns: number): Promise<number> {
  const start = performance.now();
  for (let turn = 0; turn < turns; turn++) {
    for (let i = 0; i < PER_TURN; i++) append(module, log, i);
    while (log.stats().lagBytes > 0) await new Promise(setImmediate);
  }
  return ((performance.now() - start) * 1000) / (turns * PER_TURN);
}

class SyncedFile {
  readonly #file: number;
  readonly #bytes = Buffer.alloc(1300, 0x61);

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  /** Appends a millisecond, one fdatasync each. */
  rate(appends: number): number {
    const start = performance.now();
    for (let i = 0; i < appends; i++) {
      writeSync(this.#file, this.#bytes);
      fdatasyncSync(this.#file);
    }
    return appends / (performance.now() - start);
  }

  close(): void {
    closeSync(this.#file);
  }
}
