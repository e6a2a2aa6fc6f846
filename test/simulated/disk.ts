// A disk in memory that loses its power: what was written and not synced may be gone, in part or whole; what was created, renamed or
// removed in a directory that was not synced may not have happened. What was synced stays. The models are those of file systems in
// use; reordered sectors are the worst that POSIX allows, and are asked for by name.
import { basename, dirname } from "node:path";
import type { Disk, DiskFile, FileIdentity, OpenMode } from "../../runtime/disk.ts";
import type { Random } from "../generate/random.ts";

/**
 * What becomes of bytes that were not synced: none reached the disk, all did, those up to some byte did, or up to some byte with zeros in
 * place of the rest (the size is a file system's own record, and may be ahead of the bytes). `reordered`: any sectors, in any order.
 */
export const lossModels = ["none", "all", "cut", "zeros", "reordered"] as const;
export type LossModel = (typeof lossModels)[number];

const sectorBytes = 512;

/** Every call behind the power loss ends so. */
export class PowerLoss extends Error {
  readonly code = "EIO";
}

interface Change {
  /** null: the file's size is set */
  readonly bytes: Uint8Array | null;
  readonly position: number;
}

class Inode {
  static #last = 0;
  readonly number = ++Inode.#last;
  /** As programs see it, and as it surely is on disk. */
  bytes: Buffer = Buffer.alloc(0);
  stable: Buffer = Buffer.alloc(0);
  pending: Change[] = [];

  apply(change: Change): void {
    this.bytes = applied(this.bytes, change);
    this.pending.push(change);
  }

  /** What `count` changes made is on disk. */
  settle(count: number): void {
    for (const change of this.pending.splice(0, count)) this.stable = applied(this.stable, change);
  }
}

function applied(bytes: Buffer, { bytes: written, position }: Change): Buffer {
  if (written === null) {
    return position <= bytes.length
      ? bytes.subarray(0, position)
      : Buffer.concat([bytes, Buffer.alloc(position - bytes.length)]);
  }
  const size = Math.max(bytes.length, position + written.length);
  const next = Buffer.alloc(size);
  bytes.copy(next);
  next.set(written, position);
  return next;
}

type Entry = Inode | "directory";

/** A change to one directory's names, which happens whole or not at all. */
type NameChange = ReadonlyMap<string, Entry | null>;

class Folder {
  names = new Map<string, Entry>();
  stable = new Map<string, Entry>();
  pending: NameChange[] = [];

  apply(change: NameChange): void {
    put(this.names, change);
    this.pending.push(change);
  }

  settle(count: number): void {
    for (const change of this.pending.splice(0, count)) put(this.stable, change);
  }
}

