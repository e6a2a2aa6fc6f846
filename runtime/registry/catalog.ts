// The catalog of a registry: `catalog/catalog.json`, the list of what it has, each with its digest, signed as a whole. A
// catalog that is older than one seen before, that has expired or names another registry is refused: so nobody who sits
// between can hold a stack at an old state or mix two of them.
//
// The file: JSON {"catalog": "faramesh.catalog/1", "registry": "<host>[/<path>]", "serial": n, "expires": "2027-01-31T00:00:00Z",
// "policies": […], "frameworks": […], "providers": […]}; an entry is {"name", "version", "path", "sha256", "summary"?}. The
// artifact `<registry>/<section>/<name>@<version>` lies at `<path>` below the registry's address. Members that are not known
// are passed by.
import { parseTime } from "../clock.ts";
import { type Json, type JsonObject, parseJson } from "../json.ts";
import { artifactFiles } from "./artifact-file.ts";
import type { SeenCatalog } from "./lock-file.ts";
import { checkSignature, type PublicKey, sha256Of } from "./signature.ts";

export const catalogFormat = "faramesh.catalog/1";
export const catalogPath = "catalog/catalog.json";
export const catalogLimitBytes = 4 * 1024 * 1024;
const entriesMax = 20_000;
/** Values of all kinds: each entry has five members, and there may be some that are not known. */
const itemsMax = 1_000_000;
/** Characters of a summary that are shown. */
const summaryMax = 200;
export const sections = ["policies", "frameworks", "providers"] as const;
export type Section = (typeof sections)[number];

export interface CatalogEntry {
  readonly section: Section;
  readonly name: string;
  readonly version: string;
  /** `<registry>/<section>/<name>@<version>` */
  readonly reference: string;
  /** Below the registry's address. */
  readonly path: string;
  readonly file: string;
  readonly sha256: string;
  readonly summary: string;
}

export interface Catalog {
  readonly registry: string;
  readonly serial: number;
  /** RFC 3339, and the same in µs. */
  readonly expires: string;
  readonly expiresUs: number;
  readonly sha256: string;
  readonly entries: readonly CatalogEntry[];
}

/** Why a catalog is not believed, a sentence without a subject; and what to do, where it is not the server's to mend. */
export interface CatalogProblem {
  readonly problem: string;
  readonly help?: string;
}

export function catalogSubject(registry: string): string {
  return `catalog ${registry}`;
}

const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const registryName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}){0,8}$/;
const versionText = /^\d{1,9}\.\d{1,9}\.\d{1,9}(?:[-+][0-9A-Za-z.+-]{1,64})?$/;
const digest = /^[0-9a-f]{64}$/;

/** Reads a catalog's bytes; whether they are believed is `catalogProblem`'s to say. */
export function readCatalog(bytes: Uint8Array): Catalog | CatalogProblem {
  const parsed = parseJson(bytes, { sizeBytes: catalogLimitBytes, items: itemsMax });
  const value = parsed.ok ? objectOf(parsed.value) : null;
  if (value === null) return { problem: "is not JSON" };
  const { catalog, registry, serial, expires } = value;
  if (catalog !== catalogFormat) return { problem: `is not of the format ${catalogFormat}` };
  if (typeof registry !== "string" || !registryName.test(registry)) return { problem: "does not name its registry" };
  if (typeof serial !== "number" || !Number.isSafeInteger(serial) || serial < 0) return { problem: "has no serial" };
  const expiresUs = typeof expires === "string" ? parseTime(expires.replace(/^(.{19})Z$/, "$1.000000Z")) : undefined;
  if (typeof expires !== "string" || expiresUs === undefined) return { problem: "does not say when it expires" };
  const entries: CatalogEntry[] = [];
  const seen = new Set<string>();
  for (const section of sections) {
    const list = value[section] ?? [];
    if (!Array.isArray(list) || list.length > entriesMax) return { problem: `has no list \`${section}\`` };
    for (const one of list as readonly Json[]) {
      const entry = entryOf(one, section, registry);
      if (entry === null) return { problem: `has an entry of \`${section}\` that cannot be read` };
      if (seen.has(entry.reference)) return { problem: `names \`${entry.reference}\` twice` };
      seen.add(entry.reference);
      entries.push(entry);
    }
  }
  return { registry, serial, expires, expiresUs, sha256: sha256Of(bytes), entries };
}

function entryOf(value: Json, section: Section, registry: string): CatalogEntry | null {
  const entry = objectOf(value);
  if (entry === null) return null;
  const { name, version, path, sha256, summary = "" } = entry;
  if (typeof name !== "string" || !name.split("/").every((part) => plainName.test(part))) return null;
  if (typeof version !== "string" || !versionText.test(version)) return null;
  if (typeof path !== "string" || path.length > 512 || !path.split("/").every((part) => plainName.test(part)))
    return null;
  const file = path.split("/").at(-1) ?? "";
  if (!artifactFiles.includes(file) || typeof sha256 !== "string" || !digest.test(sha256)) return null;
  if (typeof summary !== "string") return null;
  const reference = `${registry}/${section}/${name}@${version}`;
  return { section, name, version, reference, path, file, sha256, summary: summary.slice(0, summaryMax) };
}

function objectOf(value: Json): JsonObject | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

/** Null where the catalog is signed by one of `keys`. */
export function catalogSignatureProblem(
  catalog: Catalog,
  bytes: Uint8Array,
  signature: Uint8Array | null,
  keys: readonly PublicKey[],
): CatalogProblem | null {
  if (signature === null) return { problem: "is not signed" };
  const checked = checkSignature(signature, catalogSubject(catalog.registry), bytes, keys);
  return "problem" in checked ? checked : null;
}

/** Null where the catalog holds now and is not older than `seen`. `nowUs` since 1970 UTC. */
export function catalogAgeProblem(
  catalog: Catalog,
  seen: SeenCatalog | undefined,
  nowUs: number,
): CatalogProblem | null {
  if (catalog.expiresUs <= nowUs) {
    const help = "somebody may hold an old one before you, or its publisher has not renewed it: ask them";
    return { problem: `has expired at ${catalog.expires}`, help };
  }
  if (seen === undefined || catalog.serial > seen.serial) return null;
  const help = "ask its publisher; if it began anew, take its entry out of `catalogs` in governance.fms.lock";
  if (catalog.serial < seen.serial)
    return { problem: `has the serial ${catalog.serial}, older than ${seen.serial} in governance.fms.lock`, help };
  if (catalog.sha256 === seen.sha256) return null;
  return { problem: `is another one than governance.fms.lock has seen under the serial ${catalog.serial}`, help };
}
