// Removes old segments from a log that is being written: looks at what goes, says so in a record, has that record signed, and
// only then removes, lowest first, each removal on disk before the next. A crash before the signature has removed nothing; one
// behind it leaves segments that the next prune removes. It must never be waited for by a call, and never takes long turns.
import { type Disk, hasErrorCode } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { chainBefore, lastPrune } from "./beginning.ts";
import type { Chain } from "./chain.ts";
import type { TreeHead } from "./checkpoint.ts";
import { LogFailure } from "./failure.ts";
import { corruption } from "./inspect.ts";
import { LineReader } from "./lines.ts";
import { rootOf } from "./merkle.ts";
import { type Keep, type PrunePlan, planPrune } from "./prune-plan.ts";
import {
  type ArchiveName,
  type Pruned,
  type PrunedRotation,
  pruneBody,
  rotationsMax,
  segmentsPerPruneMax,
} from "./prune-record.ts";
import type { SignedPrune } from "./recover.ts";
import { listSegments, type SegmentInfo } from "./segments.ts";
import type { KnownSnapshot } from "./snapshot-keeper.ts";
import { isWhole } from "./snapshots.ts";
import { subtreesOnDisk } from "./tile-reader.ts";
import { TileTree } from "./tiles.ts";
import { detailOf, rotationKind } from "./tree-recovery.ts";

/** Records looked at before others may run: about a third of a millisecond. */
const recordsPerTurn = 64;

export interface PruneOrder {
  readonly keep: Keep;
  readonly actor: string;
  readonly reason: string;
  /** where the records that go are kept; null: nowhere */
  readonly archive: readonly ArchiveName[] | null;
}

export interface PruneResult {
  readonly removedSegments: number;
  readonly removedBytes: number;
  /** the first record that stays */
  readonly firstKept: number;
  /** seq of the prune record */
  readonly seq: number;
}

export interface LogToPrune {
  readonly logId: string;
  snapshots(): readonly KnownSnapshot[];
  treeHead(): TreeHead | null;
  append(body: JsonObject): { readonly seq: number };
  /** Resolves when a checkpoint was written, or has failed. */
  checkpoint(): Promise<void>;
  removed(segment: SegmentInfo): void;
  /** Brings to disk what was acknowledged: a start looks again at all behind that. Rejects with the disk's error. */
  keepHead(): Promise<void>;
}