function put(names: Map<string, Entry>, change: NameChange): void {
  for (const [name, entry] of change) {
    if (entry === null) names.delete(name);
    else names.set(name, entry);
  }
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

export class SimulatedDisk implements Disk {
  readonly #roots: readonly string[];
  readonly #folders = new Map<string, Folder>();
  /** Calls that change something so far. */
  calls = 0;
  /** The call at which the power goes: it and all behind it fail. */
  lostAt = Number.POSITIVE_INFINITY;
  /** The call of a sync that fails once with EIO and, as Linux does, drops what it could not write. */
  failedSyncAt = Number.POSITIVE_INFINITY;

  /** `roots`: directories that are there from the beginning. */
  constructor(roots: readonly string[]) {
    this.#roots = roots;
    for (const root of roots) this.#folders.set(root, new Folder());
  }

  get isLost(): boolean {
    return this.calls >= this.lostAt;
  }

  #changes(path: string): void {
    this.calls++;
    if (this.isLost) throw new PowerLoss(`the power is gone: ${path}`);
  }

  #folder(path: string): Folder {
    const folder = this.#folders.get(path);
    if (folder === undefined) throw failure("ENOENT", path);
    return folder;
  }

  #at(path: string): Entry | undefined {
    return this.#folders.get(dirname(path))?.names.get(basename(path));
  }

  open = (path: string, mode: OpenMode): DiskFile => {
    const found = this.#at(path);
    if (found === "directory") throw failure("EISDIR", path);
    if (mode === "create" && found !== undefined) throw failure("EEXIST", path);
    if ((mode === "read" || mode === "append") && found === undefined) throw failure("ENOENT", path);
    if (found !== undefined) return this.#file(path, found, mode);
    this.#changes(path);
    const made = new Inode();
    this.#folder(dirname(path)).apply(new Map([[basename(path), made]]));
    return this.#file(path, made, mode);
  };

  #file(path: string, inode: Inode, mode: OpenMode): DiskFile {
    const isAppending = mode === "append" || mode === "create";
    return {
      path,
      write: (bytes, offset, length, position) => {
        this.#changes(path);
        const at = isAppending || position === null ? inode.bytes.length : position;
        inode.apply({ bytes: Uint8Array.prototype.slice.call(bytes, offset, offset + length), position: at });
        return length;
      },
      read: (into, offset, length, position) => {
        const part = inode.bytes.subarray(position, position + length);
        into.set(part, offset);
        return part.length;
      },
      dataSync: async () => {
        this.#changes(path);
        const count = inode.pending.length;
        const fails = this.calls === this.failedSyncAt;
        await new Promise(setImmediate);
        if (this.isLost) throw new PowerLoss(`the power is gone: ${path}`);
        this.#settle(path, inode, count, fails);
      },
      sync: () => {
        this.#changes(path);
        this.#settle(path, inode, inode.pending.length, this.calls === this.failedSyncAt);
      },
      truncate: (sizeBytes) => {
        this.#changes(path);
        inode.apply({ bytes: null, position: sizeBytes });
      },
      identity: () => identityOf(inode),
      close: () => {},
    };
  }

  #settle(path: string, inode: Inode, count: number, fails: boolean): void {
    if (!fails) {
      inode.settle(count);
      return;
    }
    inode.pending.splice(0, count);
    throw failure("EIO", path);
  }

  makeDirectory = (path: string): void => {
    const found = this.#at(path);
    if (found === "directory" || this.#folders.has(path)) return;
    if (found !== undefined) throw failure("ENOTDIR", path);
    this.#changes(path);
    this.#folder(dirname(path)).apply(new Map([[basename(path), "directory"]]));
    this.#folders.set(path, new Folder());
  };

  syncDirectory = (path: string): void => {
    const folder = this.#folders.get(path);
    if (folder === undefined) return;
    this.#changes(path);
    folder.settle(folder.pending.length);
  };

  syncDirectoryAside = async (path: string): Promise<void> => {
    const folder = this.#folder(path);
    this.#changes(path);
    const count = folder.pending.length;
    await new Promise(setImmediate);
    if (this.isLost) throw new PowerLoss(`the power is gone: ${path}`);
    folder.settle(count);
  };

  list = (path: string): string[] => [...(this.#folders.get(path)?.names.keys() ?? [])].sort();

  identity = (path: string): FileIdentity | null => {
    const found = this.#at(path);
    if (found === "directory" || this.#folders.has(path)) {
      return { device: 1n, inode: 0n, sizeBytes: 0, mode: 0o700, kind: "directory" };
    }
    return found === undefined ? null : identityOf(found);
  };

  rename = (from: string, to: string): void => {
    const found = this.#at(from);
    if (found === undefined) throw failure("ENOENT", from);
    if (dirname(from) !== dirname(to)) throw failure("EXDEV", from);
    this.#changes(from);
    const change: [string, Entry | null][] = [
      [basename(from), null],
      [basename(to), found],
    ];
    this.#folder(dirname(from)).apply(new Map(change));
  };

  remove = (path: string): void => {
    if (this.#at(path) === undefined) throw failure("ENOENT", path);
    this.#changes(path);
    this.#folder(dirname(path)).apply(new Map([[basename(path), null]]));
  };

  lock = async (): Promise<{ lock: { release(): void } }> => ({ lock: { release: () => {} } });

  /** The disk as it is found when the power is back. */
  afterLoss(model: LossModel, random: Random): SimulatedDisk {
    const next = new SimulatedDisk(this.#roots);
    const seen = new Map<Inode, Inode>();
    for (const [path, folder] of this.#folders) {
      const names = new Map(folder.stable);
      for (const change of survivors(folder.pending, model, random)) put(names, change);
      const found = new Folder();
      for (const [name, entry] of names) {
        if (entry === "directory") found.names.set(name, entry);
        else {
          const inode = seen.get(entry) ?? afterwards(entry, model, random);
          seen.set(entry, inode);
          found.names.set(name, inode);
        }
      }
      found.stable = new Map(found.names);
      next.#folders.set(path, found);
    }
    next.#dropUnreachable();
    return next;
  }

  /** As if the last sector of some file had only been said to be on disk. */
  withoutLast(random: Random): SimulatedDisk {
    const files = [...this.#folders.values()].flatMap(({ names }) =>
      [...names].filter(([name]) => name.endsWith(".wal")),
    );
    const [, entry] = files[random.below(Math.max(1, files.length))] ?? [];
    if (entry instanceof Inode) entry.bytes = entry.bytes.subarray(0, Math.max(0, entry.bytes.length - sectorBytes));
    return this;
  }

  /** Directories whose own creation was lost go with all that is in them. */
  #dropUnreachable(): void {
    for (const path of [...this.#folders.keys()].sort()) {
      const isThere = this.#folders.get(dirname(path))?.names.get(basename(path)) === "directory";
      if (!isThere && !this.#roots.includes(path)) this.#folders.delete(path);
    }
  }
}

function identityOf(inode: Inode): FileIdentity {
  return { device: 1n, inode: BigInt(inode.number), sizeBytes: inode.bytes.length, mode: 0o600, kind: "file" };
}

/** A journal keeps the order of what happened to names; without one any of them may be there. */
function survivors(pending: readonly NameChange[], model: LossModel, random: Random): readonly NameChange[] {
  if (model === "none") return [];
  if (model === "all") return pending;
  if (model === "reordered") return pending.filter(() => random.oneIn(2));
  return pending.slice(0, random.below(pending.length + 1));
}

function afterwards(before: Inode, model: LossModel, random: Random): Inode {
  const inode = new Inode();
  inode.bytes = Buffer.from(bytesAfter(before, model, random));
  inode.stable = inode.bytes;
  return inode;
}

function bytesAfter({ stable, pending }: Inode, model: LossModel, random: Random): Buffer {
  if (pending.length === 0 || model === "none") return stable;
  if (model === "all") return pending.reduce(applied, stable);
  if (model === "reordered") return sectorsOf(stable, pending, random);
  const whole = random.below(pending.length + 1);
  const bytes = pending.slice(0, whole).reduce(applied, stable);
  const cut = pending[whole];
  if (cut?.bytes == null) return bytes;
  const kept = random.below(cut.bytes.length + 1);
  const part = cut.bytes.slice(0, kept);
  if (model === "cut") return kept === 0 ? bytes : applied(bytes, { bytes: part, position: cut.position });
  // Only bytes that are new to the file are zeros; what stood there before still stands.
  const size = Math.max(bytes.length, cut.position + cut.bytes.length);
  return applied(applied(bytes, { bytes: null, position: size }), { bytes: part, position: cut.position });
}

/** Each sector of each change by itself. */
function sectorsOf(stable: Buffer, pending: readonly Change[], random: Random): Buffer {
  let bytes = stable;
  for (const change of pending) {
    if (change.bytes === null) {
      if (random.oneIn(2)) bytes = applied(bytes, change);
      continue;
    }
    for (let at = 0; at < change.bytes.length; ) {
      const end = Math.min(change.bytes.length, at + sectorBytes - ((change.position + at) % sectorBytes));
      if (random.oneIn(2))
        bytes = applied(bytes, { bytes: change.bytes.slice(at, end), position: change.position + at });
      at = end;
    }
  }
  return bytes;
}
