// `faramesh registry list`, `search` and `info`: what a registry has. They read its catalog and nothing else, and say whether
// a key that the stack trusts has signed it.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "clipanion";
import type { Catalog, CatalogEntry } from "../../runtime/registry/catalog.ts";
import { FetchFailure } from "../../runtime/registry/fetch.ts";
import { type PublicKey, readPublicKey } from "../../runtime/registry/signature.ts";
import type { TrustedKeys } from "../../runtime/registry/trust.ts";
import { compareVersions } from "../../runtime/registry/version-order.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { lockOf } from "../imports.ts";
import { policyFiles, readPolicyFile } from "../policy-file.ts";
import { addressFrom, registryFor } from "../registry-source.ts";
import { columns, countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const category = "Packs";

interface Read {
  readonly catalog: Catalog;
  readonly verified: boolean;
}

abstract class CatalogCommand extends FarameshCommand {
  readonly url = Option.String("--url", { description: "the registry's address (default: FARAMESH_REGISTRY_URL)" });
  readonly key = Option.String("--key", {
    description: "the registry's key, ed25519:… (default: those of the policy's trust)",
  });

  protected async read(io: Terminal): Promise<Read> {
    const keys = this.#givenKeys();
    const trusted = await this.#trusted();
    const remote = registryFor(io, addressFrom(io, this.url), trusted, lockOf(this.dir), keys);
    try {
      const { catalog, signatureProblem } = await remote.catalog();
      if (signatureProblem !== null && keys !== undefined)
        throw new Stop(`the catalog of \`${visible(catalog.registry)}\` ${signatureProblem}`, "nothing of it is shown");
      if (signatureProblem !== null)
        io.note(`⚠ the catalog ${signatureProblem}; name whom to believe: --key, or trust { key … } in the policy`);
      return { catalog, verified: signatureProblem === null };
    } catch (error) {
      if (error instanceof FetchFailure) throw new Stop(visible(error.message), error.help);
      throw error;
    }
  }

  #givenKeys(): readonly PublicKey[] | undefined {
    if (this.key === undefined) return undefined;
    const key = readPublicKey(this.key);
    if (key === null) throw new Stop("--key is ed25519: and 32 bytes in base64", undefined, exits.usage);
    return [key];
  }

  async #trusted(): Promise<TrustedKeys> {
    if (!policyFiles.some((name) => existsSync(join(this.dir, name)))) return new Map();
    const { trustedKeys } = await import("../../runtime/registry/trusted-keys.ts");
    return trustedKeys(readPolicyFile(this.dir));
  }

  protected async report(io: Terminal, { catalog, verified }: Read, entries: readonly CatalogEntry[]): Promise<number> {
    const { registry, serial, expires } = catalog;
    for (const [one, other] of await alike(catalog.entries))
      io.note(`⚠ \`${visible(one)}\` and \`${visible(other)}\` look alike and are two`);
    io.json({ registry, serial, expires, verified, artifacts: entries.map(artifactJson) });
    const rows = entries.map(({ reference, summary }) => [visible(reference), visible(summary)]);
    for (const row of columns(rows)) io.line(row);
    const state = verified ? "signed by a trusted key" : "not verified";
    io.note(`${countText(entries.length, "artifact")} of ${visible(registry)}, ${state}`);
    return exits.ok;
  }
}

/** Names of which one may be meant to pass for the other. */
async function alike(entries: readonly CatalogEntry[]): Promise<(readonly [string, string])[]> {
  const { skeleton } = await import("../../compiler/packs/reference.ts");
  const seen = new Map<string, string>();
  const found = new Map<string, readonly [string, string]>();
  for (const { section, name } of entries) {
    const place = `${section}/${name}`;
    const first = seen.get(skeleton(place));
    if (first === undefined) seen.set(skeleton(place), place);
    else if (first !== place) found.set(place, [first, place]);
  }
  return [...found.values()];
}

function artifactJson({ reference, section, name, version, sha256, summary }: CatalogEntry) {
  return { reference, section, name, version, sha256, summary };
}

/** By name, the newest version first. */
function sorted(entries: readonly CatalogEntry[]): CatalogEntry[] {
  const nameOf = ({ section, name }: CatalogEntry): string => `${section}/${name}`;
  return [...entries].sort((a, b) => {
    if (nameOf(a) !== nameOf(b)) return nameOf(a) < nameOf(b) ? -1 : 1;
    return compareVersions(b.version, a.version);
  });
}

export class RegistryListCommand extends CatalogCommand {
  static override paths = [["registry", "list"]];
  static override usage = Command.Usage({
    category,
    description: "list what a registry has",
    details: "Exit codes: 0, 1 the registry cannot be asked or is not believed.",
    examples: [["All of it", "faramesh registry list --url https://registry.example/"]],
  });

  async run(io: Terminal): Promise<number> {
    const read = await this.read(io);
    return this.report(io, read, sorted(read.catalog.entries));
  }
}

export class RegistrySearchCommand extends CatalogCommand {
  static override paths = [["registry", "search"]];
  static override usage = Command.Usage({
    category,
    description: "find artifacts of a registry by words",
    details: "Every word must stand in the name or the summary. Exit codes: 0, 1 nothing was found.",
    examples: [["Packs for refunds", "faramesh registry search stripe refund"]],
  });
  readonly words = Option.Rest({ name: "word", required: 1 });

  async run(io: Terminal): Promise<number> {
    const read = await this.read(io);
    const words = this.words.map((word) => word.toLowerCase());
    const found = read.catalog.entries.filter(({ reference, summary }) => {
      const text = `${reference} ${summary}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    await this.report(io, read, sorted(found));
    return found.length === 0 ? exits.failed : exits.ok;
  }
}

export class RegistryInfoCommand extends CatalogCommand {
  static override paths = [["registry", "info"]];
  static override usage = Command.Usage({
    category,
    description: "show one artifact of a registry, with its versions",
    details:
      "By name, by section and name, or as an import writes it. Exit codes: 0, 1 the registry has no such artifact.",
    examples: [["How to import it", "faramesh registry info policies/stripe"]],
  });
  readonly name = Option.String({ name: "name" });

  async run(io: Terminal): Promise<number> {
    const { catalog, verified } = await this.read(io);
    const wanted = this.name;
    const found = sorted(catalog.entries).filter(({ reference, section, name }) => {
      const place = reference.split("@")[0];
      return [name, `${section}/${name}`, place, reference].includes(wanted);
    });
    const [newest] = found;
    if (newest === undefined)
      throw new Stop(`\`${visible(catalog.registry)}\` has no \`${visible(wanted)}\``, "see: faramesh registry list");
    const { registry, serial, expires } = catalog;
    io.json({ registry, serial, expires, verified, artifacts: found.map(artifactJson) });
    for (const { reference, sha256, summary } of found) {
      io.line(visible(reference));
      if (summary !== "") io.line(`  ${visible(summary)}`);
      io.line(`  sha256 ${sha256}`);
    }
    io.line(`import "${visible(newest.reference)}"`);
    return exits.ok;
  }
}
