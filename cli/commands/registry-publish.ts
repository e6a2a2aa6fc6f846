// `faramesh registry sign` and `registry publish`: packs of one's own, signed with one's own key. They check that each pack is
// one before they sign it, write the files that they name, and send nothing anywhere.
import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { formatTime, systemClock } from "../../runtime/clock.ts";
import { hasErrorCode, nodeDisk, readWhole, replaceProjectFile } from "../../runtime/disk.ts";
import { artifactFiles, artifactLimitBytes } from "../../runtime/registry/artifact-file.ts";
import { type Catalog, catalogLimitBytes, catalogPath, readCatalog, sections } from "../../runtime/registry/catalog.ts";
import { textOfBytes } from "../../runtime/registry/folders.ts";
import { artifactSubject, type PackFile, siteOf } from "../../runtime/registry/publish.ts";
import {
  type Publisher,
  publicKeyText,
  readPublisher,
  sha256Of,
  signatureEnding,
} from "../../runtime/registry/signature.ts";
import { compareVersions } from "../../runtime/registry/version-order.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { frames } from "../policy-file.ts";
import { countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const category = "Packs";
const keyLimitBytes = 16 * 1024;
const dayUs = 86_400_000_000;
/** Folders below one that is published: sections, names, versions. */
const foldersMax = 2_000;

export class RegistrySignCommand extends FarameshCommand {
  static override paths = [["registry", "sign"]];
  static override usage = Command.Usage({
    category,
    description: "sign a pack under its name and version",
    details:
      "Writes FILE.sig beside the file. The key is an Ed25519 private key in PEM: openssl genpkey -algorithm ed25519 -out publisher.pem. Exit codes: 0, 1 it is no pack, or no key.",
    examples: [["Sign one", "faramesh registry sign pack.fms --as packs.example/stripe@1.0.0 --key publisher.pem"]],
  });
  readonly file = Option.String({ name: "file" });
  readonly as = Option.String("--as", { required: true, description: "the reference by which it is imported" });
  readonly key = Option.String("--key", { required: true, description: "the file of the private key, PEM" });

  async run(io: Terminal): Promise<number> {
    const { isBad, readReference } = await import("../../compiler/packs/reference.ts");
    const reference = readReference(this.as, "");
    if (isBad(reference)) throw new Stop(`--as: ${reference.message}`, reference.help);
    if (reference.kind === "local") throw new Stop("--as names a host, a path and a version", undefined, exits.usage);
    const path = resolve(this.dir, this.file);
    if (!artifactFiles.includes(basename(path)))
      throw new Stop(`${visible(basename(path))} is no name of an artifact`, "name it pack.fms");
    const bytes = readOrStop(path, artifactLimitBytes);
    await mustBePack(io, reference.key, basename(path), bytes);
    const publisher = publisherOf(resolve(this.dir, this.key));
    replaceProjectFile(path + signatureEnding, publisher.sign(`${reference.key}/${basename(path)}`, bytes));
    const key = publicKeyText(publisher.publicKey);
    io.json({ reference: reference.key, sha256: sha256Of(bytes), file: path + signatureEnding, key });
    io.say(`${io.paint.green("✓")} ${visible(basename(path))}${signatureEnding} written for ${reference.key}`);
    io.say(`→ who uses it writes: trust { key "${reference.host}" ${key} }`);
    return exits.ok;
  }
}

export class RegistryPublishCommand extends FarameshCommand {
  static override paths = [["registry", "publish"]];
  static override usage = Command.Usage({
    category,
    description: "make the files of a registry of one's own packs",
    details:
      "FOLDER holds <section>/<name>/<version>/pack.fms with the sections policies, frameworks and providers. --out gets the files that a server of static files serves. A version that is published there already never changes. Exit codes: 0, 1 nothing was written.",
    examples: [
      [
        "See what would be published",
        "faramesh registry publish packs --as packs.example --key publisher.pem --dry-run",
      ],
      ["Make the files", "faramesh registry publish packs --as packs.example --key publisher.pem --out site"],
    ],
  });
  readonly folder = Option.String({ name: "folder" });
  readonly as = Option.String("--as", { required: true, description: "the registry's name, a host and maybe a path" });
  readonly key = Option.String("--key", { required: true, description: "the file of the private key, PEM" });
  readonly out = Option.String("--out", { description: "the folder to write" });
  readonly days = Option.String("--days", "90", { description: "days until the catalog expires (default 90)" });
  readonly dryRun = Option.Boolean("--dry-run", false, {
    description: "say what would be published, and write nothing",
  });

  async run(io: Terminal): Promise<number> {
    if (this.out === undefined && !this.dryRun)
      throw new Stop("publishing needs --out, or --dry-run", undefined, exits.usage);
    if (!/^[1-9]\d{0,3}$/.test(this.days)) throw new Stop("--days is a number from 1 to 9999", undefined, exits.usage);
    const publisher = publisherOf(resolve(this.dir, this.key));
    const packs = await this.#packs(io);
    const before = this.out === undefined ? null : catalogAt(resolve(this.dir, this.out));
    if (before !== null) this.#holdPublished(before, packs);
    const expires = formatTime(systemClock.now().wallUs + Number(this.days) * dayUs).replace(/\.\d+Z$/, "Z");
    const serial = (before?.serial ?? 0) + 1;
    const files = siteOf(packs, { registry: this.as, serial, expires }, publisher);
    if (!this.dryRun && this.out !== undefined) writeSite(resolve(this.dir, this.out), files);
    const key = publicKeyText(publisher.publicKey);
    const artifacts = packs.map((pack) => ({
      reference: artifactSubject(this.as, pack).replace(/\/[^/]*$/, ""),
      sha256: sha256Of(pack.bytes),
    }));
    io.json({ registry: this.as, serial, expires, key, written: !this.dryRun, files: [...files.keys()], artifacts });
    for (const { reference } of artifacts) io.line(reference);
    const what = `${countText(artifacts.length, "artifact")}, catalog ${serial}, expires ${expires}`;
    if (this.dryRun) io.say(`${what}: nothing was written`);
    else io.say(`${io.paint.green("✓")} ${what}, in ${visible(this.out ?? "")}`);
    io.say(`→ who uses it writes: trust { key "${this.as}" ${key} }`);
    return exits.ok;
  }

  async #packs(io: Terminal): Promise<readonly PackFile[]> {
    const { isBad, looksLike, readReference } = await import("../../compiler/packs/reference.ts");
    const root = resolve(this.dir, this.folder);
    const found = sections.flatMap((section) => versionsBelow(root, section));
    if (found.length === 0)
      throw new Stop(`there is no pack in ${visible(this.folder)}`, "one lies at policies/stripe/1.0.0/pack.fms");
    for (const [index, { section, name }] of found.entries()) {
      const other = found.slice(0, index).find((one) => looksLike(`${one.section}/${one.name}`, `${section}/${name}`));
      if (other !== undefined)
        throw new Stop(
          `\`${visible(name)}\` looks like \`${visible(other.name)}\` and is another`,
          "rename one of them",
        );
    }
    for (const pack of found) {
      const reference = readReference(`${this.as}/${pack.section}/${pack.name}@${pack.version}`, "");
      if (isBad(reference)) throw new Stop(reference.message, reference.help);
      await mustBePack(io, reference.key, pack.file, pack.bytes);
    }
    return found;
  }

  #holdPublished(before: Catalog, packs: readonly PackFile[]): void {
    if (before.registry !== this.as)
      throw new Stop(`${visible(this.out ?? "")} is the registry \`${visible(before.registry)}\`, not \`${this.as}\``);
    for (const { reference, sha256, section, name, version } of before.entries) {
      const now = packs.find((one) => one.section === section && one.name === name && one.version === version);
      if (now === undefined)
        throw new Stop(
          `\`${visible(reference)}\` is published and lacks here`,
          "what was published stays: put it back",
        );
      if (sha256Of(now.bytes) !== sha256)
        throw new Stop(
          `\`${visible(reference)}\` is published with other bytes`,
          "give what has changed a new version",
        );
    }
  }
}

