// A disk of a few hundred kilobytes under one directory of a daemon's: a tmpfs in a mount namespace that a process of its own keeps
// open, where the system lets an ordinary user have one; else files that cannot grow beyond that size. It ends with that process.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const mountScript = 'mount -t tmpfs -o size="$2",mode=700 tmpfs "$1" && echo mounted && exec cat';
const ulimitBlockBytes = 1024;

export class SmallDisk {
  /** the directory's content as this process sees it */
  readonly seen: string;
  /** commands of bash's that put a daemon on it */
  readonly before: string;
  readonly isMounted: boolean;
  readonly #dir: string;
  readonly #keeper: ChildProcess | null;

  private constructor(dir: string, sizeBytes: number, keeper: ChildProcess | null) {
    this.#dir = dir;
    this.#keeper = keeper;
    this.isMounted = keeper !== null;
    this.seen = keeper === null ? dir : join(`/proc/${keeper.pid}/root`, dir);
    this.before =
      keeper === null
        ? `ulimit -f ${Math.floor(sizeBytes / ulimitBlockBytes)}`
        : `exec nsenter --target ${keeper.pid} --user --mount --preserve-credentials "$@"`;
  }

  /** `dir` exists and is empty. */
  static async mount(dir: string, sizeBytes: number): Promise<SmallDisk> {
    const keeper = spawn(
      "unshare",
      ["--map-root-user", "--mount", "sh", "-c", mountScript, "sh", dir, String(sizeBytes)],
      {
        stdio: ["pipe", "pipe", "ignore"],
      },
    );
    const failed = new Promise<null>((resolve) => {
      keeper.once("error", () => resolve(null));
      keeper.once("exit", () => resolve(null));
    });
    const mounted = await Promise.race([once(keeper.stdout, "data"), failed]);
    return new SmallDisk(dir, sizeBytes, mounted === null ? null : keeper);
  }

  /** Gives it more room; the commands that put a daemon on it then. */
  grow(sizeBytes: number): string {
    if (this.#keeper === null) return "true";
    const enter = ["--target", String(this.#keeper.pid), "--user", "--mount", "--preserve-credentials"];
    const { status, stderr } = spawnSync("nsenter", [...enter, "mount", "-o", `remount,size=${sizeBytes}`, this.#dir]);
    if (status !== 0) throw new Error(`the disk cannot grow: ${stderr}`);
    return this.before;
  }

  async remove(): Promise<void> {
    if (this.#keeper === null || this.#keeper.exitCode !== null) return;
    const exit = once(this.#keeper, "exit");
    this.#keeper.stdin?.end();
    await exit;
  }
}
