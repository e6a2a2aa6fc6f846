// What a registry puts up: the files of a catalog and its artifacts with their signatures, made of a folder of packs. Any
// server of static files serves them. It writes nothing itself.
import { catalogFormat, catalogPath, catalogSubject, readCatalog, type Section, sections } from "./catalog.ts";
import { type Publisher, sha256Of, signatureEnding } from "./signature.ts";

export interface PackFile {
  readonly section: Section;
  readonly name: string;
  readonly version: string;
  /** `pack.fms` and the like. */
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly summary: string;
}

export interface Edition {
  /** `<host>[/<path>]` */
  readonly registry: string;
  readonly serial: number;
  /** `2027-01-31T00:00:00Z` */
  readonly expires: string;
}

/** `<registry>/<section>/<name>@<version>/<file>`: what a signature of an artifact is of. */
export function artifactSubject(registry: string, { section, name, version, file }: PackFile): string {
  return `${registry}/${section}/${name}@${version}/${file}`;
}

/** Files by path below the registry's address. The same packs, edition and key give the same bytes. */
export function siteOf(
  packs: readonly PackFile[],
  edition: Edition,
  publisher: Publisher,
): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const sorted = [...packs].sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1));
  for (const pack of sorted) {
    files.set(pathOf(pack), pack.bytes);
    files.set(pathOf(pack) + signatureEnding, publisher.sign(artifactSubject(edition.registry, pack), pack.bytes));
  }
  const entry = (pack: PackFile) => {
    const { name, version, summary, bytes } = pack;
    return { name, version, path: pathOf(pack), sha256: sha256Of(bytes), ...(summary === "" ? {} : { summary }) };
  };
  const lists = sections.map((section) => [section, sorted.filter((one) => one.section === section).map(entry)]);
  const content = { catalog: catalogFormat, ...edition, ...Object.fromEntries(lists) };
  const catalog = Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
  const read = readCatalog(catalog);
  if ("problem" in read) throw new Error(`the catalog that was made ${read.problem}`);
  files.set(catalogPath, catalog);
  files.set(catalogPath + signatureEnding, publisher.sign(catalogSubject(edition.registry), catalog));
  return files;
}

function pathOf({ section, name, version, file }: PackFile): string {
  return `${section}/${name}/${version}/${file}`;
}
