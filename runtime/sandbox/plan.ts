// What an agent's processes may see and do, before it is put into the words of one system's sandbox. Pure. The folders of a plan are
// checked here: none may open what the operator keeps.
import { resolve, sep } from "node:path";

/** The way out that the daemon judges. */
export interface PlannedProxy {
  /** Where it listens for agents that have no network. */
  readonly socket: string;
  /** `http://127.0.0.1:8888`. */
  readonly address: string;
  /** The file that carries connections to the socket, inside. */
  readonly bridge: string;
  readonly agentId: string;
  readonly token: string;
}

export interface SandboxPlan {
  /** The stack's folder, links resolved: read-only inside. */
  readonly stackDir: string;
  /** The agents' socket, the one thing of the daemon that is there. */
  readonly socket: string;
  /** The log's folder, which is not shown. */
  readonly walDir: string;
  /** More folders to read, and folders to write in; absolute, links resolved. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** Null: no way out. */
  readonly proxy: PlannedProxy | null;
  readonly home: string;
  readonly workingDir: string;
}

export class PlanFailure extends Error {
  readonly code = "SANDBOX_PLAN";
}

/** Throws PlanFailure where a folder would show or open what the operator keeps. */
export function checkPlan(plan: SandboxPlan): void {
  const kept = [`${plan.stackDir}${sep}.faramesh`, plan.walDir];
  for (const folder of plan.writes) {
    if (holds(folder, plan.stackDir)) throw new PlanFailure(`--write ${folder} would open the stack itself`);
  }
  for (const folder of [...plan.writes, ...plan.reads]) {
    if (folder === "/") throw new PlanFailure("the whole file system cannot be given to a sandbox");
    for (const secret of kept) {
      if (holds(secret, folder) || (folder !== plan.stackDir && holds(folder, secret))) {
        throw new PlanFailure(`${folder} would show ${secret}, which is the operator's`);
      }
    }
    const sockets = ["/run", "/var/run", "/proc", "/sys", "/dev"];
    const open = sockets.find((place) => holds(place, folder) || holds(folder, place));
    if (open !== undefined)
      throw new PlanFailure(`${folder} would show ${open}, with other programs' sockets and devices`);
  }
}

/** Whether `inner` is `outer` or lies in it. */
export function holds(outer: string, inner: string): boolean {
  const [one, other] = [resolve(outer), resolve(inner)];
  return one === other || other.startsWith(one === sep ? sep : `${one}${sep}`);
}
