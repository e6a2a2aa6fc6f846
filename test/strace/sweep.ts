// A fault in each system call of a scene, one run for each: what is found wrong afterwards. The calls are those of a run without a
// fault; the log that a fault leaves is verified as it lies, opened, continued and verified again.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { nodeDisk } from "../../runtime/disk.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import { Log } from "../../runtime/log/log.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { append } from "../log/fixture.ts";
import type { Fault } from "./attach.ts";
import { prepare, type Scene, scenes, segmentBytes } from "./scenes.ts";
import { type Point, type Run, runLimited, runTraced } from "./traced.ts";

export interface Swept {
  readonly runs: number;
  /** what each wrong run was and what was wrong with it */
  readonly wrong: readonly string[];
  /** points whose fault always hit another call than was meant, since one more or less came before it; sizes that stopped nothing */
  readonly strayed: number;
}

/** A call that is none of the log's comes before the meant one in some runs and not in others: the numbers that are tried in turn. */
const shifts = [0, 1, -1, 2, -2, 0] as const;

/** Hashes by seq. */
type Records = ReadonlyMap<number, string>;

export class Sweep {
  readonly #root: string;
  readonly #writer: string;
  readonly #before = new Map<Scene, Records>();
  readonly points: readonly Point[];
  #runs = 0;

  private constructor(root: string, writer: string, points: readonly Point[]) {
    this.#root = root;
    this.#writer = writer;
    this.points = points;
  }

  /** Bundles the writer and counts the calls of each scene. */
  static async begin(): Promise<Sweep> {
    const root = mkdtempSync(join(tmpdir(), "faramesh-strace-"));
    process.once("exit", () => rmSync(root, { recursive: true, force: true, maxRetries: 10 }));
    const writer = join(root, "writer.cjs");
    await build({
      entryPoints: [fileURLToPath(new URL("./writer.ts", import.meta.url))],
      bundle: true,
      platform: "node",
      format: "cjs",
      outfile: writer,
      logLevel: "error",
    });
    const points: Point[] = [];
    const sweep = new Sweep(root, writer, points);
    for (const scene of scenes) {
      await prepare(join(root, scene), scene);
      sweep.#before.set(scene, await recordsOf(join(root, scene, "log")));
      const place = sweep.#place(scene);
      const run = await runTraced(writer, place, scene);
      if (run.exitCode !== 0 || run.said.closed !== "closed")
        throw new Error(`${scene} without a fault: ${run.stderr}`);
      points.push(...run.points);
    }
    return sweep;
  }

  /** Runs the fault at each of the points. */
  async at(fault: Fault, points: readonly Point[]): Promise<Swept> {
    const wrong: string[] = [];
    let strayed = 0;
    await forEach(points, async (point) => {
      let hasHit = false;
      for (const shift of shifts) {
        if (hasHit) break;
        const meant = { ...point, index: Math.max(1, point.index + shift) };
        const { run, found } = await this.#once(point.scene, (place) =>
          runTraced(this.#writer, place, point.scene, [fault, meant]),
        );
        found.push(...runFaults(fault, run));
        const { scene, thread, call, index, file } = run.hit ?? point;
        const name = `${fault} at ${scene}: ${call} ${index} of ${file} (${thread})`;
        if (found.length > 0) wrong.push(`${name}: ${found.join("; ")}`);
        hasHit = run.hit?.file === point.file;
      }
      if (!hasHit) strayed++;
    });
    return { runs: points.length, wrong, strayed };
  }

  /** Runs the scene with files that end at each of these sizes. */
  async endingAt(scene: Scene, sizesBytes: readonly number[]): Promise<Swept> {
    const wrong: string[] = [];
    let stopped = 0;
    await forEach(sizesBytes, async (sizeBytes) => {
      const { run, found } = await this.#once(scene, (place) => runLimited(this.#writer, place, scene, sizeBytes));
      found.push(...refusalFaults(run));
      if (hasStopped(run)) stopped++;
      if (found.length > 0) wrong.push(`files end at ${sizeBytes} bytes: ${found.join("; ")}`);
    });
    return { runs: sizesBytes.length, wrong, strayed: sizesBytes.length - stopped };
  }

  async #once(scene: Scene, work: (place: string) => Promise<Run>): Promise<{ run: Run; found: string[] }> {
    const place = this.#place(scene);
    const run = await work(place);
    const found = await this.#leftBehind(place, scene, run);
    rmSync(place, { recursive: true, force: true });
    return { run, found };
  }

  /** A fresh copy of what a scene begins with. */
  #place(scene: Scene): string {
    const place = join(this.#root, `run-${++this.#runs}`);
    mkdirSync(place);
    cpSync(join(this.#root, scene), place, { recursive: true });
    return place;
  }

  /** What is wrong with the log that a run left. */
  async #leftBehind(place: string, scene: Scene, { said }: Run): Promise<string[]> {
    const dir = join(place, "log");
    const known = new Map([...(this.#before.get(scene) ?? []), ...said.acked]);
    try {
      if (known.size > 0) {
        const left = await verifyLog(dir);
        if (!left.ok) return [`as it lay: ${JSON.stringify(left.fault)}`];
      }
      const keys = new KeyFiles(nodeDisk, join(place, "keys"));
      const rebuilt = { begin: () => null, take: () => {} };
      const log = await Log.open({ dir, durability: "group", segmentBytes, keys, rebuilt });
      await append(log, 1);
      await log.close();
      const report = await verifyLog(dir);
      if (!report.ok) return [`once opened: ${JSON.stringify(report.fault)}`];
      const kept = await recordsOf(dir);
      const first = Math.min(...kept.keys());
      if (first > 1 && scene !== "prune") return [`begins at ${first}`];
      return [...known]
        .filter(([seq, hash]) => seq >= first && kept.get(seq) !== hash)
        .map(([seq]) => `record ${seq} was acknowledged and is lost`);
    } catch (error) {
      return [`cannot be opened: ${String(error)}`];
    }
  }
}

const hasStopped = ({ said }: Run): boolean =>
  said.refused !== null || said.failed !== null || said.closed === "latched";

function refusalFaults({ said, exitCode, signal, stderr }: Run): string[] {
  const found: string[] = [];
  if (exitCode !== 0) found.push(`ended with ${exitCode ?? signal}: ${stderr.slice(0, 500)}`);
  if (said.ackedAfterRefusal > 0) found.push(`${said.ackedAfterRefusal} records acknowledged after a refusal`);
  return found;
}

/** What is wrong with how the writer took the fault. A fault that hit no call on the log proves nothing about it. */
function runFaults(fault: Fault, run: Run): string[] {
  const { hit, said } = run;
  if (fault === "KILL" || hit === null) return [];
  const found = refusalFaults(run);
  if (fault === "EINTR" || fault === "EAGAIN") {
    if (hasStopped(run) || said.closed !== "closed") found.push("a call that was only interrupted stopped the log");
  } else if (hit.file.endsWith(".wal") && (hit.call === "write" || hit.call === "fdatasync")) {
    const again = run.segmentCallsAfter.filter((call) => call === "write" || call === "fdatasync");
    if (!hasStopped(run)) found.push("the log went on");
    if (again.length > 0) found.push(`the segment was written again: ${again.join(" ")}`);
  }
  return found;
}

/** As many at a time as there are processors. */
async function forEach<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

async function recordsOf(dir: string): Promise<Records> {
  const records = new Map<number, string>();
  if (nodeDisk.list(dir).some((name) => name.endsWith(".wal"))) {
    for await (const { seq, value } of readRecords(dir)) records.set(seq, String(value.hash));
  }
  return records;
}
