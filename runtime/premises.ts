// Whether the places of a stack may be trusted with sockets, tokens and policies, and making those that are missing. It
// must never follow a link below `.faramesh/`, nor repair what somebody else has loosened.
import { lstatSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { hasErrorCode, nodeDisk } from "./disk.ts";
import { accountFiles, isPrivateGroup } from "./private-group.ts";
import type { SocketPlaces, StackPaths } from "./stack.ts";

export class PremisesFailure extends Error {
  readonly code = "UNSAFE_PLACE";
}

const writableByGroup = 0o020;
const writableByOthers = 0o002;
const sticky = 0o1000;

/** Checks the stack directory and all above it, then checks or makes `.faramesh/` and what is in it. Throws PremisesFailure. */
export function preparePlaces(paths: StackPaths): void {
  checkAncestors(realpathSync(paths.dir));
  for (const dir of [paths.faramesh, paths.policies, paths.keys, paths.runtime, paths.operatorDir]) ownDirectory(dir);
  for (const dir of [paths.policies, paths.keys, paths.runtime, paths.operatorDir]) {
    for (const name of nodeDisk.list(dir)) checkOwn(join(dir, name));
  }
}

/** The directory for sockets whose stack has too long a path. */
export function prepareShortDir(places: SocketPlaces): void {
  if (places.shortDir === null) return;
  const parent = dirname(places.shortDir);
  checkAncestors(realpathSync(dirname(parent)));
  ownDirectory(parent);
  ownDirectory(places.shortDir);
}

/** The directory of a socket placed by FARAMESH_SOCKET or `runtime { socket }`. */
export function checkSocketDir(path: string): void {
  checkAncestors(realpathSync(dirname(path)));
}

function ownDirectory(path: string): void {
  nodeDisk.makeDirectory(path);
  checkOwn(path);
}

/** Below `.faramesh/`: ours, no link, and nobody else may write. */
function checkOwn(path: string): void {
  let stats: ReturnType<typeof lstatSync>;
  try {
    stats = lstatSync(path);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return;
    throw error;
  }
  if (stats === undefined) return;
  if (stats.isSymbolicLink()) throw new PremisesFailure(`${path} is a symbolic link`);
  if (stats.isFile() && stats.nlink > 1) throw new PremisesFailure(`${path} has a second name (hard link)`);
  if (stats.uid !== ownUid()) throw new PremisesFailure(`${path} belongs to user ${stats.uid}, not to us`);
  if ((stats.mode & (writableByGroup | writableByOthers)) !== 0) {
    throw new PremisesFailure(`${path} can be written by others: chmod go-w it`);
  }
}

/** Each directory from `path` to the root belongs to root or to us; one that others may write is sticky. */
function checkAncestors(path: string): void {
  for (let at = path; ; at = dirname(at)) {
    const stats = statSync(at);
    if (stats.uid !== 0 && stats.uid !== ownUid()) {
      throw new PremisesFailure(`${at} belongs to user ${stats.uid}, neither to root nor to us`);
    }
    const byOthers = (stats.mode & writableByOthers) !== 0;
    // With umask 002 a folder is its owner's group's to write, and that group is mostly the owner alone.
    const byGroup = (stats.mode & writableByGroup) !== 0 && !isPrivateGroup(stats.gid, stats.uid, accountFiles());
    const isLoose = byOthers || byGroup;
    if (isLoose && (stats.mode & sticky) === 0) {
      throw new PremisesFailure(`${at} can be written by others: chmod go-w it`);
    }
    if (dirname(at) === at) return;
  }
}

function ownUid(): number {
  return process.getuid?.() ?? 0;
}
