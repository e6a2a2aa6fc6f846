// The units by which a host's service manager keeps a stack's daemon running: systemd user units, of which one holds the agents' socket,
// or a launchd agent. Pure: it says what the files are called and hold, and never writes or starts anything.
import { createHash } from "node:crypto";
import { basename, join } from "node:path";

export type ServiceManager = "systemd" | "launchd";

export interface ServiceWish {
  readonly manager: ServiceManager;
  /** The stack, absolute, links resolved. */
  readonly dir: string;
  /** The daemon's command, without the stack: interpreter, its options, script. */
  readonly command: readonly string[];
  readonly home: string;
  /** XDG_CONFIG_HOME, where it is set. */
  readonly configHome: string | undefined;
  /** Of the agents' socket, absolute. */
  readonly agentSocket: string;
  /** Absolute path of a file of variables, `NAME=value` a line; systemd alone has it. */
  readonly envFile?: string;
}

export interface Unit {
  readonly name: string;
  readonly path: string;
  readonly text: string;
}

export interface Service extends Unit {
  /** By which the manager holds the agents' socket while the daemon is down; null where it does not: launchd. */
  readonly socket: Unit | null;
  /** What the operator types to start it now and at each login, and to end that. */
  readonly start: readonly string[];
  readonly stop: readonly string[];
}

/** A path that no unit's syntax can carry. */
export class ServiceFailure extends Error {
  readonly code = "UNUSABLE_PATH";
}

/** Ends that starting again does not mend: wrong arguments, and a daemon that may not start (its log is broken, another runs). */
const finalExitCodes = [2, 4];
const restartSeconds = 2;
/** The daemon finishes what is in flight in a few seconds. */
const stopSeconds = 30;
const hashCharacters = 8;

/** Throws ServiceFailure. */
export function serviceOf(wish: ServiceWish): Service {
  for (const text of [wish.dir, ...wish.command, wish.envFile ?? "", wish.agentSocket]) {
    if (/\p{Cc}/u.test(text))
      throw new ServiceFailure(`a path with control characters cannot stand in a unit: ${text}`);
  }
  // systemd strips blanks at the end of a line, and reads a backslash there as a line that goes on.
  for (const text of [wish.envFile ?? "", wish.agentSocket]) {
    if (/[\s\\]$/u.test(text)) throw new ServiceFailure(`a path that ends so cannot stand in a unit: \`${text}\``);
  }
  return wish.manager === "systemd" ? systemd(wish) : launchd(wish);
}

/** One name for each stack of a user. */
function nameOf(dir: string): string {
  const slug = basename(dir)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const hash = createHash("sha256").update(dir).digest("hex").slice(0, hashCharacters);
  return slug === "" ? hash : `${slug}-${hash}`;
}

function systemd({ dir, command, home, configHome, envFile, agentSocket }: ServiceWish): Service {
  const stem = `faramesh-${nameOf(dir)}`;
  const name = `${stem}.service`;
  const folder = join(configHome || join(home, ".config"), "systemd", "user");
  const socket = socketUnit(`${stem}.socket`, folder, dir, agentSocket);
  const words = [...command, "--dir", dir, "--as-before"].map(quotedWord).join(" ");
  const lines = [
    "[Unit]",
    `Description=faramesh, the daemon of ${escapedSpecifiers(dir)}`,
    "",
    "[Service]",
    "Type=exec",
    `ExecStart=${words}`,
    ...(envFile === undefined ? [] : [`EnvironmentFile=${escapedSpecifiers(envFile)}`]),
    "Restart=on-failure",
    `RestartSec=${restartSeconds}`,
    `RestartPreventExitStatus=${finalExitCodes.join(" ")}`,
    `TimeoutStopSec=${stopSeconds}`,
    "UMask=0077",
    "NoNewPrivileges=yes",
    "",
    "[Install]",
    "WantedBy=default.target",
    "",
  ];
  return {
    name,
    path: join(folder, name),
    text: lines.join("\n"),
    socket,
    // The socket first: a daemon that started before it would have bound its own.
    start: [
      "systemctl --user daemon-reload",
      `systemctl --user enable --now ${socket.name}`,
      `systemctl --user enable --now ${name}`,
    ],
    stop: [`systemctl --user disable --now ${socket.name} ${name}`],
  };
}

/** systemd.socket(5). What comes while the daemon is down waits in it, and starts the service of the same name. */
function socketUnit(name: string, folder: string, dir: string, agentSocket: string): Unit {
  const lines = [
    "[Unit]",
    `Description=faramesh, the agents' socket of ${escapedSpecifiers(dir)}`,
    "",
    "[Socket]",
    `ListenStream=${escapedSpecifiers(agentSocket)}`,
    "FileDescriptorName=agent",
    "SocketMode=0600",
    "DirectoryMode=0700",
    "RemoveOnStop=yes",
    "",
    "[Install]",
    "WantedBy=sockets.target",
    "",
  ];
  return { name, path: join(folder, name), text: lines.join("\n") };
}

/** systemd.service(5), "Command lines": `%` begins a specifier, `$` a variable, quotes and backslashes are C's. */
function quotedWord(word: string): string {
  const escaped = escapedSpecifiers(word).replaceAll("$", "$$$$").replace(/["\\]/g, "\\$&");
  return `"${escaped}"`;
}

function escapedSpecifiers(text: string): string {
  return text.replaceAll("%", "%%");
}

function launchd({ dir, command, home }: ServiceWish): Service {
  const name = `dev.faramesh.${nameOf(dir)}`;
  const path = join(home, "Library", "LaunchAgents", `${name}.plist`);
  const words = [...command, "--dir", dir, "--as-before"];
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    "<dict>",
    `  <key>Label</key><string>${name}</string>`,
    "  <key>ProgramArguments</key>",
    "  <array>",
    ...words.map((word) => `    <string>${escapedXml(word)}</string>`),
    "  </array>",
    "  <key>RunAtLoad</key><true/>",
    // launchd knows no exit codes but success: a daemon that may not start is tried again, at its own pace.
    "  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>",
    `  <key>ExitTimeOut</key><integer>${stopSeconds}</integer>`,
    "  <key>Umask</key><integer>63</integer>",
    "</dict>",
    "</plist>",
    "",
  ];
  return {
    name,
    path,
    text: lines.join("\n"),
    socket: null,
    start: [`launchctl bootstrap gui/$(id -u) ${shellWord(path)}`],
    stop: [`launchctl bootout gui/$(id -u)/${name}`],
  };
}

function escapedXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
