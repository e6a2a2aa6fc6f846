// Opens a Unix socket that only its owner can use: checks what stands at the path, never follows or removes what is no
// socket, and gives way to a live peer.
import { chmodSync, lstatSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { hasErrorCode, nodeDisk } from "../disk.ts";

const socketMode = 0o600;
const maskOthers = 0o177;
const peerAnswerMs = 2000;

/** A socket that listens. */
export type Listening = Pick<Server, "close">;

export class ListenFailure extends Error {
  readonly code: "SOCKET_IN_USE" | "SOCKET_PLACE_TAKEN";
  constructor(code: ListenFailure["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Listens at `path`; connections beyond `connectionsMax` are closed at once. With `inherited`, the descriptor of a socket that others
 * bound there and that stays theirs. Throws ListenFailure.
 */
export async function listenAt(
  path: string,
  connectionsMax: number,
  onConnection: (socket: Socket) => void,
  inherited: number | null = null,
): Promise<Listening> {
  if (inherited === null) await clearStale(path);
  else if (!isSocketAt(path)) throw new ListenFailure("SOCKET_PLACE_TAKEN", `the socket handed over is not at ${path}`);
  const server = createServer({ allowHalfOpen: true }, onConnection);
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // Bound with the mask in place: there is no moment in which others could connect.
    const mask = process.umask(maskOthers);
    try {
      server.listen(inherited === null ? { path } : { fd: inherited }, () => {
        server.removeListener("error", reject);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
  chmodSync(path, socketMode);
  return server;
}

function isSocketAt(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}

/** Removes a socket that nobody listens on. */
async function clearStale(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket()) throw new ListenFailure("SOCKET_PLACE_TAKEN", `${path} exists and is not a socket`);
  if (await isAnswered(path)) throw new ListenFailure("SOCKET_IN_USE", `another process listens at ${path}`);
  nodeDisk.remove(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (answered: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answered);
    };
    // Whoever neither takes nor refuses a connection in this time is alive and busy.
    const timer = setTimeout(() => finish(true), peerAnswerMs);
    socket.once("connect", () => finish(true));
    socket.once("error", (error) => finish(!hasErrorCode(error, "ECONNREFUSED", "ENOENT")));
  });
}
