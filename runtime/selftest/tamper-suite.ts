// Every tampering with a log, each looked at by the same verification as `audit verify`: all must be found. The log on disk is never
// changed.
import { type Disk, readWhole } from "../disk.ts";
import type { VerifierKey } from "../log/note.ts";
import { listSegments } from "../log/segments.ts";
import type { Anchor } from "../log/tree-fault.ts";
import { verifyLog } from "../log/verify.ts";
import { overlaid } from "./overlay.ts";
import { Findings, type OnProgress, type Outcome } from "./suites.ts";
import { type Segment, type Strides, tamperings } from "./tampers.ts";

export interface TamperOptions {
  readonly disk: Disk;
  readonly walDir: string;
  readonly pinned: readonly VerifierKey[] | null;
  readonly against?: readonly Anchor[];
  readonly strides: Strides;
  readonly onProgress?: OnProgress;
}

/** How often progress is told, and other work gets its turn. */
const turn = 64;

export async function tamperSuite({
  disk,
  walDir,
  pinned,
  against,
  strides,
  onProgress,
}: TamperOptions): Promise<Outcome> {
  const segments = listSegments(disk, walDir).map(({ name, path, sizeBytes }): Segment => {
    return { name, bytes: Buffer.from(readWhole(disk, path, sizeBytes)) };
  });
  const options = { pinned, ...(against === undefined ? {} : { against }) };
  const findings = new Findings();
  const honest = await verifyLog(walDir, { disk, ...options });
  if (!honest.ok)
    findings.add(`the log as it was written is said to be wrong: ${honest.fault?.message ?? "no reason"}`);
  const total = estimate(segments, strides);
  let runs = 0;
  for (const { kind, where, changes } of tamperings(segments, strides)) {
    const report = await verifyLog(walDir, { disk: overlaid(disk, walDir, changes), ...options });
    if (report.ok) findings.add(`${kind} at ${where} was not found`);
    if (++runs % turn === 0) onProgress?.(runs, Math.max(total, runs));
  }
  const records = honest.records;
  return { runs, findings: findings.list, told: `${records} records in ${segments.length} segments` };
}

function estimate(segments: readonly Segment[], { flips, shifts }: Strides): number {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes.length, 0);
  return Math.ceil(bytes * (1 / flips + 2 / shifts));
}
