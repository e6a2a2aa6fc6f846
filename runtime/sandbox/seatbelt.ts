// A plan in the words of macOS' sandbox-exec: everything is denied but what is listed. Pure. Paths must never end a text of the
// profile, which is why they are quoted here and nowhere else. Source of the language: sandbox-exec(1) and the profiles in
// /System/Library/Sandbox/Profiles.
import { join } from "node:path";
import type { SandboxPlan } from "./plan.ts";

const systemFolders = [
  "/usr",
  "/bin",
  "/sbin",
  "/System",
  "/Library/Frameworks",
  "/opt",
  "/private/etc",
  "/dev",
] as const;

/** The profile's text, for `sandbox-exec -p`. `temporary`: a folder of the agent's own. */
export function seatbeltProfile(plan: SandboxPlan, temporary: string): string {
  const reads = [...systemFolders, plan.stackDir, ...plan.reads, ...plan.writes, temporary];
  const writes = [...plan.writes, temporary];
  const hidden = [join(plan.stackDir, ".faramesh"), plan.walDir, "/private/etc/master.passwd", "/private/etc/ssh"];
  return [
    "(version 1)",
    "(deny default)",
    "(allow process-fork)",
    "(allow process-exec)",
    "(allow signal (target same-sandbox))",
    "(allow process-info* (target same-sandbox))",
    "(allow sysctl-read)",
    "(allow file-read-metadata)",
    `(allow file-read* ${subpaths(reads)})`,
    `(allow file-write* ${subpaths(writes)} (literal "/dev/null") (literal "/dev/tty"))`,
    // The last rule that fits counts.
    `(deny file-read* file-write* ${subpaths(hidden)})`,
    "(deny network*)",
    `(allow network-outbound (remote unix-socket (path-literal ${quoted(plan.socket)})))`,
    `(allow file-read* file-write* (literal ${quoted(plan.socket)}))`,
    ...(plan.proxy === null ? [] : [`(allow network-outbound (remote tcp "localhost:${portOf(plan.proxy.address)}"))`]),
    "",
  ].join("\n");
}

function portOf(address: string): number {
  return Number(new URL(address).port);
}

function subpaths(folders: readonly string[]): string {
  return folders.map((folder) => `(subpath ${quoted(folder)})`).join(" ");
}

function quoted(path: string): string {
  if (/[\0-\x1f\x7f]/.test(path)) throw new TypeError("a path with control characters cannot stand in a profile");
  return `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
