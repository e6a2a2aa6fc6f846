// What a start finds behind the last acknowledged record may be in the system's memory alone: where a sync failed, Linux keeps the bytes
// for readers, counts them as written, and never writes them again. So they are written again, in place, before anything follows them.
import { type Disk, writeAll } from "../disk.ts";

const partBytes = 1024 * 1024;

/** Writes the bytes of a file from `from` to `to` over themselves, and syncs. Whatever interrupts it, the bytes stay the same. */
export function rewrite(disk: Disk, path: string, from: number, to: number): void {
  if (from >= to) return;
  const file = disk.open(path, "update");
  try {
    const part = Buffer.alloc(Math.min(partBytes, to - from));
    for (let at = from; at < to; ) {
      const taken = file.read(part, 0, Math.min(part.length, to - at), at);
      if (taken === 0) throw Object.assign(new Error(`${path} is shorter than it was`), { code: "EIO" });
      writeAll(file, part.subarray(0, taken), at);
      at += taken;
    }
    file.sync();
  } finally {
    file.close();
  }
}
