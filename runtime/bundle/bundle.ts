// A bundle: a policy with everything it needs, as one file for a machine without a network. It holds the texts, the imports
// with their signatures, the lock and the image; `bundle.json` names each file with its digest and is signed. Opening one
// checks all of that and writes nothing.
//
// Files: bundle.json, bundle.json.sig, image/policy.image, policy/<the policy and files beside it, the lock>,
// imports/<host>/<path>/<version>/<file>[.sig]. bundle.json is JSON {"format": "faramesh.bundle/1", "tool_version",
// "policy": {"file", "policy_hash", "image_hash"}, "files": [{"name", "bytes", "sha256"}, …]}.

import type { SourceText } from "../doors/protocol.ts";
import { type Json, type JsonObject, parseJson } from "../json.ts";
import { textOfBytes } from "../registry/folders.ts";
import { type Lock, LockFailure, lockFileName, lockText, parseLock } from "../registry/lock-file.ts";
import { type Publisher, sha256Of, signatureEnding } from "../registry/signature.ts";
import { type Copy, placeOf } from "../registry/trust.ts";
import { readTar, type TarEntry, TarFailure, writeTar } from "./tar.ts";

const format = "faramesh.bundle/1";
const listName = "bundle.json";
const imageName = "image/policy.image";
/** What the signature of `bundle.json` is of. */
export const bundleSubject = "bundle";
const digest = /^[0-9a-f]{64}$/;

export interface BundleContent {
  readonly toolVersion: string;
  readonly policyHash: string;
  readonly imageHash: string;
  readonly image: Uint8Array;
  /** The policy's own text. */
  readonly source: SourceText;
  /** Files beside the policy, by their path from it. */
  readonly beside: ReadonlyMap<string, Uint8Array>;
  /** By reference. */
  readonly imports: ReadonlyMap<string, Copy>;
  readonly lock: Lock;
}

export interface OpenedBundle extends BundleContent {
  /** Of `bundle.json`, whose signature is still to be checked. */
  readonly list: Uint8Array;
  readonly signature: Uint8Array;
}

/** The bundle cannot be used. The message is a sentence without a subject. */
export class BundleFailure extends Error {
  readonly code = "BUNDLE_REFUSED";
}

