// Lists the files of a project that discovery may read, in the order of their paths. It must never follow a symbolic link,
// leave the folder, or leave a file out without saying so.
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MAX_DEPTH_FOLDERS, MAX_ENTRIES, MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES } from "./limits.ts";

export interface Skipped {
  file: string;
  why: string;
}
export interface ProjectFiles {
  sources: string[];
  dependencies: string[];
  mcpConfigs: string[];
  skipped: Skipped[];
}

const SKIPPED_FOLDERS: ReadonlySet<string> = new Set([
  "node_modules",
  "venv",
  "dist",
  "build",
  "__pycache__",
  "site-packages",
]);
const SOURCE = /\.(py|[mc]?[jt]s|[jt]sx)$/;
const DEPENDENCY = /^(package\.json|requirements[^/]*\.txt|pyproject\.toml|Pipfile|setup\.(cfg|py))$/;
/** The dot folders that are looked into, for this one file each. */
const MCP_FOLDERS: readonly string[] = [".cursor", ".vscode"];

/** Walks `root`. Throws when `root` itself cannot be read; a folder below that cannot is listed as skipped. */
export async function walk(root: string): Promise<ProjectFiles> {
  const files: ProjectFiles = { sources: [], dependencies: [], mcpConfigs: [], skipped: [] };
  const pending: { folder: string; depth: number }[] = [{ folder: "", depth: 0 }];
  let entryCount = 0;
  let totalBytes = 0;
  await readdir(root);
  for (let next = pending.pop(); next; next = pending.pop()) {
    const entries = await listFolder(root, next.folder, files.skipped);
    for (const { name, isFolder, isFile } of entries) {
      const path = next.folder === "" ? name : `${next.folder}/${name}`;
      entryCount += 1;
      if (entryCount > MAX_ENTRIES) {
        files.skipped.push({ file: path, why: `more than ${MAX_ENTRIES} entries; the rest is not looked at` });
        return sorted(files);
      }
      if (isFolder) {
        if (name.startsWith(".") || SKIPPED_FOLDERS.has(name)) continue;
        if (next.depth + 1 > MAX_DEPTH_FOLDERS)
          files.skipped.push({ file: path, why: `deeper than ${MAX_DEPTH_FOLDERS} folders` });
        else pending.push({ folder: path, depth: next.depth + 1 });
      } else if (isFile) {
        const kind = kindOf(name, files);
        const sizeBytes = kind ? await sizeOf(root, path, files.skipped) : null;
        if (!kind || sizeBytes === null) continue;
        totalBytes += kind === files.sources ? sizeBytes : 0;
        if (sizeBytes > MAX_FILE_BYTES) files.skipped.push({ file: path, why: `larger than ${MAX_FILE_BYTES} bytes` });
        else if (kind.length >= MAX_FILES) files.skipped.push({ file: path, why: `more than ${MAX_FILES} files` });
        else if (totalBytes > MAX_TOTAL_BYTES)
          files.skipped.push({ file: path, why: `more than ${MAX_TOTAL_BYTES} bytes of source` });
        else kind.push(path);
      }
    }
  }
  for (const folder of MCP_FOLDERS) {
    const path = `${folder}/mcp.json`;
    const stat = await lstat(join(root, path)).catch(() => null);
    const parent = await lstat(join(root, folder)).catch(() => null);
    if (stat?.isFile() && parent?.isDirectory() && stat.size <= MAX_FILE_BYTES) files.mcpConfigs.push(path);
  }
  return sorted(files);
}

function kindOf(name: string, files: ProjectFiles): string[] | null {
  if (name === ".mcp.json") return files.mcpConfigs;
  if (SOURCE.test(name) && !/\.d\.[mc]?ts$/.test(name)) return name === "setup.py" ? files.dependencies : files.sources;
  return DEPENDENCY.test(name) ? files.dependencies : null;
}

// Folders go onto the stack last first, so that limits cut the same files on every machine.
async function listFolder(
  root: string,
  folder: string,
  skipped: Skipped[],
): Promise<{ name: string; isFolder: boolean; isFile: boolean }[]> {
  try {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    const plain = entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory(), isFile: entry.isFile() }));
    const files = plain.filter((entry) => !entry.isFolder).sort((a, b) => compare(a.name, b.name));
    const folders = plain.filter((entry) => entry.isFolder).sort((a, b) => compare(b.name, a.name));
    return [...files, ...folders];
  } catch (error) {
    skipped.push({ file: folder, why: whyUnreadable(error) });
    return [];
  }
}

async function sizeOf(root: string, path: string, skipped: Skipped[]): Promise<number | null> {
  try {
    return (await lstat(join(root, path))).size;
  } catch (error) {
    skipped.push({ file: path, why: whyUnreadable(error) });
    return null;
  }
}

/** The text of a file, or null with an entry in `skipped` when it is unreadable or not UTF-8 text. */
export async function readText(root: string, path: string, skipped: Skipped[]): Promise<string | null> {
  try {
    const bytes = await readFile(join(root, path));
    if (bytes.includes(0)) throw new TypeError("binary");
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    skipped.push({ file: path, why: error instanceof TypeError ? "not UTF-8 text" : whyUnreadable(error) });
    return null;
  }
}

function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  return `cannot be read (${code})`;
}

function sorted(files: ProjectFiles): ProjectFiles {
  for (const list of [files.sources, files.dependencies, files.mcpConfigs]) list.sort(compare);
  files.skipped.sort((a, b) => compare(a.file, b.file));
  return files;
}

/** Order by UTF-16 code units, the same on every machine and in every locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
