// Puts a Parquet file in place: DuckDB writes into a file of ours beside it, which gets its name when it is whole. A file that
// is there is never replaced.
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { type Disk, nodeDisk } from "../disk.ts";

/** Throws EEXIST for a file that is there, and what `write` throws; then nothing is left. */
export async function writeParquet(
  path: string,
  write: (file: string) => Promise<void>,
  disk: Disk = nodeDisk,
): Promise<void> {
  if (disk.identity(path) !== null) throw Object.assign(new Error(`${path} exists`), { code: "EEXIST", path });
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString("hex")}.new`);
  // Made here, so that nobody else may read it whatever the umask.
  disk.open(temporary, "create").close();
  const remove = (): void => {
    if (disk.identity(temporary) !== null) disk.remove(temporary);
  };
  process.once("exit", remove);
  try {
    await write(temporary);
    const file = disk.open(temporary, "append");
    try {
      file.sync();
    } finally {
      file.close();
    }
    disk.rename(temporary, path);
    disk.syncDirectory(dirname(path));
  } finally {
    process.off("exit", remove);
    remove();
  }
}