export class Pruner {
  /** the last prune under a signed checkpoint */
  last: SignedPrune | null;
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #log: LogToPrune;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(disk: Disk, dir: string, last: SignedPrune | null, log: LogToPrune) {
    this.#disk = disk;
    this.#dir = dir;
    this.last = last;
    this.#log = log;
  }

  /** What a prune would remove now; null for nothing. Throws LogFailure for a log whose files do not hold together. */
  plan(keep: Keep): PrunePlan | null {
    const neededSeq = this.#neededSeq();
    if (neededSeq === null) return null;
    return planPrune(this.#disk, listSegments(this.#disk, this.#dir), neededSeq, keep, segmentsPerPruneMax);
  }

  /**
   * The first record that a start would read, from the newest snapshot or the one before it; null where none is on disk as it was
   * written, or nothing is signed.
   */
  #neededSeq(): number | null {
    const known = this.#log.snapshots();
    const whole = known.filter(({ file }) => isWhole(this.#disk, this.#dir, file));
    if (this.#log.treeHead() === null || whole.length === 0 || whole.at(-1) !== known.at(-1)) return null;
    return Math.min(...whole.map(({ firstSeq }) => firstSeq));
  }

  /**
   * Removes what `plan` says; null where that is nothing. One after another. Rejects with LogFailure CORRUPT where what would go is not
   * what was written, AUDIT_UNAVAILABLE where the prune could not be signed: then nothing was removed.
   */
  prune(order: PruneOrder): Promise<PruneResult | null> {
    const result = this.#turn.then(() => this.#prune(order));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #prune(order: PruneOrder): Promise<PruneResult | null> {
    await this.#finishLast();
    const plan = this.plan(order.keep);
    if (plan === null) return null;
    // What goes is compared with tiles, which are there up to the last checkpoint.
    if ((this.#log.treeHead()?.size ?? 0) < plan.firstKept) await this.#log.checkpoint();
    const { rotations, root } = await this.#look(plan);
    const numbers = [plan.segments[0]?.number ?? 0, plan.segments.at(-1)?.number ?? 0] as const;
    const { firstKept, prev } = plan;
    const { actor, reason, archive } = order;
    const body = pruneBody({ firstKept, prev, root, segments: numbers, archive, actor, reason, rotations });
    const { seq } = this.#log.append(body);
    await this.#log.checkpoint();
    if ((this.#log.treeHead()?.size ?? 0) < seq) {
      throw new LogFailure("AUDIT_UNAVAILABLE", "the prune could not be signed, so nothing was removed", { seq });
    }
    this.last = { seq, firstKept };
    await this.#remove(plan.segments);
    return { removedSegments: plan.segments.length, removedBytes: plan.bytes, firstKept, seq };
  }

  /** Removes what an earlier prune was kept from removing by a crash. */
  async #finishLast(): Promise<void> {
    const { last } = this;
    if (last === null) return;
    const plan = planPrune(
      this.#disk,
      listSegments(this.#disk, this.#dir),
      last.firstKept,
      { fromSeq: last.firstKept },
      Number.POSITIVE_INFINITY,
    );
    if (plan !== null) await this.#remove(plan.segments);
  }

  /** In order and one by one: were a later removal on disk before an earlier one, a power cut would leave a gap. */
  async #remove(segments: readonly SegmentInfo[]): Promise<void> {
    await this.#log.keepHead();
    for (const segment of segments) {
      try {
        this.#disk.remove(segment.path);
      } catch (error) {
        if (!hasErrorCode(error, "ENOENT")) throw error;
      }
      this.#log.removed(segment);
      await this.#disk.syncDirectoryAside(this.#dir);
    }
  }

  /**
   * Reads what goes: each record must be what was written, follow the one before, and be in the tree. Answers the tree's root over
   * all that will be gone and the rotations of keys in it.
   */
  async #look(plan: PrunePlan): Promise<{ readonly rotations: readonly PrunedRotation[]; readonly root: string }> {
    const disk = this.#disk;
    const listed = listSegments(disk, this.#dir);
    const chain = chainBefore(disk, listed, this.#log.logId);
    const rotations = [...this.#earlierRotations(listed, chain.seq)];
    const head = this.#log.treeHead();
    if (head === null || head.size < plan.firstKept) {
      throw new LogFailure("AUDIT_UNAVAILABLE", "no checkpoint could be written over what would be pruned");
    }
    const subtree = subtreesOnDisk(disk, this.#dir, head.size);
    const tree = new TileTree(() => {});
    tree.resume(chain.seq, subtree);
    for (const segment of plan.segments) await lookAt(disk, segment, chain, tree, rotations);
    if (chain.seq !== plan.firstKept - 1 || chain.hash !== plan.prev) {
      throw new LogFailure("CORRUPT", `record ${plan.firstKept} does not follow what would be pruned`, {
        seq: plan.firstKept,
      });
    }
    if (tree.root() !== rootOf(chain.seq, subtree)) {
      throw new LogFailure("CORRUPT", "what would be pruned is not what the tiles in tile/ say", { seq: chain.seq });
    }
    if (rotations.length > rotationsMax) {
      throw new LogFailure("ENTRY_TOO_LARGE", `a prune names at most ${rotationsMax} rotations of keys`);
    }
    return { rotations, root: tree.root() };
  }

  #earlierRotations(listed: readonly SegmentInfo[], goneSeq: number): readonly PrunedRotation[] {
    if (goneSeq === 0) return [];
    const last: { readonly pruned: Pruned } | null = lastPrune(this.#disk, listed);
    return (last?.pruned.rotations ?? []).filter(({ seq }) => seq <= goneSeq);
  }
}

async function lookAt(
  disk: Disk,
  segment: SegmentInfo,
  chain: Chain,
  tree: TileTree,
  rotations: PrunedRotation[],
): Promise<void> {
  const file = disk.open(segment.path, "read");
  try {
    const reader = new LineReader(file, 0, segment.sizeBytes);
    for (let count = 1; reader.next(); count++) {
      const step = reader.isComplete ? chain.step(reader.bytes, reader.start, reader.end) : null;
      if (step === null || !step.ok) {
        const fault = step?.fault ?? {
          field: "line",
          expected: "a newline",
          found: "none",
          message: "the line has no end",
        };
        const place = { segment, offset: reader.offset, seq: chain.seq + 1 };
        throw corruption({ ...place, fault, intact: false, isUnfinished: false }, "nothing was pruned");
      }
      tree.append(chain.hash);
      if (step.head.type === "mark") {
        const value = step.value();
        const note = value.kind === rotationKind ? detailOf(value, "note") : undefined;
        if (typeof note === "string") rotations.push({ seq: chain.seq, note });
      }
      if (count % recordsPerTurn === 0) await new Promise(setImmediate);
    }
  } finally {
    file.close();
  }
}
