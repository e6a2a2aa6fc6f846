// Every tampering with a log, each looked at by the same verification as `audit verify`: all must be found. The log on disk is never
// changed.
import { join } from "node:path";
import { type Disk, readWhole } from "../disk.ts";
import { parseCheckpoint } from "../log/checkpoint.ts";
import { parseNote, type VerifierKey } from "../log/note.ts";
import { checkpointFileName, listSegments } from "../log/segments.ts";
import { fullTiles, partialTiles, tilePath } from "../log/tiles.ts";
import type { Anchor } from "../log/tree-fault.ts";
import { verifyLog } from "../log/verify.ts";
import { overlaid } from "./overlay.ts";
import { Findings, type OnProgress, type Outcome } from "./suites.ts";
import { type LogFile, type Strides, tamperings } from "./tampers.ts";

export interface TamperOptions {
  readonly disk: Disk;
  readonly walDir: string;
  readonly pinned: readonly VerifierKey[] | null;
  readonly against?: readonly Anchor[];
  readonly strides: Strides;
  /** Of so many equal parts only one, from 1. */
  readonly shard?: { readonly at: number; readonly of: number };
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
  shard = { at: 1, of: 1 },
  onProgress,
}: TamperOptions): Promise<Outcome> {
  const segments = listSegments(disk, walDir).map(({ name }) => fileOf(disk, walDir, name));
  const beside = filesBeside(disk, walDir);
  const options = { pinned, ...(against === undefined ? {} : { against }) };
  const findings = new Findings();
  const honest = await verifyLog(walDir, { disk, ...options });
  if (!honest.ok)
    findings.add(`the log as it was written is said to be wrong: ${honest.fault?.message ?? "no reason"}`);
  const total = estimate([...segments, ...beside], strides) / shard.of;
  let number = 0;
  let runs = 0;
  for (const { kind, where, changes } of tamperings({ segments, beside }, strides)) {
    if (number++ % shard.of !== shard.at - 1) continue;
    const report = await verifyLog(walDir, { disk: overlaid(disk, walDir, changes), ...options });
    if (report.ok) findings.add(`${kind} at ${where} was not found`);
    if (++runs % turn === 0) onProgress?.(runs, Math.max(total, runs));
  }
  const records = honest.records;
  return { runs, findings: findings.list, told: `${records} records in ${segments.length} segments` };
}

function fileOf(disk: Disk, walDir: string, name: string): LogFile {
  const path = join(walDir, name);
  return { name, bytes: Buffer.from(readWhole(disk, path, disk.identity(path)?.sizeBytes ?? 0)) };
}

/** The checkpoint and the tiles under it; those that stood for tiles that have grown since prove nothing any more. */
function filesBeside(disk: Disk, walDir: string): readonly LogFile[] {
  if (disk.identity(join(walDir, checkpointFileName)) === null) return [];
  const checkpoint = fileOf(disk, walDir, checkpointFileName);
  const size = parseCheckpoint(parseNote(checkpoint.bytes)?.text ?? "")?.size ?? 0;
  const tiles = [...fullTiles(size), ...partialTiles(size)].map((tile) => tilePath(tile.level, tile.index, tile.width));
  return [checkpoint, ...tiles.map((name) => fileOf(disk, walDir, name))];
}

function estimate(segments: readonly LogFile[], { flips, shifts }: Strides): number {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes.length, 0);
  return Math.ceil(bytes * (1 / flips + 2 / shifts));
}