function publisherOf(path: string): Publisher {
  const publisher = readPublisher(readOrStop(path, keyLimitBytes));
  if (publisher !== null) return publisher;
  const help = "openssl genpkey -algorithm ed25519 -out publisher.pem";
  throw new Stop(`${visible(basename(path))} holds no Ed25519 private key in PEM`, help);
}

function readOrStop(path: string, limitBytes: number): Uint8Array {
  try {
    return readWhole(nodeDisk, path, limitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) throw new Stop(`there is no file ${visible(path)}`);
    if (hasErrorCode(error, "EINVAL", "ELOOP")) throw new Stop(`${visible(path)} is not a file`);
    if (hasErrorCode(error, "EFBIG"))
      throw new Stop(`${visible(path)} is larger than ${countText(limitBytes, "byte")}`);
    throw error;
  }
}

/** Compiles it as who imports it would, a profile by its rules; what it imports itself is not looked at. Throws Stop. */
async function mustBePack(io: Terminal, key: string, file: string, bytes: Uint8Array): Promise<void> {
  const text = textOfBytes(bytes);
  if (text === null) throw new Stop(`\`${key}\` is not UTF-8 text`);
  const { compile } = await import("../../compiler/index.ts");
  const host = `import "${key}" as it\nagent "reader" { default deny }\n`;
  const imports = new Map([[key, { text, file }]]);
  const { diagnostics, sources } = compile(host, { file: "reader.fms", imports });
  const errors = diagnostics.filter(({ severity, code }) => severity === "error" && code !== "FMS031");
  for (const frame of await frames(errors, sources, io.isColored)) io.complain(frame);
  if (errors.length > 0) throw new Stop(`\`${key}\` is no pack: ${countText(errors.length, "error")}`);
}

