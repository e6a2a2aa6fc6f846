// Whether this host can fence an agent in, and what is missing where it cannot. It tries the sandbox out and never guesses: a host
// that only seems able must not be taken for one that is.
import { isFilterArch } from "./seccomp.ts";

export type SandboxKind = "bubblewrap" | "seatbelt";

export type Availability =
  | { readonly ok: true; readonly kind: SandboxKind; readonly program: string }
  | { readonly ok: false; readonly missing: readonly string[] };

/** What is asked of the host. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
  exists(path: string): boolean;
  /** Runs a program to its end; null when it ended with 0, otherwise what it said. */
  tryOut(program: string, words: readonly string[]): string | null;
}

/** Never looked for in PATH, which an agent may have had a hand in. */
const bubblewrapPlaces = ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"] as const;
const seatbeltPlace = "/usr/bin/sandbox-exec";

const trial = [
  ...["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--disable-userns"],
  ...[
    "--cap-drop",
    "ALL",
    "--ro-bind",
    "/",
    "/",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",
    "--",
    "/bin/true",
  ],
];

export function sandboxOf(host: Host): Availability {
  if (host.platform === "linux") return onLinux(host);
  if (host.platform === "darwin") return onMacOS(host);
  return { ok: false, missing: [`there is no sandbox for ${host.platform}: Linux and macOS have one`] };
}

function onLinux(host: Host): Availability {
  const missing: string[] = [];
  if (!isFilterArch(host.arch))
    missing.push(`the filter of system calls is there for x64 and arm64, not for ${host.arch}`);
  const program = bubblewrapPlaces.find((path) => host.exists(path));
  if (program === undefined) {
    missing.push("bubblewrap 0.8 or later (bwrap): apt-get install bubblewrap");
    return { ok: false, missing };
  }
  const said = host.tryOut(program, trial);
  if (said !== null) missing.push(`bubblewrap cannot make a sandbox here: ${said}${hint(said)}`);
  return missing.length === 0 ? { ok: true, kind: "bubblewrap", program } : { ok: false, missing };
}

function hint(said: string): string {
  if (/unknown option/i.test(said)) return " (0.8 or later is needed)";
  return /namespace|uid map|permission|not permitted/i.test(said)
    ? " (user namespaces are switched off: see kernel.unprivileged_userns_clone, user.max_user_namespaces, and AppArmor's restriction of them)"
    : "";
}

function onMacOS(host: Host): Availability {
  if (!host.exists(seatbeltPlace)) return { ok: false, missing: [`${seatbeltPlace} is not there`] };
  const said = host.tryOut(seatbeltPlace, ["-p", "(version 1)(allow default)", "/usr/bin/true"]);
  if (said !== null) return { ok: false, missing: [`sandbox-exec cannot make a sandbox here: ${said}`] };
  return { ok: true, kind: "seatbelt", program: seatbeltPlace };
}
