// What an operator may ask of the log's oldest records: that they go. It decides nothing of what must stay; the log does.

import { actorOf, Refusal, reasonOf } from "./desk-words.ts";
import type { PrunedView } from "./doors/views.ts";
import type { Governor } from "./governor.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Keep, PrunePlan } from "./log/prune-plan.ts";
import { type ArchiveName, segmentsPerPruneMax } from "./log/prune-record.ts";

const fileNameMax = 255;

/** Throws Refusal, and what `Log.prune` throws. */
export async function pruneLog({ ledger }: Governor, message: JsonObject): Promise<object> {
  const keep = keepOf(message, ledger.clock.now().wallUs);
  const { log } = ledger;
  const plan = log.prunePlan(keep);
  if (plan === null || message.dry_run === true) return { ok: true, pruned: plan === null ? null : viewOf(plan, null) };
  const archive = message.archive === undefined ? null : archiveOf(message.archive);
  const result = await log.prune({ keep, actor: actorOf(message), reason: reasonOf(message), archive });
  return { ok: true, pruned: result === null ? null : viewOf(plan, result.seq) };
}

function viewOf(plan: PrunePlan, seq: number | null): PrunedView {
  const { firstSeq: first_seq, firstKept: first_kept, bytes } = plan;
  return { segments: plan.segments.map(({ name }) => name), first_seq, first_kept, bytes, seq };
}

function keepOf(message: JsonObject, nowUs: number): Keep {
  const seconds = numberOf(message.keep_seconds, "keep_seconds");
  const bytes = numberOf(message.keep_bytes, "keep_bytes");
  const fromSeq = numberOf(message.from_seq, "from_seq");
  return {
    ...(seconds === null ? {} : { sinceUs: nowUs - seconds * 1_000_000 }),
    ...(bytes === null ? {} : { bytes }),
    ...(fromSeq === null ? {} : { fromSeq }),
  };
}

function numberOf(value: Json | undefined, name: string): number | null {
  if (value === undefined) return null;
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw new Refusal("BAD_REQUEST", `\`${name}\` must be a number from 0 on`);
}

function archiveOf(value: Json): readonly ArchiveName[] {
  const files = Array.isArray(value) && value.length <= segmentsPerPruneMax ? (value as readonly Json[]) : null;
  if (files === null) throw new Refusal("BAD_REQUEST", `\`archive\` must be a list of at most ${segmentsPerPruneMax}`);
  return files.map((one) => {
    const { file, sha256 } = (typeof one === "object" && one !== null ? one : {}) as JsonObject;
    const isFile = typeof file === "string" && file !== "" && file.length <= fileNameMax;
    if (isFile && typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)) return { file, sha256 };
    throw new Refusal("BAD_REQUEST", "an archive has a `file` and a `sha256`");
  });
}
