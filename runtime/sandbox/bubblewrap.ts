// A plan in the words of bubblewrap: its own namespaces of processes, users, network and mounts, and of the file system only what is
// listed here. Pure. What is not listed must not be there.
import { dirname, join } from "node:path";
import type { PlannedProxy, SandboxPlan } from "./plan.ts";

/** Programs and libraries. The system's other folders (/run, /var, /home, /srv …) hold sockets and secrets, and are not there. */
const systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix/store"] as const;

/** Of those, what is nobody's but the system's: an agent that runs as root could read it. */
const systemSecrets = ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers"] as const;
const systemSecretFolders = ["/etc/ssl/private", "/etc/ssh", "/etc/sudoers.d"] as const;

/** Inside: what carries connections to the proxy's socket, what runs that, and the port where it takes them. */
export const bridgePlaces = { node: "/run/faramesh/node", file: "/run/faramesh/bridge.cjs" } as const;
export const bridgePort = 3128;

function proxied({ socket, bridge }: PlannedProxy): readonly string[] {
  const { node, file } = bridgePlaces;
  return [
    ...["--dir", dirname(socket), "--ro-bind", socket, socket],
    ...["--ro-bind", process.execPath, node, "--ro-bind", bridge, file],
  ];
}

/** The descriptor on which bubblewrap reads the filter of system calls. */
export const filterDescriptor = 3;

/** `exists`: whether the host has that path; what it has not cannot be covered. Arguments up to and with the `--`. */
export function bubblewrapArguments(plan: SandboxPlan, exists: (path: string) => boolean): string[] {
  const faramesh = join(plan.stackDir, ".faramesh");
  return [
    ...["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    // Inside, no further user namespace: none in which an agent would be root.
    ...["--disable-userns", "--cap-drop", "ALL", "--die-with-parent"],
    ...["--seccomp", String(filterDescriptor)],
    ...systemFolders.flatMap((folder) => ["--ro-bind-try", folder, folder]),
    ...systemSecrets.filter(exists).flatMap((file) => ["--ro-bind", "/dev/null", file]),
    ...systemSecretFolders.filter(exists).flatMap((folder) => ["--tmpfs", folder]),
    ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/var/tmp"],
    ...["--tmpfs", plan.home],
    ...plan.reads.flatMap((folder) => ["--ro-bind", folder, folder]),
    ...["--ro-bind", plan.stackDir, plan.stackDir],
    // Behind the stack: these lie over what it shows.
    ...["--tmpfs", faramesh],
    ...(exists(plan.walDir) ? ["--tmpfs", plan.walDir] : []),
    ...plan.writes.flatMap((folder) => ["--bind", folder, folder]),
    ...["--dir", dirname(plan.socket), "--ro-bind", plan.socket, plan.socket],
    ...(plan.proxy === null ? [] : proxied(plan.proxy)),
    ...["--remount-ro", faramesh],
    ...["--chdir", plan.workingDir, "--"],
  ];
}
