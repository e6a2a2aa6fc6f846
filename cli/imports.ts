// What a policy of a stack imports: found in the folders of this machine, else asked of the registry that the environment
// names, believed or refused, and held to `governance.fms.lock`. Each text is read once. Nothing is written here but what the
// user pins.
import { join } from "node:path";
import type { ImportResolver, ResolvedImport } from "../compiler/index.ts";
import { hasErrorCode } from "../runtime/disk.ts";
import type { SourceText } from "../runtime/doors/protocol.ts";
import { type Artifact, keepCopy, readArtifact, readBeside, registryRoots } from "../runtime/registry/folders.ts";
import {
  type Lock,
  LockFailure,
  lockFileName,
  type Pin,
  readLock,
  type SeenCatalog,
  writeLock,
} from "../runtime/registry/lock-file.ts";
import type { RemoteRegistry } from "../runtime/registry/remote.ts";
import { admit, type Copy, isUnder, placeOf, type Standing, type TrustedKeys } from "../runtime/registry/trust.ts";
import { compareVersions } from "../runtime/registry/version-order.ts";
import { Stop } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

/** Which pins hold: all, none (they are about to be written), or those of registries alone while files are worked on. */
export type Holding = "all" | "none" | "registries";

export interface GatherOptions {
  readonly holding?: Holding;
  /** The network is not asked, whatever the environment says. */
  readonly offline?: boolean;
  /** Publishers whose artifacts may be pinned without a signature. */
  readonly unsigned?: readonly string[];
}

/** Rounds of fetching: an artifact may import others. The compiler follows imports no deeper. */
const roundsMax = 9;

interface Admitted {
  readonly copy: Copy;
  readonly standing: Standing;
}

/** What was found, and how it came to be believed. */
export class Gathered {
  readonly lock: Lock;
  readonly resolve: ImportResolver;
  /** By reference, of registries alone; filled as the compiler asks. */
  readonly admitted = new Map<string, Admitted>();
  /** The catalog that was asked, where one was. */
  catalog: { readonly registry: string; readonly seen: SeenCatalog } | null = null;

  constructor(lock: Lock, resolve: (this: Gathered, reference: string) => ReturnType<ImportResolver>) {
    this.lock = lock;
    this.resolve = resolve.bind(this);
  }

  pinOf({ reference, sha256 }: ResolvedImport): Pin {
    const standing = this.admitted.get(reference)?.standing;
    return standing?.by === "digest" ? { sha256, unsigned: standing.publisher } : { sha256 };
  }
}

/** Throws Stop where the lock cannot be read, or the environment names no registry that may be asked. */
export async function gatherImports(
  io: Terminal,
  dir: string,
  source: SourceText,
  { holding = "all", offline = false, unsigned = [] }: GatherOptions = {},
): Promise<Gathered> {
  const lock = holding === "none" ? lockOrNone(dir) : lockOf(dir);
  const roots = registryRoots(dir, io.env);
  const fetched = new Map<string, Artifact>();
  const { trustedKeys } = await import("../runtime/registry/trusted-keys.ts");
  // It reads the policy once more: only where something of a registry is imported.
  let keys: TrustedKeys | null = null;
  const trusted = (): TrustedKeys => {
    keys ??= trustedKeys(source);
    return keys;
  };
  const missing = new Set<string>();
  const gathered = new Gathered(lock, function (reference) {
    if (!reference.includes("@")) {
      const found = readBeside(reference, dir);
      const pin = holding === "all" ? lock.pins.get(reference) : undefined;
      return pin === undefined || "reason" in found ? found : { ...found, digest: pin.sha256 };
    }
    const local = readArtifact(reference, dir, roots);
    const isMissing = "reason" in local && local.reason === "unreachable";
    if (isMissing && !fetched.has(reference)) missing.add(reference);
    const found = isMissing ? (fetched.get(reference) ?? local) : local;
    if ("reason" in found) return found;
    const pin = lock.pins.get(reference);
    const newer = holding === "none" || pin !== undefined ? null : newerPin(reference, lock);
    if (newer !== null) return rolledBack(reference, newer);
    const standing = admit(reference, found.copy, trusted(), pin, unsigned);
    if ("problem" in standing)
      return { reason: "refused", message: `\`${reference}\` ${standing.problem}`, help: standing.help };
    this.admitted.set(reference, { copy: found.copy, standing });
    return pin === undefined || holding === "none" ? found : { ...found, digest: pin.sha256 };
  });
  const url = offline ? undefined : io.env.FARAMESH_REGISTRY_URL;
  if (url === undefined || url === "") return gathered;
  const { resolvePolicy } = await import("../compiler/resolve.ts");
  let remote: RemoteRegistry | null = null;
  for (let round = 0; round < roundsMax; round++) {
    missing.clear();
    resolvePolicy(source, gathered.resolve);
    if (missing.size === 0) break;
    const { registryFor } = await import("./registry-source.ts");
    remote ??= registryFor(io, url, trusted(), lock);
    for (const reference of [...missing]) {
      const isNamed = [lock.pins.get(reference)?.unsigned, ...unsigned].some(
        (one) => one !== undefined && isUnder(placeOf(reference), one),
      );
      fetched.set(reference, await remote.artifact(reference, isNamed));
    }
  }
  if (remote !== null) gathered.catalog = await seenBy(remote);
  return gathered;
}

