// The daemon as a process: reads its arguments, runs one daemon, ends with its exit code. The only place of the runtime
// that ends the process.
import { parseArgs } from "node:util";
import type { Daemon, Durability } from "./daemon.ts";
import { readDaemonFile } from "./doors/client.ts";
import type { HttpWords } from "./fixed-settings.ts";
import { reopenJournal } from "./journal.ts";
import { stackPaths } from "./stack.ts";
import { StartFailure, startDaemon } from "./start-daemon.ts";

const exitUsage = 2;
const exitNotStarted = 4;
const durabilities: readonly Durability[] = ["group", "each", "async"];

interface Arguments {
  readonly dir: string;
  readonly walDir?: string;
  readonly socket?: string;
  readonly durability?: Durability;
  readonly http?: HttpWords;
  readonly dev: boolean;
}

function readArguments(list: readonly string[]): Arguments | string {
  let values: {
    dir?: string;
    "wal-dir"?: string;
    socket?: string;
    durability?: string;
    "http-listen"?: string;
    "tls-cert-file"?: string;
    "tls-key-file"?: string;
    dev?: boolean;
    "as-before"?: boolean;
  };
  try {
    ({ values } = parseArgs({
      args: [...list],
      options: {
        dir: { type: "string" },
        "wal-dir": { type: "string" },
        socket: { type: "string" },
        durability: { type: "string" },
        "http-listen": { type: "string" },
        "tls-cert-file": { type: "string" },
        "tls-key-file": { type: "string" },
        dev: { type: "boolean" },
        "as-before": { type: "boolean" },
      },
    }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { dir, socket, durability } = values;
  if (dir === undefined) return "--dir DIR is missing";
  if (values["as-before"] === true) return asBefore(dir);
  const known = durabilities.find((name) => name === durability);
  if (durability !== undefined && known === undefined) return `--durability is one of ${durabilities.join(", ")}`;
  const walDir = values["wal-dir"];
  const listen = values["http-listen"];
  const http = { listen: listen || null, cert: values["tls-cert-file"] || null, key: values["tls-key-file"] || null };
  return {
    dir,
    dev: values.dev ?? false,
    ...(walDir === undefined ? {} : { walDir }),
    ...(socket === undefined ? {} : { socket }),
    ...(known === undefined ? {} : { durability: known }),
    ...(listen === undefined ? {} : { http }),
  };
}

/** With the log, socket and durability of the stack's last daemon: a service manager knows no policy that could name them. */
function asBefore(dir: string): Arguments | string {
  const last = readDaemonFile(stackPaths(dir));
  if (last === null) return `no daemon has run in ${dir} yet: faramesh apply`;
  const durability = durabilities.find((name) => name === last.durability);
  return {
    dir,
    dev: false,
    walDir: last.wal_dir,
    socket: last.socket,
    ...(durability === undefined ? {} : { durability }),
  };
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

function guard(daemon: Daemon): void {
  process.on("SIGTERM", () => daemon.beginStop());
  process.on("SIGINT", () => daemon.beginStop());
  // A terminal that closes is no reason to end.
  process.on("SIGHUP", () => {
    reopenJournal(daemon.journal);
    daemon.journal.info("opened anew");
  });
  // Whoever started us may be gone, and our standard error with it.
  process.stderr.on("error", () => {});
  const onBug = (error: unknown): void => {
    daemon.journal.fatal({ err: error }, "a fault of ours");
    void daemon.halt("a fault of ours");
  };
  process.on("uncaughtException", onBug);
  process.on("unhandledRejection", onBug);
}

const read = readArguments(process.argv.slice(2));
if (typeof read === "string") {
  complain(read);
  process.exit(exitUsage);
}
try {
  const daemon = await startDaemon(read);
  guard(daemon);
  const { exitCode } = await daemon.ended;
  process.exit(exitCode);
} catch (error) {
  complain(error instanceof StartFailure ? `${error.code}: ${error.message}` : String(error));
  process.exit(exitNotStarted);
}
