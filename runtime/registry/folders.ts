// Artifacts of registries as they lie on this machine: `<root>/<host>/<path>/<version>/pack.fms`, and files beside the policy.
// Each is read once, and those bytes are all that anybody looks at; nothing is fetched. Whether a copy is believed is trust's
// to say. What a registry gave is kept in `.faramesh/registry/`, and nothing else is ever written.
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { hasErrorCode, nodeDisk, readWhole, realPath, replaceFile } from "../disk.ts";
import { artifactFiles, artifactLimitBytes } from "./artifact-file.ts";
import { catalogLimitBytes, catalogPath, readCatalog } from "./catalog.ts";
import { signatureEnding, signatureLimitBytes } from "./signature.ts";
import { type Copy, isUnder, type Origin, placeOf } from "./trust.ts";

export interface NoArtifact {
  readonly reason: "unreachable" | "refused";
  readonly message: string;
  readonly help: string;
}

/** A text, with the copy that it is of. */
export type Artifact = { readonly text: string; readonly file: string; readonly copy: Copy } | NoArtifact;

export interface Root {
  /** Absolute. */
  readonly path: string;
  readonly origin: Origin;
  /** Of a folder that is a copy of a registry's files as they are served: the registry's name. */
  readonly registry: string | null;
}

/** First searched first: `$FARAMESH_REGISTRY_ROOT` where it is set, `packs/` of the stack, `.faramesh/registry/`. */
export function registryRoots(dir: string, env: { readonly [name: string]: string | undefined }): Root[] {
  const set = env.FARAMESH_REGISTRY_ROOT;
  const own: Root[] = [join(dir, "packs"), keptRoot(dir)].map((path) => ({ path, origin: "stack", registry: null }));
  if (set === undefined || set === "") return own;
  const path = resolve(dir, set);
  return [{ path, origin: "mirror", registry: mirroredRegistry(path) }, ...own];
}

function keptRoot(dir: string): string {
  return join(dir, ".faramesh", "registry");
}

/** Keeps what a registry gave, with its signature, so that the network is not asked again. */
export function keepCopy(dir: string, reference: string, { bytes, file, signature }: Copy): void {
  let folder = dir;
  const version = reference.slice(reference.indexOf("@") + 1);
  for (const part of [".faramesh", "registry", ...placeOf(reference).split("/"), version]) {
    folder = join(folder, part);
    nodeDisk.makeDirectory(folder);
  }
  // The text last: without it the folder counts as empty.
  if (signature !== null) replaceFile(nodeDisk, join(folder, file + signatureEnding), signature);
  replaceFile(nodeDisk, join(folder, file), bytes);
}

/** `host/path@1.2.3`, as the compiler names it, in the first of the roots that has it. */
export function readArtifact(reference: string, dir: string, roots: readonly Root[]): Artifact {
  const [place = "", version = ""] = reference.split("@");
  for (const { path: root, origin, registry } of roots) {
    const isMirrored = registry !== null && isUnder(place, registry);
    const folder = join(root, ...place.split("/").slice(isMirrored ? registry.split("/").length : 0), version);
    const names = listed(folder).filter((name) => artifactFiles.includes(name));
    const [name, other] = names;
    if (other !== undefined) {
      const message = `\`${reference}\` has ${names.join(" and ")}`;
      return { reason: "refused", message, help: `keep one of them in ${shown(folder, dir)}` };
    }
    if (name !== undefined) return readText(join(folder, name), { file: name, reference, dir, origin });
  }
  const looked = roots.map(({ path }) => `${shown(path, dir)}/`).join(", ");
  const example = `${shown(roots[0]?.path ?? "", dir)}/${place}/${version}/pack.fms`;
  return {
    reason: "unreachable",
    message: `no copy of \`${reference}\` is on this machine`,
    help: `looked in ${looked}; put it there as ${example}, or name its registry: FARAMESH_REGISTRY_URL=https://…`,
  };
}

/** The catalog only says which registry it is; what lies there is believed by its own signature. */
function mirroredRegistry(root: string): string | null {
  let bytes: Uint8Array;
  try {
    bytes = readWhole(nodeDisk, join(root, catalogPath), catalogLimitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR", "EINVAL", "ELOOP", "EFBIG", "EACCES", "EPERM")) return null;
    throw error;
  }
  const catalog = readCatalog(bytes);
  return "problem" in catalog ? null : catalog.registry;
}

/** A file of the policy's folder, named by its path in it. A link that leads out of the folder is refused. */
export function readBeside(path: string, dir: string): Artifact {
  const full = join(dir, ...path.split("/"));
  try {
    const real = realPath(full);
    if (!real.startsWith(realPath(dir) + sep)) {
      const message = `\`${path}\` leads out of the policy's folder`;
      return { reason: "refused", message, help: "put the file itself there instead of a link" };
    }
    return readText(real, { file: path.split("/").at(-1) ?? path, reference: path, dir, origin: null });
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT", "ENOTDIR")) throw error;
    return {
      reason: "unreachable",
      message: `there is no file \`${path}\``,
      help: "it is looked for beside the policy",
    };
  }
}

interface Wanted {
  readonly file: string;
  readonly reference: string;
  readonly dir: string;
  /** Null: a file beside the policy, which has no signature. */
  readonly origin: Origin | null;
}

function readText(path: string, { file, reference, dir, origin }: Wanted): Artifact {
  const refused = (what: string): Artifact => ({
    reason: "refused",
    message: `\`${reference}\` ${what}`,
    help: `see ${shown(path, dir)}`,
  });
  try {
    const bytes = readWhole(nodeDisk, path, artifactLimitBytes);
    const signature = origin === null ? null : readSignatureOf(path);
    const text = textOfBytes(bytes);
    return text === null
      ? refused("is not UTF-8 text")
      : { text, file, copy: { bytes, file, signature, origin: origin ?? "stack" } };
  } catch (error) {
    if (hasErrorCode(error, "ELOOP")) return refused("is a link, and links are not followed");
    if (hasErrorCode(error, "EINVAL")) return refused("is not a file");
    if (hasErrorCode(error, "EFBIG")) return refused("is larger than 4 MiB, or its signature larger than 4 KiB");
    if (hasErrorCode(error, "EACCES", "EPERM")) return refused("may not be read by this user");
    throw error;
  }
}

/** Null where the bytes are not UTF-8. */
export function textOfBytes(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function readSignatureOf(path: string): Uint8Array | null {
  try {
    return readWhole(nodeDisk, path + signatureEnding, signatureLimitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return null;
    throw error;
  }
}

function listed(folder: string): string[] {
  try {
    return nodeDisk.list(folder);
  } catch (error) {
    if (hasErrorCode(error, "ENOTDIR", "ENOENT")) return [];
    throw error;
  }
}

/** From the stack's folder where it lies in it. */
function shown(path: string, dir: string): string {
  const inside = relative(dir, path);
  return inside === "" || inside.startsWith("..") || isAbsolute(inside) ? path : inside.split(sep).join("/");
}
