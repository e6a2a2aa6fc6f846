// A bundle taken in the place of the folder's policy: every check that there is comes before the first byte is written, and
// what is written afterwards is what was checked.
import { lstatSync, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { BundleFailure, bundleSubject, type OpenedBundle, openBundle } from "../runtime/bundle/bundle.ts";
import { archiveLimitBytes } from "../runtime/bundle/tar.ts";
import { hasErrorCode, nodeDisk, readWhole, replaceFile, replaceProjectFile } from "../runtime/disk.ts";
import { keepCopy, textOfBytes } from "../runtime/registry/folders.ts";
import { writeLock } from "../runtime/registry/lock-file.ts";
import {
  checkSignature,
  claimedKey,
  type PublicKey,
  publicKeyText,
  readPublicKey,
  sha256Of,
} from "../runtime/registry/signature.ts";
import { admit } from "../runtime/registry/trust.ts";
import { exits, Stop } from "./exit.ts";
import { Gathered, lockOf } from "./imports.ts";
import { type CompiledPolicy, compileGathered, policyFiles, readPolicyFile } from "./policy-file.ts";
import { visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";

/** The key whose bundles this stack takes, since its first one. */
const pinnedKeyFile = "bundle.pub";
const pinnedKeyLimitBytes = 256;
const unchanged = "nothing was changed";

export interface BundleInHand {
  readonly policy: CompiledPolicy;
  readonly keyText: string;
  /** The key is pinned by this use. */
  readonly isFirstUse: boolean;
  /** Puts the files into the folder; returns their names. Throws the disk's errors. */
  write(): readonly string[];
}

/** Throws Stop, with nothing written, for whatever is not right. */
export async function takeBundle(
  io: Terminal,
  dir: string,
  path: string,
  sha256: string | undefined,
): Promise<BundleInHand> {
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
    throw new Stop("--sha256 is 64 hex digits", undefined, exits.usage);
  const bytes = readBundleFile(path);
  const found = sha256Of(bytes);
  if (sha256 !== undefined && found !== sha256)
    throw new Stop(`${visible(basename(path))} is not the one: expected SHA-256 ${sha256}, found ${found}`, unchanged);
  const bundle = opened(bytes, path);
  const { key, isFirstUse } = await signerOf(dir, bundle, path);
  checkPlaces(dir, bundle);
  checkPins(dir, bundle);
  const policy = await compiled(io, bundle);
  return {
    policy,
    keyText: publicKeyText(key),
    isFirstUse,
    write: () => writeOut(dir, bundle, isFirstUse ? key : null),
  };
}

function readBundleFile(path: string): Uint8Array {
  try {
    return readWhole(nodeDisk, path, archiveLimitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) throw new Stop(`there is no bundle ${visible(path)}`);
    if (hasErrorCode(error, "EFBIG")) throw new Stop(`${visible(path)} is larger than a bundle can be`);
    if (hasErrorCode(error, "EINVAL", "ELOOP")) throw new Stop(`${visible(path)} is not a file`);
    throw error;
  }
}

function opened(bytes: Uint8Array, path: string): OpenedBundle {
  try {
    return openBundle(bytes);
  } catch (error) {
    if (error instanceof BundleFailure)
      throw new Stop(`${visible(basename(path))} ${visible(error.message)}`, unchanged);
    throw error;
  }
}

/** Keys come from this stack alone; without any, the first bundle's is pinned. */
async function signerOf(
  dir: string,
  { list, signature }: OpenedBundle,
  path: string,
): Promise<{ key: PublicKey; isFirstUse: boolean }> {
  const trusted = await trustedHere(dir);
  const known = trusted ?? pinnedHere(dir);
  const claimed = claimedKey(signature);
  const keys = known ?? (claimed === null ? [] : [claimed]);
  const checked = checkSignature(signature, bundleSubject, list, keys);
  const key = keys.find((one) => claimed !== null && Buffer.from(one).equals(claimed));
  if (!("problem" in checked) && key !== undefined) return { key, isFirstUse: known === null };
  const problem = "problem" in checked ? checked.problem : "is not signed";
  const help = `${unchanged}; another key is written as trust { key "bundle" ed25519:… } in the policy of this folder`;
  throw new Stop(`${visible(basename(path))} ${problem}`, help);
}

/** Null where the policy here names no key for bundles, or there is none. */
async function trustedHere(dir: string): Promise<readonly PublicKey[] | null> {
  if (!policyFiles.some((name) => statSync(join(dir, name), { throwIfNoEntry: false }) !== undefined)) return null;
  const { readPolicy } = await import("../compiler/read.ts");
  const { keysOf } = await import("../runtime/registry/trusted-keys.ts");
  const source = readPolicyFile(dir);
  const { stack, findings } = readPolicy([source]);
  if (stack === null || findings.length > 0)
    throw new Stop(`${source.file} cannot be read, so whom it trusts is not known`, "see: faramesh check");
  return keysOf(stack).get("bundle") ?? null;
}

/** Null before the first bundle. */
function pinnedHere(dir: string): readonly PublicKey[] | null {
  const path = join(dir, ".faramesh", pinnedKeyFile);
  let text: string;
  try {
    text = Buffer.from(readWhole(nodeDisk, path, pinnedKeyLimitBytes)).toString("utf8");
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
  const key = readPublicKey(text.trim());
  if (key === null) throw new Stop(`${visible(path)} holds no key`, "remove it to pin the next bundle's key");
  return [key];
}

/** Nothing is written through a link, nor beside another policy. */
function checkPlaces(dir: string, { source, beside }: OpenedBundle): void {
  const other = policyFiles.find((name) => name !== source.file && nodeDisk.identity(join(dir, name)) !== null);
  if (other !== undefined)
    throw new Stop(`${other} is in this folder, and the bundle brings ${source.file}`, `move ${other} away`);
  for (const path of [source.file, ...beside.keys(), ".faramesh/registry", "governance.fms.lock"]) {
    let place = dir;
    for (const part of path.split("/")) {
      place = join(place, part);
      const stats = lstatSync(place, { throwIfNoEntry: false });
      if (stats === undefined) break;
      const isLast = place === join(dir, ...path.split("/"));
      if (stats.isSymbolicLink() || (isLast && path !== ".faramesh/registry" ? !stats.isFile() : !stats.isDirectory()))
        throw new Stop(`${visible(place)} is in the way: it is a link, or no ${isLast ? "file" : "folder"}`, unchanged);
    }
    if (!resolve(dir, path).startsWith(resolve(dir) + sep)) throw new Error(`${path} leads out of the folder`);
  }
}

/** What this folder has pinned stays what it is. */
function checkPins(dir: string, { lock }: OpenedBundle): void {
  const here = lockOf(dir).pins;
  for (const [reference, { sha256 }] of lock.pins) {
    const pinned = here.get(reference);
    if (!reference.includes("@") || pinned === undefined || pinned.sha256 === sha256) continue;
    const message = `the bundle has another \`${visible(reference)}\` than governance.fms.lock pins here`;
    throw new Stop(`${message}: ${pinned.sha256} here, ${sha256} in the bundle`, unchanged);
  }
}

/** Compiled anew from the bundle's texts alone; the image must come out as it says. */
async function compiled(io: Terminal, bundle: OpenedBundle): Promise<CompiledPolicy> {
  const { trustedKeys } = await import("../runtime/registry/trusted-keys.ts");
  const trusted = trustedKeys(bundle.source);
  const { lock, imports, beside } = bundle;
  const gathered = new Gathered(lock, (reference) => {
    const pin = lock.pins.get(reference);
    const copy = imports.get(reference);
    const bytes = copy?.bytes ?? beside.get(reference);
    const text = bytes === undefined ? null : textOfBytes(bytes);
    const refused = (what: string) =>
      ({ reason: "refused", message: `\`${reference}\` ${what}`, help: "have the bundle made anew" }) as const;
    if (text === null) return refused("is not in the bundle, or is no text");
    if (pin === undefined) return refused("is not pinned in the bundle");
    const standing = copy === undefined ? null : admit(reference, copy, trusted, pin, []);
    if (standing !== null && "problem" in standing) return refused(standing.problem);
    return { text, file: copy?.file ?? basename(reference), digest: pin.sha256 };
  });
  const policy = await compileGathered(io, bundle.source, gathered);
  // What the policy does not import has no business here, and would be written all the same.
  const used = new Set(policy.imports.map(({ reference }) => reference));
  const other = [...beside.keys(), ...imports.keys()].find((one) => !used.has(one));
  if (other !== undefined)
    throw new Stop(`the bundle brings \`${visible(other)}\`, which its policy does not import`, unchanged);
  const policyFile = policyFiles.find((name) => beside.has(name));
  if (policyFile !== undefined) throw new Stop(`the bundle brings a second policy, ${policyFile}`, unchanged);
  const imageHash = sha256Of(policy.image);
  if (imageHash === bundle.imageHash && sha256Of(bundle.image) === imageHash) return policy;
  throw new Stop(
    `the bundle's image is not what its policy compiles to here: ${bundle.imageHash} said, ${imageHash} found`,
    `it was made by faramesh ${visible(bundle.toolVersion)}; make it anew with the version that is installed here`,
  );
}

function writeOut(dir: string, bundle: OpenedBundle, key: PublicKey | null): readonly string[] {
  const { source, beside, imports, lock } = bundle;
  for (const [reference, copy] of imports) keepCopy(dir, reference, copy);
  for (const [path, bytes] of beside) {
    let folder = dir;
    for (const part of dirname(path)
      .split("/")
      .filter((one) => one !== ".")) {
      folder = join(folder, part);
      nodeDisk.makeDirectory(folder);
    }
    replaceProjectFile(join(dir, path), bytes);
  }
  writeLock(dir, lock);
  replaceProjectFile(join(dir, source.file), Buffer.from(source.text));
  if (key !== null) {
    nodeDisk.makeDirectory(join(dir, ".faramesh"));
    replaceFile(nodeDisk, join(dir, ".faramesh", pinnedKeyFile), Buffer.from(`${publicKeyText(key)}\n`));
  }
  return [source.file, ...beside.keys(), "governance.fms.lock", ...imports.keys()];
}
