// Where the files of a stack lie. Pure: it names paths and never opens, makes or checks any.
import { createHash } from "node:crypto";
import { isAbsolute, join, resolve } from "node:path";

/** The longest path that a Unix socket address takes on every platform we run on; Node cuts longer ones silently. */
export const socketPathMaxBytes = 107;

export interface StackPaths {
  /** The stack directory, absolute. */
  readonly dir: string;
  readonly faramesh: string;
  /** Applied images, `<image_hash>.fmb`. */
  readonly policies: string;
  /** Private keys of the log, mode 0600. */
  readonly keys: string;
  /** Public keys of the log, to be committed. */
  readonly verifierKeys: string;
  readonly runtime: string;
  readonly operatorDir: string;
  readonly agentSocket: string;
  readonly operatorSocket: string;
  /** 64 hex characters, mode 0600. */
  readonly tokenFile: string;
  readonly pidFile: string;
  /** A `DaemonFile`: where the running daemon's sockets are. */
  readonly daemonFile: string;
  readonly daemonLog: string;
  /** Alerts that wait to be delivered. */
  readonly alertsFile: string;
  /** How far each sink has come. */
  readonly sinks: string;
  /** Starts an agent fenced in; `apply` writes it. */
  readonly agentScript: string;
  /** What agents write that the daemon runs, a file each. */
  readonly agentOutput: string;
  /** Where the log lies unless `runtime { wal_dir }` says otherwise. */
  readonly defaultWalDir: string;
}

/** What `runtime/daemon.json` holds, written at start, at each change of state and at the end. */
export interface DaemonFile {
  readonly pid: number;
  readonly state: DaemonState;
  /** Absolute paths, which may lie outside the stack where the stack's own path is too long. */
  readonly socket: string;
  readonly operator_socket: string;
  readonly wal_dir: string;
  /** Absent in the files of older versions. */
  readonly durability?: string;
  /** RFC 3339. */
  readonly started_at: string;
  /** The stack directory, links resolved: in a copy or a stack that was moved it is another one. */
  readonly dir: string;
  /** Address of the HTTP door; absent without one. */
  readonly http?: string;
}

export type DaemonState = "STARTING" | "INITIALIZING" | "READY" | "DRAINING" | "HALT";

/** The paths of the stack at `dir` (made absolute against the working directory). */
export function stackPaths(dir: string): StackPaths {
  const root = resolve(dir);
  const faramesh = join(root, ".faramesh");
  const runtime = join(faramesh, "runtime");
  const operatorDir = join(runtime, "operator");
  return {
    dir: root,
    faramesh,
    policies: join(faramesh, "policies"),
    keys: join(faramesh, "keys"),
    verifierKeys: join(root, "faramesh.vkey"),
    runtime,
    operatorDir,
    agentSocket: join(runtime, "faramesh.sock"),
    operatorSocket: join(operatorDir, "operator.sock"),
    tokenFile: join(operatorDir, "token"),
    pidFile: join(runtime, "daemon.pid"),
    daemonFile: join(runtime, "daemon.json"),
    daemonLog: join(runtime, "daemon.log"),
    alertsFile: join(runtime, "alerts.json"),
    sinks: join(faramesh, "sinks"),
    agentScript: join(faramesh, "bin", "agent"),
    agentOutput: join(runtime, "agents"),
    defaultWalDir: join(root, "faramesh-wal"),
  };
}

/** The directory of the log: `configured` (from `runtime { wal_dir }`) against the stack directory, or the default. */
export function walDirOf(paths: StackPaths, configured: string | null | undefined): string {
  if (configured === null || configured === undefined || configured === "") return paths.defaultWalDir;
  return isAbsolute(configured) ? configured : join(paths.dir, configured);
}

/** Shorter than the agents' socket and the operator's beside it: it fits where they do. */
const proxyName = "proxy.sock";

export interface SocketPlaces {
  readonly agent: string;
  readonly operator: string;
  /** Of the proxy, for agents in a sandbox. */
  readonly proxy: string;
  /** Set where the stack's own path is too long: a directory to be made with mode 0700, its owner checked. */
  readonly shortDir: string | null;
}

export class SocketPathFailure extends Error {
  readonly code = "SOCKET_PATH_TOO_LONG";
}

/**
 * Where the two sockets go. `configured` is `runtime { socket }`; the environment's FARAMESH_SOCKET outranks it. A path of
 * more than 107 bytes moves to `$XDG_RUNTIME_DIR/faramesh/<hash of the stack's path>/`. Throws SocketPathFailure when there is none.
 */
export function socketPlaces(
  paths: StackPaths,
  env: { readonly [name: string]: string | undefined },
  configured?: string | null,
): SocketPlaces {
  const override = env.FARAMESH_SOCKET || configured || "";
  const agent = override === "" ? paths.agentSocket : resolve(paths.dir, override);
  const fits = (path: string): boolean => Buffer.byteLength(path) <= socketPathMaxBytes;
  if (override !== "" && !fits(agent)) throw tooLong(agent);
  if (fits(agent) && fits(paths.operatorSocket)) {
    return { agent, operator: paths.operatorSocket, proxy: join(paths.runtime, proxyName), shortDir: null };
  }
  const base = env.XDG_RUNTIME_DIR;
  if (!base) throw tooLong(fits(agent) ? paths.operatorSocket : agent);
  const name = createHash("sha256").update(paths.dir).digest("hex").slice(0, 16);
  const shortDir = join(base, "faramesh", name);
  const places = {
    agent: override === "" ? join(shortDir, "faramesh.sock") : agent,
    operator: join(shortDir, "operator.sock"),
    proxy: join(shortDir, proxyName),
    shortDir,
  };
  for (const path of [places.agent, places.operator]) if (!fits(path)) throw tooLong(path);
  return places;
}

function tooLong(path: string): SocketPathFailure {
  return new SocketPathFailure(
    `socket path ${path} has ${Buffer.byteLength(path)} bytes; ${socketPathMaxBytes} fit. Set XDG_RUNTIME_DIR or FARAMESH_SOCKET to a shorter one`,
  );
}
