// Artifacts of registries as they lie on this machine: `<root>/<host>/<path>/<version>/pack.fms`, and files beside the policy.
// Each is read once, and those bytes are all that anybody looks at; nothing is fetched and nothing is written.
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { hasErrorCode, nodeDisk, readWhole, realPath } from "../disk.ts";

/** What the compiler takes of one file. */
const fileLimitBytes = 4 * 1024 * 1024;
const endings = [".fms", ".fpl", ".fms.yaml", ".fms.yml", ".fms.json"];
/** Names of the one file of an artifact that is read, whatever lies beside it. */
export const artifactFiles: readonly string[] = ["pack", "policy", "framework", "provider"].flatMap((name) =>
  endings.map((ending) => name + ending),
);

export type Artifact =
  | { readonly text: string; readonly file: string }
  | { readonly reason: "unreachable" | "refused"; readonly message: string; readonly help: string };

/** Absolute, first searched first: `$FARAMESH_REGISTRY_ROOT` where it is set, `packs/` of the stack, `.faramesh/registry/`. */
export function registryRoots(dir: string, env: { readonly [name: string]: string | undefined }): string[] {
  const set = env.FARAMESH_REGISTRY_ROOT;
  const own = [join(dir, "packs"), join(dir, ".faramesh", "registry")];
  return set === undefined || set === "" ? own : [isAbsolute(set) ? set : resolve(dir, set), ...own];
}

/** `host/path@1.2.3`, as the compiler names it, in the first of the roots that has it. */
export function readArtifact(reference: string, dir: string, roots: readonly string[]): Artifact {
  const [place = "", version = ""] = reference.split("@");
  for (const root of roots) {
    const folder = join(root, ...place.split("/"), version);
    const names = listed(folder).filter((name) => artifactFiles.includes(name));
    const [name, other] = names;
    if (other !== undefined) {
      const message = `\`${reference}\` has ${names.join(" and ")}`;
      return { reason: "refused", message, help: `keep one of them in ${shown(folder, dir)}` };
    }
    if (name !== undefined) return readText(join(folder, name), name, reference, dir);
  }
  const looked = roots.map((root) => `${shown(root, dir)}/`).join(", ");
  const example = `${shown(roots[0] ?? "", dir)}/${place}/${version}/pack.fms`;
  return {
    reason: "unreachable",
    message: `no copy of \`${reference}\` is on this machine`,
    help: `looked in ${looked}; put it there as ${example} (registries are not asked over the network yet)`,
  };
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
    return readText(real, path.split("/").at(-1) ?? path, path, dir);
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT", "ENOTDIR")) throw error;
    return {
      reason: "unreachable",
      message: `there is no file \`${path}\``,
      help: "it is looked for beside the policy",
    };
  }
}

function readText(path: string, file: string, reference: string, dir: string): Artifact {
  const refused = (what: string): Artifact => ({
    reason: "refused",
    message: `\`${reference}\` ${what}`,
    help: `see ${shown(path, dir)}`,
  });
  try {
    const bytes = readWhole(nodeDisk, path, fileLimitBytes);
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), file };
  } catch (error) {
    if (error instanceof TypeError) return refused("is not UTF-8 text");
    if (hasErrorCode(error, "ELOOP")) return refused("is a link, and links are not followed");
    if (hasErrorCode(error, "EINVAL")) return refused("is not a file");
    if (hasErrorCode(error, "EFBIG")) return refused("is larger than 4 MiB");
    if (hasErrorCode(error, "EACCES", "EPERM")) return refused("may not be read by this user");
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
