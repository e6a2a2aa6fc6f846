// What a log is taken through while its system calls fail: its first opening with rotation, snapshots, salts and a new key; the
// opening of what a crash left; a prune. The files that the later scenes begin with are made here too, without any fault.
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeDisk } from "../../runtime/disk.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import { Log } from "../../runtime/log/log.ts";
import { mark } from "../log/fixture.ts";

export type Scene = "write" | "recover" | "prune";
export const scenes: readonly Scene[] = ["write", "recover", "prune"];

/** Six records or so, so that a short scene rotates more than once. */
export const segmentBytes = 3000;

export interface Stage {
  readonly log: Log;
  /** Appends a record, waits until it is durable and says so. */
  add(): Promise<void>;
}

export type Step = (stage: Stage) => unknown;

const add: Step = (stage) => stage.add();
const snapshot: Step = ({ log }) => log.snapshot(() => ({ records: log.lastSeq }));
const checkpoint: Step = ({ log }) => log.checkpoint("policy");
const commitSalt: Step = ({ log }) => log.salts.commit("a secret");
const rotateKey: Step = ({ log }) => log.rotateKey();
const prune: Step = ({ log }) => log.prune({ keep: {}, actor: "ops", reason: "test", archive: null });

export const steps: Record<Scene, readonly Step[]> = {
  write: [add, add, commitSalt, add, add, add, snapshot, add, checkpoint, add, rotateKey, add, add, add],
  recover: [add, add],
  prune: [add, prune, add, add],
};

/** Makes the folders of a log and its keys at `root`, and what the scene begins with. */
export async function prepare(root: string, scene: Scene): Promise<void> {
  const [dir, keyDir] = [join(root, "log"), join(root, "keys")];
  for (const path of [dir, keyDir]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const keys = new KeyFiles(nodeDisk, keyDir);
  if (scene === "write") return;
  const rebuilt = { begin: () => null, take: () => {} };
  const log = await Log.open({ dir, durability: "group", segmentBytes, keys, rebuilt });
  const append = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) await log.durable(log.append(mark(index)).seq);
  };
  await append(8);
  const head = readFileSync(join(dir, "head"));
  if (scene === "prune") {
    for (let round = 0; round < 2; round++) {
      await log.snapshot(() => ({ records: log.lastSeq }));
      await append(4);
    }
  }
  const last = join(dir, `${String(log.stats().segments).padStart(8, "0")}.wal`);
  await log.close();
  if (scene === "recover") {
    // As a crash leaves it: the head knows what it knew before, and a line is torn.
    writeFileSync(join(dir, "head"), head);
    appendFileSync(last, '{"hash":"0123456789');
  }
}
