// `audit verify --replay`: what the decisions come out as when they are judged again, told to people and to programs. It judges
// nothing itself.
import { parseTime, systemClock } from "../runtime/clock.ts";
import { nodeDisk } from "../runtime/disk.ts";
import { listSegments } from "../runtime/log/segments.ts";
import type { VerifyReplayReport } from "../runtime/verify-replay.ts";
import { openProgress } from "./progress.ts";
import { countText, numberText, visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";

/** RFC 3339, UTC, microseconds. */
interface Span {
  readonly from?: string;
  readonly to?: string;
}

/** Progress is shown so many decisions apart. */
const shownDecisions = 1024;

export async function judgeAgain(
  io: Terminal,
  walDir: string,
  policiesDir: string,
  { from, to }: Span,
): Promise<VerifyReplayReport> {
  const { verifyReplay } = await import("../runtime/verify-replay.ts");
  const progress = await openProgress(io, "judging again");
  const begunUs = systemClock.now().wallUs;
  const before = new Map<string, number>();
  let totalBytes = 0;
  for (const { name, sizeBytes } of listSegments(nodeDisk, walDir)) {
    before.set(name, totalBytes);
    totalBytes += sizeBytes;
  }
  const [fromUs, toUs] = [from, to].map((text) => (text === undefined ? undefined : parseTime(text)));
  try {
    return await verifyReplay({
      walDir,
      policiesDir,
      ...(fromUs === undefined ? {} : { fromUs }),
      ...(toUs === undefined ? {} : { toUs }),
      onProgress: (decisions, { segment, offset }) => {
        if (decisions % shownDecisions !== 0) return;
        const seconds = (systemClock.now().wallUs - begunUs) / 1_000_000;
        const speed = seconds > 0 ? `, ${numberText(Math.round(decisions / seconds))} a second` : "";
        progress.update((before.get(segment) ?? 0) + offset, totalBytes, countText(decisions, "decision") + speed);
      },
    });
  } finally {
    progress.stop();
  }
}

/** Nothing came out otherwise, and nothing kept it from being judged. */
export function holdsAgain({ mismatched, stopped }: VerifyReplayReport): boolean {
  return mismatched === 0 && stopped === null;
}

export function replayView(report: VerifyReplayReport): object {
  const { decisions, matched, mismatched, notReplayable, notJudged, first, stopped, fromSeq } = report;
  return {
    decisions,
    matched,
    mismatched,
    not_replayable: notReplayable,
    not_judged: notJudged,
    first,
    stopped,
    state_from_seq: fromSeq,
  };
}

export function tellReplay(io: Terminal, report: VerifyReplayReport): void {
  const { decisions, matched, mismatched, notReplayable, notJudged, first, stopped } = report;
  const mark = holdsAgain(report) ? io.paint.green("✓") : io.paint.red("✗");
  io.line(`${mark} ${countText(decisions, "decision")} judged again: ${numberText(matched)} came out as recorded`);
  if (mismatched > 0) io.line(`  ${io.paint.red(`${numberText(mismatched)} came out otherwise`)}`);
  if (first !== null) {
    const { file, offset, seq, id, field, expected, found } = first;
    io.line(`  file ${visible(file)}, offset ${offset}, seq ${seq}${id === null ? "" : `, ${visible(id)}`}`);
    io.line(`  field ${field}`);
    io.line(`  expected ${visible(expected)}`);
    io.line(`  found    ${visible(found)}`);
  }
  if (notReplayable > 0)
    io.line(`  not replayable: ${countText(notReplayable, "decision")}, of which the log did not keep what was read`);
  if (notJudged > 0) io.line(`  not the policy's: ${countText(notJudged, "decision")}`);
  if (stopped !== null) io.line(`  ${io.paint.red(`not judged behind ${visible(stopped)}`)}`);
}
