// The texts that a test's policy imports: `<folder>/<host>/<path>@<version>/<file>`, or as a registry on disk has them
// `<host>/<path>/<version>/<file>`, and local files by their path. `<file>.sha256` is the digest to which a file is pinned.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ImportedText } from "../compiler/index.ts";

/** Empty where there is no such folder. */
export function importsIn(folder: string): ReadonlyMap<string, ImportedText> {
  const found = new Map<string, ImportedText>();
  if (!existsSync(folder)) return found;
  const texts = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const digestOf = (path: string): string | undefined =>
    existsSync(`${path}.sha256`) ? readFileSync(`${path}.sha256`, "utf8").trim() : undefined;
  for (const { parentPath, name } of texts.filter((entry) => !entry.name.endsWith(".sha256"))) {
    const path = join(parentPath, name).slice(folder.length).replace(/^\//, "");
    const [, place, version] = /^([^/]+\.[^/]+\/.+)\/(\d+\.\d+\.\d+[^/]*)\/[^/]+$/.exec(path) ?? [];
    const key = /^(.*@[^/]+)\//.exec(path)?.[1] ?? (place === undefined ? path : `${place}@${version}`);
    if (found.has(key)) throw new Error(`${folder} has two files for ${key}`);
    const digest = digestOf(join(parentPath, name));
    const text = readFileSync(join(parentPath, name), "utf8");
    found.set(key, { text, file: name, ...(digest === undefined ? {} : { digest }) });
  }
  return found;
}

/** What the pages import: the packs of examples/, and what the pages of messages need. */
export function importsOfPages(root: string): ReadonlyMap<string, ImportedText> {
  return new Map([...importsIn(join(root, "examples/packs/packs")), ...importsIn(join(root, "test/pages.imports"))]);
}