/** The same content and key give the same bytes. Throws TarFailure for a name that no archive takes. */
export function writeBundle(content: BundleContent, publisher: Publisher): Buffer {
  const { source, beside, imports, lock, image, policyHash: policy_hash, imageHash: image_hash } = content;
  const entries: TarEntry[] = [
    { name: `policy/${source.file}`, bytes: Buffer.from(source.text) },
    { name: `policy/${lockFileName}`, bytes: Buffer.from(lockText(lock)) },
    { name: imageName, bytes: image },
    ...[...beside].map(([path, bytes]) => ({ name: `policy/${path}`, bytes })),
    ...[...imports].flatMap(([reference, copy]) => importEntries(reference, copy)),
  ];
  const files = entries
    .map(({ name, bytes }) => ({ name, bytes: bytes.length, sha256: sha256Of(bytes) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const described = {
    format,
    tool_version: content.toolVersion,
    policy: { file: source.file, policy_hash, image_hash },
    files,
  };
  const list = Buffer.from(`${JSON.stringify(described, null, 2)}\n`);
  return writeTar([
    ...entries,
    { name: listName, bytes: list },
    { name: listName + signatureEnding, bytes: publisher.sign(bundleSubject, list) },
  ]);
}

function importEntries(reference: string, { file, bytes, signature }: Copy): TarEntry[] {
  const version = reference.slice(reference.indexOf("@") + 1);
  const name = `imports/${placeOf(reference)}/${version}/${file}`;
  return signature === null
    ? [{ name, bytes }]
    : [
        { name, bytes },
        { name: name + signatureEnding, bytes: signature },
      ];
}

/** What is in a bundle, each file as `bundle.json` says. Throws BundleFailure, and nothing else, whatever the bytes. */
export function openBundle(bytes: Uint8Array): OpenedBundle {
  const files = filesOf(bytes);
  const list = taken(files, listName);
  const signature = taken(files, listName + signatureEnding);
  const { toolVersion, file, policyHash, imageHash } = checkList(list, files);
  const image = taken(files, imageName);
  const lock = lockIn(taken(files, `policy/${lockFileName}`));
  const text = textOfBytes(taken(files, `policy/${file}`));
  if (text === null) throw new BundleFailure("has a policy that is not UTF-8 text");
  const beside = new Map<string, Uint8Array>();
  const imports = new Map<string, Copy>();
  for (const [name, content] of files) {
    if (name.startsWith("policy/")) beside.set(name.slice("policy/".length), content);
    else if (name.startsWith("imports/") && !name.endsWith(signatureEnding)) addImport(imports, files, name, content);
    else if (!name.startsWith("imports/")) throw new BundleFailure(`has \`${name}\`, which nothing reads`);
  }
  for (const name of files.keys()) {
    if (name.endsWith(signatureEnding) && !files.has(name.slice(0, -signatureEnding.length)))
      throw new BundleFailure(`has \`${name}\`, which nothing reads`);
  }
  return { toolVersion, policyHash, imageHash, image, source: { file, text }, beside, imports, lock, list, signature };
}

function filesOf(bytes: Uint8Array): Map<string, Uint8Array> {
  try {
    return new Map(readTar(bytes).map((entry) => [entry.name, entry.bytes]));
  } catch (error) {
    if (error instanceof TarFailure) throw new BundleFailure(error.message);
    throw error;
  }
}

function taken(files: Map<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) throw new BundleFailure(`has no \`${name}\``);
  files.delete(name);
  return bytes;
}

function lockIn(bytes: Uint8Array): Lock {
  try {
    return parseLock(bytes);
  } catch (error) {
    if (error instanceof LockFailure)
      throw new BundleFailure(`has a ${lockFileName} that cannot be trusted: ${error.message}`);
    throw error;
  }
}

function addImport(
  imports: Map<string, Copy>,
  files: ReadonlyMap<string, Uint8Array>,
  name: string,
  bytes: Uint8Array,
): void {
  const [, place, version, file] = /^imports\/(.+)\/([^/]+)\/([^/]+)$/.exec(name) ?? [];
  if (place === undefined || version === undefined || file === undefined)
    throw new BundleFailure(`has \`${name}\`, which nothing reads`);
  const reference = `${place}@${version}`;
  if (imports.has(reference)) throw new BundleFailure(`has two files of \`${reference}\``);
  imports.set(reference, { bytes, file, signature: files.get(name + signatureEnding) ?? null, origin: "stack" });
}

/** Every file is named with its size and digest, and no other is there. */
function checkList(list: Uint8Array, files: ReadonlyMap<string, Uint8Array>) {
  const parsed = parseJson(list);
  const value = parsed.ok ? objectOf(parsed.value) : null;
  if (value === null) throw new BundleFailure(`has a ${listName} that is not JSON`);
  const { tool_version: toolVersion } = value;
  const { file, policy_hash: policyHash, image_hash: imageHash } = objectOf(value.policy) ?? {};
  if (value.format !== format) throw new BundleFailure(`is not of the format ${format}`);
  if (typeof toolVersion !== "string" || typeof file !== "string" || !/^governance\.[a-z.]{1,16}$/.test(file))
    throw new BundleFailure(`has a ${listName} that does not name its policy`);
  if (!isDigest(policyHash) || !isDigest(imageHash) || !Array.isArray(value.files))
    throw new BundleFailure(`has a ${listName} that does not say what is in it`);
  const named = new Set<string>();
  for (const one of value.files as readonly Json[]) {
    const { name, bytes: sizeBytes, sha256 } = objectOf(one) ?? {};
    const bytes = typeof name === "string" ? files.get(name) : undefined;
    if (typeof name !== "string" || bytes === undefined || named.has(name))
      throw new BundleFailure(`lacks a file that ${listName} names, or names it twice`);
    if (bytes.length !== sizeBytes || sha256Of(bytes) !== sha256)
      throw new BundleFailure(`has another \`${name}\` than ${listName} names`);
    named.add(name);
  }
  const other = [...files.keys()].find((name) => !named.has(name));
  if (other !== undefined) throw new BundleFailure(`has \`${other}\`, which ${listName} does not name`);
  return { toolVersion, file, policyHash, imageHash };
}

function isDigest(value: Json | undefined): value is string {
  return typeof value === "string" && digest.test(value);
}

function objectOf(value: Json | undefined): JsonObject | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}
