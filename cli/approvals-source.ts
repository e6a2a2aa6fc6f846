// Where a command that only reads approvals has them from: the daemon where one runs, else the log, taken record by
// record as a daemon that starts takes them. It never resolves one.
import { Approvals, viewOf } from "../runtime/approvals.ts";
import { parseTime, systemClock } from "../runtime/clock.ts";
import { askOperator, NotRunning } from "../runtime/doors/client.ts";
import type { ApprovalStatus, ApprovalView } from "../runtime/doors/views.ts";
import { readRecords } from "../runtime/log/read.ts";
import type { Terminal } from "./terminal.ts";
import { holdsLog, walDirFor } from "./wal.ts";

export interface ApprovalsWanted {
  readonly status?: ApprovalStatus;
  readonly agent_id?: string;
}

/** In order of opening. Says on standard error when no daemon runs. Throws NotRunning without a daemon and a log, LogFailure. */
export async function readApprovals(
  dir: string,
  io: Terminal,
  wanted: ApprovalsWanted = {},
): Promise<readonly ApprovalView[]> {
  try {
    return (await askOperator(dir, "approvals_list", wanted)).approvals;
  } catch (error) {
    // Without a log either there is nothing to read: then the daemon is what is missing.
    if (!(error instanceof NotRunning) || !holdsLog(await walDirFor(dir, io.env))) throw error;
  }
  const known = new Approvals();
  for await (const { value } of readRecords(await walDirFor(dir, io.env))) {
    const timeUs = typeof value.time === "string" ? parseTime(value.time) : undefined;
    if (timeUs === undefined) continue;
    if (value.type === "approval") known.take(value, timeUs);
    else if (value.code === "APPROVAL_DENIED" && typeof value.approval_id === "string")
      known.takeToldDenial(value.approval_id);
  }
  io.note("no daemon runs: read from the log; to decide, start it with: faramesh apply");
  const nowUs = systemClock.now().wallUs;
  const { status, agent_id } = wanted;
  return known
    .list()
    .map((one) => viewOf(one, nowUs))
    .filter((one) => status === undefined || one.status === status)
    .filter((one) => agent_id === undefined || one.agent_id === agent_id);
}
