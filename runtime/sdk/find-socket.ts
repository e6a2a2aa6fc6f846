// Finds the daemon's agent socket: as told, by FARAMESH_SOCKET, or from the working directory upwards. It must never
// take a stack that somebody else could have put in the way: whoever answers there decides what an agent may do.
import { builtin } from "./builtin.ts";
import { TransportFailure } from "./transport.ts";

/** Folders looked at on the way up. */
const levelsMax = 64;
/** Size of daemon.json, bytes. */
const fileMaxBytes = 64 * 1024;

export interface FoundSocket {
  readonly path: string;
  /** Where the path comes from, for messages. */
  readonly source: string;
}

/** Rejects with TransportFailure DAEMON_UNREACHABLE, saying what to do, when there is none. */
export async function findSocket(given: string | undefined): Promise<FoundSocket> {
  if (given !== undefined) return { path: given, source: "option `path`" };
  const environment = globalThis.process?.env.FARAMESH_SOCKET;
  if (environment !== undefined && environment !== "") return { path: environment, source: "FARAMESH_SOCKET" };
  const { dirname, join } = await builtin("node:path");
  let folder = globalThis.process?.cwd() ?? "/";
  const first = folder;
  for (let level = 0; level < levelsMax; level++) {
    const found = await stackSocket(folder, join);
    if (found !== undefined) return { path: found, source: `the stack in ${folder}` };
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  throw new TransportFailure(
    "DAEMON_UNREACHABLE",
    `no running stack in ${first} or above it; start one with \`faramesh apply\` in the folder of governance.fms, or set FARAMESH_SOCKET`,
  );
}

type Join = (...parts: string[]) => string;

async function stackSocket(folder: string, join: Join): Promise<string | undefined> {
  const { lstat, readFile, realpath } = await builtin("node:fs/promises");
  const status = (path: string) => lstat(path).catch(() => undefined);
  const state = await status(join(folder, ".faramesh"));
  if (state === undefined) return undefined;
  const above = await lstat(folder);
  // In a shared folder such as /tmp anybody can make a `.faramesh`: its owner must be us, root, or the folder's owner.
  const owners = [process.getuid?.() ?? state.uid, 0, above.uid];
  if (!state.isDirectory() || !owners.includes(state.uid) || (state.mode & 0o022) !== 0) {
    const message = `${join(folder, ".faramesh")} is a link, another user's, or writable for others; it is not used`;
    throw new TransportFailure("DAEMON_UNREACHABLE", message);
  }
  const runtime = join(folder, ".faramesh", "runtime");
  const described = await status(join(runtime, "daemon.json"));
  if (described?.isFile() && described.size <= fileMaxBytes) {
    const socket = socketMember(await readFile(join(runtime, "daemon.json"), "utf8"), await realpath(folder));
    if (socket !== undefined) return socket;
  }
  const usual = join(runtime, "faramesh.sock");
  return (await status(usual))?.isSocket() ? usual : undefined;
}

/** What a daemon.json names; nothing where it came to `folder` with a copy, for the original's daemon has other rules. */
function socketMember(text: string, folder: string): string | undefined {
  try {
    const { socket, dir = folder } = JSON.parse(text) as { socket?: unknown; dir?: unknown };
    if (dir !== folder) return undefined;
    return typeof socket === "string" && socket.startsWith("/") ? socket : undefined;
  } catch {
    return undefined;
  }
}