function versionsBelow(root: string, section: PackFile["section"]): PackFile[] {
  const found: PackFile[] = [];
  let looked = 0;
  const walk = (parts: readonly string[]): void => {
    looked += 1;
    if (looked > foldersMax) throw new Stop(`there are more than ${foldersMax} folders to publish`);
    const folder = join(root, section, ...parts);
    const names = nodeDisk.list(folder);
    const files = names.filter((name) => artifactFiles.includes(name));
    const [file, other] = files;
    if (other !== undefined) throw new Stop(`${visible(folder)} has ${files.join(" and ")}`, "keep one of them");
    if (file !== undefined) {
      if (parts.length < 2) throw new Stop(`${visible(join(folder, file))} has no name and version`);
      const bytes = readOrStop(join(folder, file), artifactLimitBytes);
      const version = parts.at(-1) ?? "";
      found.push({ section, name: parts.slice(0, -1).join("/"), version, file, bytes, summary: summaryOf(bytes) });
      return;
    }
    for (const name of names) if (nodeDisk.identity(join(folder, name))?.kind === "directory") walk([...parts, name]);
  };
  walk([]);
  return found.sort((a, b) => (a.name === b.name ? compareVersions(a.version, b.version) : a.name < b.name ? -1 : 1));
}

/** The comment on the first line. */
function summaryOf(bytes: Uint8Array): string {
  const [line = ""] = (textOfBytes(bytes.subarray(0, 1024)) ?? "").split("\n", 1);
  return (/^(?:#|\/\/)\s*(.{0,200})/.exec(line)?.[1] ?? "").trim();
}

function catalogAt(out: string): Catalog | null {
  let bytes: Uint8Array;
  try {
    bytes = readWhole(nodeDisk, join(out, catalogPath), catalogLimitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
  const read = readCatalog(bytes);
  if ("problem" in read)
    throw new Stop(`${catalogPath} of ${visible(out)} ${read.problem}`, "publish to another folder");
  return read;
}

/** The catalog last: until it is there, the ones before hold. */
function writeSite(out: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    makeFolders(out, dirname(path));
    replaceProjectFile(join(out, path), bytes);
  }
}

function makeFolders(root: string, path: string): void {
  let folder = root;
  // The folder itself may be a link to where a server looks.
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) nodeDisk.makeDirectory(folder);
  for (const part of path.split("/")) {
    folder = join(folder, part);
    nodeDisk.makeDirectory(folder);
  }
}
