// Run under strace in a process of its own: opens a log, takes it through a scene, says each record that became durable, and after
// the first refusal tries on: what is acknowledged then is a fault. Bundled before it runs, so that the system calls of a loader are
// none of those counted. It waits for a line before it touches the log, and names the thread that syncs for it.
import { readdirSync, readSync, stat, writeSync } from "node:fs";
import { join } from "node:path";
import { nodeDisk } from "../../runtime/disk.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import { LogFailure } from "../../runtime/log/failure.ts";
import { Log } from "../../runtime/log/log.ts";
import type { Rebuilt } from "../../runtime/log/resume.ts";
import { type Scene, segmentBytes, steps } from "./scenes.ts";

const attemptsAfterRefusal = 3;

const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

const threads = (): string[] => readdirSync("/proc/self/task");

/** The one thread of the pool (UV_THREADPOOL_SIZE=1), which is made at its first use. */
async function syncingThread(): Promise<string> {
  const before = new Set(threads());
  await new Promise((resolve) => stat("/", resolve));
  const made = threads().filter((thread) => !before.has(thread));
  if (made.length !== 1 || made[0] === undefined) throw new Error(`${made.length} threads of the pool`);
  return made[0];
}

/** Nothing but where the log's own snapshots stand is of interest here. */
const nothing: Rebuilt = { begin: () => null, take: () => {} };

async function run(root: string, scene: Scene): Promise<void> {
  const keys = new KeyFiles(nodeDisk, join(root, "keys"));
  const log = await Log.open({ dir: join(root, "log"), durability: "group", segmentBytes, keys, rebuilt: nothing });
  const add = async (): Promise<void> => {
    // Marks of different lengths, so that lines end at odd offsets.
    const detail = "x".repeat((log.lastSeq * 37) % 90);
    const body = { kind: "test", detail };
    const { seq, hash } = log.append({ type: "mark", policy_version: null, policy_hash: null, body });
    await log.durable(seq);
    say(`ack ${seq} ${hash}`);
  };
  for (const step of steps[scene]) {
    try {
      await step({ log, add });
    } catch (error) {
      // A prune or a new key may be refused by a log that goes on.
      if (!(error instanceof LogFailure)) throw error;
      say(`${log.state === "open" ? "declined" : "refused"} ${error.code}`);
    }
  }
  for (let attempt = 0; log.state !== "open" && attempt < attemptsAfterRefusal; attempt++) {
    await add().catch((error: unknown) => {
      if (!(error instanceof LogFailure)) throw error;
    });
  }
  await log.close();
  say(`closed ${log.state}`);
}

async function main(): Promise<void> {
  const [root = "", scene = "write"] = process.argv.slice(2);
  say(`ready ${await syncingThread()}`);
  readSync(0, new Uint8Array(1));
  try {
    await run(root, scene as Scene);
  } catch (error) {
    say(error instanceof LogFailure ? `failed ${error.code}` : `failed ${String(Reflect.get(Object(error), "code"))}`);
    if (!(error instanceof LogFailure) && Reflect.get(Object(error), "code") === undefined) throw error;
  }
}

void main();
