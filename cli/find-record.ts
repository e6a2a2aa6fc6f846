// One record of the log by what names it: its seq, or the id of an action or approval, whole or as far as it is unique.
import { nodeDisk } from "../runtime/disk.ts";
import type { JsonObject } from "../runtime/json.ts";
import { isPruned } from "../runtime/log/beginning.ts";
import { readRecords, type StoredRecord } from "../runtime/log/read.ts";
import { listSegments } from "../runtime/log/segments.ts";
import type { ArchivedWish } from "../runtime/query/archived-record.ts";
import { Stop } from "./exit.ts";
import { countText, shortened } from "./render.ts";

const idShownMax = 80;
const prefixes = ["action-", "apr-"] as const;

/** Names a decision by its action id, an approval's opening by its approval id, any record by its seq. Throws Stop. */
export async function findRecord(walDir: string, id: string): Promise<StoredRecord> {
  const shown = shortened(id, idShownMax);
  if (/^\d{1,15}$/.test(id)) {
    const seq = Number(id);
    for await (const record of readRecords(walDir, { fromSeq: Math.max(1, seq) }))
      if (record.seq === seq) return record;
    const [archived] = await fromArchives(walDir, { seq });
    if (archived !== undefined) return archived;
    throw new Stop(`there is no record ${shown}`, "see: faramesh audit tail");
  }
  let found: StoredRecord | null = null;
  let count = 0;
  for await (const record of readRecords(walDir)) {
    const name = nameOf(record.value);
    if (name === null || !prefixes.some((prefix) => name.startsWith(id) || name.startsWith(prefix + id))) continue;
    if (name === id) return record;
    found ??= record;
    count++;
  }
  if (found === null && id !== "") {
    const [first, ...others] = await fromArchives(walDir, { prefixes: ["", ...prefixes].map((prefix) => prefix + id) });
    if (others.length > 0) throw new Stop(`\`${shown}\` begins several ids: give more of it`);
    if (first !== undefined) return first;
  }
  if (found === null || id === "")
    throw new Stop(`there is no decision and no approval \`${shown}\``, "see: faramesh audit tail");
  if (count > 1)
    throw new Stop(`\`${shown}\` begins ${countText(count, "id")}: give more of it`, "see: faramesh audit tail");
  return found;
}

/** Records that were pruned; none where nothing was. */
async function fromArchives(walDir: string, wanted: ArchivedWish): Promise<readonly StoredRecord[]> {
  if (!isPruned(listSegments(nodeDisk, walDir))) return [];
  const { archivedRecords } = await import("../runtime/query/archived-record.ts");
  const found = await archivedRecords(nodeDisk, walDir, wanted);
  if (found === null || found.length === 0) {
    throw new Stop(
      "it is not in the log, of which older records were pruned",
      "no archive under archive/ has it either",
    );
  }
  return found;
}

function nameOf(record: JsonObject): string | null {
  if (record.type === "decision" && typeof record.action_id === "string") return record.action_id;
  const opens = record.type === "approval" && record.change === "opened";
  return opens && typeof record.approval_id === "string" ? record.approval_id : null;
}
