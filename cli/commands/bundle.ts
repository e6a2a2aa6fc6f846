// `faramesh bundle`: the policy with everything it needs, signed, as one file for a machine without a network. It writes that
// file, and where it needs one, the key that signs it.
import { join, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { writeBundle } from "../../runtime/bundle/bundle.ts";
import { TarFailure } from "../../runtime/bundle/tar.ts";
import { hasErrorCode, nodeDisk, readWhole, replaceProjectFile } from "../../runtime/disk.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import { type Publisher, publicKeyText, readPublisher, sha256Of } from "../../runtime/registry/signature.ts";
import type { Copy } from "../../runtime/registry/trust.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { compilePolicy, readPolicyFile } from "../policy-file.ts";
import { countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const keyName = "bundle.key";
const keyLimitBytes = 16 * 1024;

export class BundleCommand extends FarameshCommand {
  static override paths = [["bundle"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "write the policy with all it needs as one file, for a machine without a network",
    details:
      "The same policy, key and version give the same bytes. Take it there with: faramesh apply --offline --bundle FILE. Exit codes: 0, 1 nothing was written.",
    examples: [["A bundle", "faramesh bundle --out bundle.tar"]],
  });
  readonly out = Option.String("--out", { required: true, description: "the file to write, ending in .tar" });
  readonly key = Option.String("--key", {
    description: "sign with this Ed25519 private key, PEM (default: the stack's own, made when it is needed)",
  });
  readonly offline = Option.Boolean("--offline", false, { description: "never ask a registry over the network" });
  readonly includeProviders = Option.Boolean("--include-providers", false, {
    description: "with the packages of providers (there are none yet)",
  });

  async run(io: Terminal): Promise<number> {
    const path = resolve(this.dir, this.out);
    if (!path.endsWith(".tar")) throw new Stop("--out ends in .tar", undefined, exits.usage);
    const policy = await compilePolicy(io, this.dir, readPolicyFile(this.dir), { offline: this.offline });
    const { gathered, imports, sources } = policy;
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const { policy_hash, image_hash } = loadPolicySync(policy.image, { state: "volatile" }).info;
    const publisher = this.key === undefined ? ownKey(this.dir) : publisherIn(resolve(this.dir, this.key));
    const textOf = (file: string): Buffer => Buffer.from(sources.find((one) => one.file === file)?.text ?? "");
    const beside = new Map(imports.flatMap(({ isLocal, file }) => (isLocal ? [[file, textOf(file)] as const] : [])));
    const copies = new Map<string, Copy>();
    for (const { reference, isLocal } of imports) {
      const copy = gathered.admitted.get(reference)?.copy;
      if (!isLocal && copy !== undefined) copies.set(reference, copy);
    }
    const pins = new Map(imports.map((one) => [one.reference, gathered.pinOf(one)]));
    const bytes = written(
      {
        toolVersion: this.cli.binaryVersion ?? "0.0.0",
        policyHash: policy_hash,
        imageHash: image_hash,
        image: policy.image,
        source: policy.source,
        beside,
        imports: copies,
        lock: { pins, catalogs: gathered.lock.catalogs },
      },
      publisher,
    );
    replaceProjectFile(path, bytes);
    const [sha256, key] = [sha256Of(bytes), publicKeyText(publisher.publicKey)];
    io.json({ file: path, bytes: bytes.length, sha256, policy_hash, image_hash, key, imports: [...copies.keys()] });
    const brought = countText(imports.length, "import");
    io.say(`${io.paint.green("✓")} ${visible(this.out)} (${countText(bytes.length, "byte")}), ${brought}`);
    io.say(`→ sha256 ${sha256}`);
    io.say(`→ signed by ${key}`);
    if (this.includeProviders) io.note("no package of a provider is installed: there is none in the bundle");
    return exits.ok;
  }
}

function written(content: Parameters<typeof writeBundle>[0], publisher: Publisher): Buffer {
  try {
    return writeBundle(content, publisher);
  } catch (error) {
    if (error instanceof TarFailure) throw new Stop(`the bundle ${visible(error.message)}`, "rename that file");
    throw error;
  }
}

/** `.faramesh/keys/bundle.key`. */
function ownKey(dir: string): Publisher {
  const { faramesh, keys } = stackPaths(dir);
  nodeDisk.makeDirectory(faramesh);
  nodeDisk.makeDirectory(keys);
  new KeyFiles(nodeDisk, keys, keyName).current();
  return publisherIn(join(keys, keyName));
}

function publisherIn(path: string): Publisher {
  let pem: Uint8Array;
  try {
    pem = readWhole(nodeDisk, path, keyLimitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) throw new Stop(`there is no file ${visible(path)}`);
    throw error;
  }
  const publisher = readPublisher(pem);
  if (publisher !== null) return publisher;
  throw new Stop(
    `${visible(path)} holds no Ed25519 private key in PEM`,
    "openssl genpkey -algorithm ed25519 -out publisher.pem",
  );
}