/** A catalog that no key signed is not remembered: it says nothing about the next one. */
async function seenBy(remote: RemoteRegistry): Promise<Gathered["catalog"]> {
  try {
    const { catalog, signatureProblem } = await remote.catalog();
    const { registry, serial, sha256 } = catalog;
    return signatureProblem === null ? { registry, seen: { serial, sha256 } } : null;
  } catch {
    // Said already, at the import that needed it.
    return null;
  }
}

/** The newest version of the same place that is pinned, where it is newer than this one. */
function newerPin(reference: string, { pins }: Lock): string | null {
  const [place = "", version = ""] = reference.split("@");
  const others = [...pins.keys()].flatMap((key) => (key.startsWith(`${place}@`) ? [key.slice(place.length + 1)] : []));
  return (
    others
      .filter((one) => compareVersions(one, version) > 0)
      .sort(compareVersions)
      .at(-1) ?? null
  );
}

function rolledBack(reference: string, newer: string): ReturnType<ImportResolver> {
  return {
    reason: "refused",
    message: `\`${reference}\` is older than version ${newer}, which governance.fms.lock pins`,
    help: `import ${newer}; if going back is meant: faramesh check --write-lock`,
  };
}

/** The references that the lock does not name. */
export function unpinned(lock: Lock, imports: readonly ResolvedImport[]): readonly ResolvedImport[] {
  return imports.filter(({ reference }) => !lock.pins.has(reference));
}

/** Pins exactly these imports, and keeps what came over the network. */
export function pinAll(dir: string, gathered: Gathered, imports: readonly ResolvedImport[]): void {
  keepFetched(dir, gathered, imports);
  const pins = new Map(imports.map((one) => [one.reference, gathered.pinOf(one)]));
  writeLock(dir, { pins, catalogs: catalogsOf(gathered) });
}

/** Pins those that are not pinned yet and changes no other pin; returns how many there were. */
export function pinNew(dir: string, gathered: Gathered, imports: readonly ResolvedImport[]): number {
  keepFetched(dir, gathered, imports);
  const now = { ...gathered, lock: lockOf(dir) };
  const fresh = unpinned(now.lock, imports);
  const seen = gathered.catalog;
  const isNewer = seen !== null && now.lock.catalogs.get(seen.registry)?.sha256 !== seen.seen.sha256;
  if (fresh.length === 0 && !isNewer) return 0;
  const pins = new Map([...now.lock.pins, ...fresh.map((one) => [one.reference, gathered.pinOf(one)] as const)]);
  writeLock(dir, { pins, catalogs: catalogsOf(gathered) });
  return fresh.length;
}

function catalogsOf({ lock, catalog }: Gathered): ReadonlyMap<string, SeenCatalog> {
  return catalog === null ? lock.catalogs : new Map([...lock.catalogs, [catalog.registry, catalog.seen]]);
}

function keepFetched(dir: string, { admitted }: Gathered, imports: readonly ResolvedImport[]): void {
  for (const { reference } of imports) {
    const copy = admitted.get(reference)?.copy;
    if (copy?.origin !== "network") continue;
    try {
      keepCopy(dir, reference, copy);
    } catch (error) {
      if (!hasErrorCode(error, "ENOTDIR", "ELOOP")) throw error;
      const help = "nothing is written through it; remove it";
      throw new Stop(`${join(dir, ".faramesh", "registry")} has a link or a file in the place of a folder`, help);
    }
  }
}

/** For whoever is about to write it anew. */
function lockOrNone(dir: string): Lock {
  try {
    return readLock(dir);
  } catch (error) {
    if (!(error instanceof LockFailure)) throw error;
    return { pins: new Map(), catalogs: new Map() };
  }
}

export function lockOf(dir: string): Lock {
  try {
    return readLock(dir);
  } catch (error) {
    if (!(error instanceof LockFailure)) throw error;
    throw new Stop(
      `${lockFileName} cannot be trusted: ${error.message}`,
      "take it from version control again, or pin the imports anew: faramesh check --write-lock",
    );
  }
}
