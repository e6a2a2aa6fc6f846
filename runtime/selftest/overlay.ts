// A disk as it would be if some files below one folder were others: for looking at a changed log without changing one. It only reads.
import { join, relative } from "node:path";
import type { Disk, DiskFile, FileIdentity } from "../disk.ts";

/** Contents by path below the folder; null: the file is not there. New files are only seen in the folder itself. */
export type Changes = ReadonlyMap<string, Uint8Array | null>;

/** `disk` with `changes` below the folder `dir`. Whatever would write throws. */
export function overlaid(disk: Disk, dir: string, changes: Changes): Disk {
  const changed = (path: string): Uint8Array | null | undefined => changes.get(relative(dir, path));
  return {
    open: (path, mode) => {
      const bytes = changed(path);
      if (bytes === undefined) return disk.open(path, mode);
      if (bytes === null) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      if (mode !== "read") return refuse();
      return fileOf(path, bytes, identityOf(disk.identity(path), bytes));
    },
    list: (path) => {
      const names = disk.list(path).filter((name) => changed(join(path, name)) !== null);
      if (path !== dir) return names;
      const added = [...changes].flatMap(([name, bytes]) => (bytes === null || name.includes("/") ? [] : [name]));
      return [...new Set([...names, ...added])].sort();
    },
    identity: (path) => {
      const bytes = changed(path);
      if (bytes === undefined) return disk.identity(path);
      return bytes === null ? null : identityOf(disk.identity(path), bytes);
    },
    makeDirectory: refuse,
    syncDirectory: refuse,
    syncDirectoryAside: async () => refuse(),
    rename: refuse,
    remove: refuse,
    lock: async () => refuse(),
  };
}

function refuse(): never {
  throw new Error("a disk that is only looked at is not written to");
}

function identityOf(before: FileIdentity | null, bytes: Uint8Array): FileIdentity {
  const own = { device: 0n, inode: 0n, mode: 0o600, kind: "file" } as const;
  return { ...(before ?? own), sizeBytes: bytes.length };
}

function fileOf(path: string, bytes: Uint8Array, identity: FileIdentity): DiskFile {
  return {
    path,
    read: (into, offset, length, position) => {
      const part = bytes.subarray(position, position + length);
      into.set(part, offset);
      return part.length;
    },
    identity: () => identity,
    close: () => {},
    write: refuse,
    dataSync: async () => refuse(),
    sync: refuse,
    truncate: refuse,
  };
}
