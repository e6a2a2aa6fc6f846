// One writer under strace: which system calls on the log's files it made, and what it said. Faults are put into the call that is
// named by thread, kind and number, counted from where the log is opened.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { attachStrace, ended, type Fault, injection } from "./attach.ts";
import type { Scene } from "./scenes.ts";

/** Calls that change files or make changes durable; `close` and `openat` because they can fail too. */
const traced = [
  ...["openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "mkdir"],
  ...["chmod", "fchmod", "close"],
] as const;
export type Call = (typeof traced)[number];

/** The thread that runs JavaScript, or the one that syncs for it. */
export type Thread = "main" | "pool";

export interface Point {
  readonly scene: Scene;
  readonly thread: Thread;
  readonly call: Call;
  /** among the calls of this kind in this thread, from 1 */
  readonly index: number;
  /** among those of them on this file, where it has the same name in each run; else null */
  readonly indexOnFile: number | null;
  /** the path within the scene's folder, what differs from run to run left out */
  readonly file: string;
}

export interface Said {
  /** seq and hash of records that became durable, in order */
  readonly acked: ReadonlyMap<number, string>;
  /** those of them that were said after a refusal */
  readonly ackedAfterRefusal: number;
  /** code of the first refusal by a log that did not go on */
  readonly refused: string | null;
  /** code that the opening failed with */
  readonly failed: string | null;
  /** state after the close */
  readonly closed: string | null;
}

export interface Run {
  readonly said: Said;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stderr: string;
  /** calls on the scene's files, in each thread in order */
  readonly points: readonly Point[];
  /** the call that the fault hit; null where it hit none */
  readonly hit: Point | null;
  /** calls on segments in the thread of the fault, behind it */
  readonly segmentCallsAfter: readonly Call[];
}

const runTimeoutMs = 30_000;

/** Runs the bundled writer on the scene at `root`; without a point nothing fails. */
export async function runTraced(writer: string, root: string, scene: Scene, fault?: [Fault, Point]): Promise<Run> {
  const strace = (threads: Record<Thread, string>): Promise<ChildProcess> => attach(threads, root, fault);
  const { threads, ...ran } = await runWriter([process.execPath, writer, root, scene], strace);
  const found = readTrace(root, scene, fault === undefined ? threads.pool : fault[1].thread);
  // A killed call has no line of its own that says so: it is the last.
  const hit = fault?.[0] === "KILL" && ran.signal === "SIGKILL" ? (found.points.at(-1) ?? null) : found.hit;
  return { ...ran, ...found, hit };
}

/** Runs it where no file can grow beyond `fileBytes`: the write that crosses that takes what fits, the next one fails (EFBIG). */
export async function runLimited(writer: string, root: string, scene: Scene, fileBytes: number): Promise<Run> {
  const { threads: _threads, ...ran } = await runWriter(
    ["prlimit", `--fsize=${fileBytes}`, process.execPath, writer, root, scene],
    async () => null,
  );
  return { ...ran, points: [], hit: null, segmentCallsAfter: [] };
}

/** `beside` is started when the writer is about to open its log, and waited for at the end. */
async function runWriter(
  [program, ...list]: readonly [string, ...string[]],
  beside: (threads: Record<Thread, string>) => Promise<ChildProcess | null>,
): Promise<Pick<Run, "said" | "exitCode" | "signal" | "stderr"> & { threads: Record<Thread, string> }> {
  const child = spawn(program, list, {
    env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: "1", NODE_NO_WARNINGS: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), runTimeoutMs);
  const closed = once(child, "close");
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const lines: string[] = [];
  const reader = createInterface(child.stdout).on("line", (line) => lines.push(line));
  try {
    await Promise.race([once(reader, "line"), closed]);
    const pool = /^ready (\d+)$/.exec(lines[0] ?? "")?.[1];
    if (pool === undefined || child.pid === undefined) throw new Error(`the writer did not begin: ${stderr}`);
    const threads = { main: String(child.pid), pool };
    const other = await beside(threads);
    child.stdin.end("\n");
    const [exitCode, signal] = (await closed) as [number | null, string | null];
    if (other !== null) await ended(other);
    return { said: saidIn(lines), exitCode, signal, stderr, threads };
  } finally {
    clearTimeout(timer);
    reader.close();
    child.kill("SIGKILL");
  }
}

async function attach(threads: Record<Thread, string>, root: string, fault?: [Fault, Point]): Promise<ChildProcess> {
  // A fault counts in each thread for itself: with one, its own thread alone is traced.
  const followed = fault === undefined ? Object.values(threads) : [threads[fault[1].thread]];
  const list = ["-y", "-s", "0", "-o", traceOf(root), "-e", `trace=${traced.join(",")}`];
  if (fault !== undefined) {
    const [kind, { call, index, indexOnFile, file }] = fault;
    if (indexOnFile !== null) list.push("-P", join(root, file));
    list.push(...injection(kind, call, indexOnFile ?? index));
  }
  return attachStrace(threads.main, followed, list);
}

const traceOf = (root: string): string => join(root, "trace");

function saidIn(lines: readonly string[]): Said {
  const acked = new Map<number, string>();
  let refused: string | null = null;
  let failed: string | null = null;
  let closed: string | null = null;
  let ackedAfterRefusal = 0;
  for (const line of lines) {
    const [word = "", first = "", second = ""] = line.split(" ");
    if (word === "ack") {
      acked.set(Number(first), second);
      if (refused !== null) ackedAfterRefusal++;
    } else if (word === "refused") refused ??= first;
    else if (word === "failed") failed = first;
    else if (word === "closed") closed = first;
  }
  return { acked, ackedAfterRefusal, refused, failed, closed };
}

/**
 * What stands in strace's output: `1234 write(17</tmp/x/log/head>, ""..., 512) = 512`. Where one thread is traced the number is missing,
 * and `pool` says which it was; else it is the number of the pool's.
 */
function readTrace(root: string, scene: Scene, pool: string): Pick<Run, "points" | "hit" | "segmentCallsAfter"> {
  const points: Point[] = [];
  const counts = new Map<string, number>();
  const segmentCallsAfter: Call[] = [];
  let hit: Point | null = null;
  for (const line of existsSync(traceOf(root)) ? readFileSync(traceOf(root), "utf8").split("\n") : []) {
    const [, number, name] = /^(?:(\d+) +)?(\w+)\(/.exec(line) ?? [];
    const call = traced.find((known) => known === name);
    if (call === undefined) continue;
    const thread: Thread = (number ?? pool) === pool && pool !== "main" ? "pool" : "main";
    const count = (key: string): number => {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return counts.get(key) ?? 0;
    };
    const index = count(`${thread} ${call}`);
    const file = fileIn(line, root);
    if (file === null) continue;
    const onFile = count(`${thread} ${call} ${file}`);
    const point = { scene, thread, call, index, indexOnFile: isSameInEachRun(file) ? onFile : null, file };
    points.push(point);
    if (hit !== null && file.endsWith(".wal") && call !== "close") segmentCallsAfter.push(call);
    if (line.includes("(INJECTED)")) hit = point;
  }
  return { points, hit, segmentCallsAfter };
}

const isSameInEachRun = (file: string): boolean => !/\.new$|HASH/.test(file);

/** The file that a call is about, with what differs from run to run left out; null where it is none of the scene's. */
function fileIn(line: string, root: string): string | null {
  const start = line.indexOf(`${root}/`);
  if (start < 0) return null;
  const rest = line.slice(start + root.length + 1);
  const path = rest.slice(0, rest.search(/[">]|$/));
  return path.replace(/\.[0-9a-f]{16}\.new$/, ".new").replace(/[0-9a-f]{64}/, "HASH");
}
