// A registry over the network: its catalog is read once and believed or not, and artifacts are taken from it by the digest
// that the catalog names. It writes nothing and trusts no key of its own.

import { artifactLimitBytes } from "./artifact-file.ts";
import {
  type Catalog,
  type CatalogProblem,
  catalogAgeProblem,
  catalogLimitBytes,
  catalogPath,
  catalogSignatureProblem,
  readCatalog,
} from "./catalog.ts";
import { FetchFailure, fetchBytes } from "./fetch.ts";
import { type Artifact, type NoArtifact, textOfBytes } from "./folders.ts";
import type { SeenCatalog } from "./lock-file.ts";
import { type PublicKey, sha256Of, signatureEnding, signatureLimitBytes } from "./signature.ts";
import { isUnder, keysFor, placeOf, type TrustedKeys } from "./trust.ts";

export interface RemoteOptions {
  /** As `registryUrl` gives it. */
  readonly url: URL;
  readonly trusted: TrustedKeys;
  /** Instead of `trusted` for the catalog, whatever registry it names. */
  readonly catalogKeys?: readonly PublicKey[];
  readonly seen: ReadonlyMap<string, SeenCatalog>;
  /** µs since 1970 UTC */
  readonly nowUs: number;
  readonly token?: string;
  readonly timeoutMs?: number;
}

export interface RemoteCatalog {
  readonly catalog: Catalog;
  /** Null where a trusted key signed it. A sentence without a subject. */
  readonly signatureProblem: string | null;
}

export class RemoteRegistry {
  readonly #options: RemoteOptions;
  #catalog: Promise<RemoteCatalog> | null = null;

  constructor(options: RemoteOptions) {
    this.#options = options;
  }

  /** Throws FetchFailure where there is none that can be used, REFUSED where what was received must not be. */
  catalog(): Promise<RemoteCatalog> {
    this.#catalog ??= this.#readCatalog();
    return this.#catalog;
  }

  async #readCatalog(): Promise<RemoteCatalog> {
    const { url, trusted, catalogKeys, seen, nowUs } = this.#options;
    const bytes = await this.#get(catalogPath, catalogLimitBytes);
    const catalog = readCatalog(bytes);
    if ("problem" in catalog) throw refusedCatalog(url, { problem: catalog.problem, help: "tell the registry" });
    const old = catalogAgeProblem(catalog, seen.get(catalog.registry), nowUs);
    if (old !== null) throw refusedCatalog(url, old);
    const signature = await this.#signature(catalogPath);
    const keys = catalogKeys ?? keysFor(trusted, catalog.registry) ?? [];
    const problem = catalogSignatureProblem(catalog, bytes, signature, keys);
    return { catalog, signatureProblem: problem?.problem ?? null };
  }

  /**
   * What `reference` names, as the registry gives it. `mayBeUnsigned`: its publisher and digest are named by the stack, so
   * that the catalog need not be signed either.
   */
  async artifact(reference: string, mayBeUnsigned: boolean): Promise<Artifact> {
    try {
      return await this.#artifact(reference, mayBeUnsigned);
    } catch (error) {
      if (!(error instanceof FetchFailure)) throw error;
      const reason = error.code === "REFUSED" ? "refused" : "unreachable";
      return { reason, message: `\`${reference}\` cannot be fetched: ${error.message}`, help: error.help };
    }
  }

  async #artifact(reference: string, mayBeUnsigned: boolean): Promise<Artifact> {
    const { url } = this.#options;
    const { catalog, signatureProblem } = await this.catalog();
    const refused = (message: string, help: string): NoArtifact => ({ reason: "refused", message, help });
    if (!isUnder(placeOf(reference), catalog.registry)) {
      const message = `no copy of \`${reference}\` is on this machine, and ${url.host} is the registry \`${catalog.registry}\``;
      return { reason: "unreachable", message, help: "put a copy into packs/, or name its own registry" };
    }
    if (signatureProblem !== null && !mayBeUnsigned) throw refusedCatalog(url, { problem: signatureProblem });
    const entry = catalog.entries.find((one) => one.reference === reference);
    if (entry === undefined) {
      const message = `${url.host} has no \`${reference}\``;
      return { reason: "unreachable", message, help: "see: faramesh registry list" };
    }
    const bytes = await this.#get(entry.path, artifactLimitBytes);
    const found = sha256Of(bytes);
    if (found !== entry.sha256) {
      const message = `${url.host} gives other bytes for \`${reference}\` than its catalog names: expected SHA-256 ${entry.sha256}, found ${found}`;
      return refused(message, "nothing of it is used; try again, and tell the registry if it stays");
    }
    const signature = await this.#signature(entry.path);
    const text = textOfBytes(bytes);
    if (text === null) return refused(`\`${reference}\` is not UTF-8 text`, "ask its publisher");
    const isListed = signatureProblem === null;
    return { text, file: entry.file, copy: { bytes, file: entry.file, signature, origin: "network", isListed } };
  }

  #get(path: string, limitBytes: number): Promise<Buffer> {
    const { url, token, timeoutMs } = this.#options;
    const given = { ...(token === undefined ? {} : { token }), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    return fetchBytes(new URL(path, url), { limitBytes, ...given });
  }

  async #signature(path: string): Promise<Uint8Array | null> {
    try {
      return await this.#get(path + signatureEnding, signatureLimitBytes);
    } catch (error) {
      if (error instanceof FetchFailure && error.code === "NOT_FOUND") return null;
      throw error;
    }
  }
}

function refusedCatalog(url: URL, { problem, help }: CatalogProblem): FetchFailure {
  const trust = 'whose key it must be signed by is written as trust { key "<registry>" ed25519:… }';
  return new FetchFailure("REFUSED", `the catalog of ${url.host} ${problem}`, help ?? trust);
}
