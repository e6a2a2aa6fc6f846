// What a policy's new rules look back at, found in the log: calls of the last days go, unjudged, through a policy of their own, and
// the histories that this leaves are put beside the counters and into the log. It must never change a counter that is there.
import { parseTime } from "./clock.ts";
import type { Code } from "./codes.ts";
import type { Disk } from "./disk.ts";
import type { Policy, RequestValue } from "./evaluator/types.ts";
import { machineCodes } from "./evaluator/verdicts.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Ledger, PolicyStamp } from "./ledger.ts";
import { visitRecords } from "./log/read.ts";
import { recordAt } from "./log/record-at.ts";
import { listSegments } from "./log/segments.ts";
import { repeatSession } from "./session-keeper.ts";

/** The kind of a mark that carries histories. */
export const historyKind = "history";

/** How far back calls are looked for: a week. */
export const lookBackUs = 7 * 86_400_000_000;
/** Base64 of entries in one mark, in characters; a single entry of 1,024 events has 23,000. */
const markTextMax = 40_000;

const queries = /\b(?:history_[a-z_]+|deny_count_within|session\s*\.\s*(?:sum|count))\s*\(/;

/** Whether some rule of the policy looks back that is not in the one before; null: whether any does. */
export function looksBackAnew(policy: Policy, before: Policy | null): boolean {
  const asked = ({ agent, text }: { readonly agent: string; readonly text: string }): string[] =>
    queries.test(text) ? [`${agent}\n${text}`] : [];
  const known = new Set(before?.rules().flatMap(asked) ?? []);
  return policy.rules().some((rule) => asked(rule).some((text) => !known.has(text)));
}

/** Of the records so far; `takeTail` adds those that were appended meanwhile. Holds nobody up: it lets others run as it reads. */
export class LookBack {
  readonly #policy: Policy;
  #lastSeq = 0;

  /** `policy` is thrown away afterwards. */
  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** Throws LogFailure where the log does not hold together, RangeError where the machine has no room. */
  async read(walDir: string, disk: Disk, nowUs: number): Promise<void> {
    const fromSeq = firstWanted(walDir, disk, nowUs - lookBackUs);
    const visit = (record: { seq: number; type: string; value: () => JsonObject }): void => {
      this.#lastSeq = record.seq;
      if (record.type === "decision" || record.type === "phase") this.#take(record.value());
    };
    await visitRecords(walDir, visit, { fromSeq, disk });
  }

  takeTail(records: readonly JsonObject[]): void {
    for (const record of records) if (Number(record.seq) > this.#lastSeq) this.#take(record);
  }

  /** What it left, at a time in microseconds. */
  entries(nowUs: number): readonly Uint8Array[] {
    return this.#policy.history(nowUs / 1000);
  }

  #take(record: JsonObject): void {
    const { agent_id, session_id, tool, code, type, args } = record;
    const timeUs = typeof record.time === "string" ? parseTime(record.time) : undefined;
    if (timeUs === undefined || typeof agent_id !== "string") return;
    if (type === "phase") repeatSession(this.#policy, record, timeUs);
    if (type !== "decision" || typeof tool !== "string" || !machineCodes.has(code as Code)) return;
    const call = { agent_id, tool_id: tool, session_id: typeof session_id === "string" ? session_id : "default" };
    const effect = record.would ?? record.effect;
    if (effect === "deny") this.#policy.chargeDenial(call, timeUs / 1000);
    if (effect !== "permit") return;
    const amounts = this.#policy.amounts({ ...call, args: argumentsOf(args) });
    this.#policy.charge(call, [], timeUs / 1000, amounts);
  }
}

function argumentsOf(args: Json | undefined): { readonly [name: string]: RequestValue } {
  const isObject = typeof args === "object" && args !== null && !Array.isArray(args);
  return isObject ? (args as { readonly [name: string]: RequestValue }) : {};
}

/** The first record of the last segment that begins before a time. */
function firstWanted(walDir: string, disk: Disk, fromUs: number): number {
  let wanted: number | null = null;
  for (const segment of listSegments(disk, walDir)) {
    const first = recordAt(disk, segment, 0);
    const timeUs = typeof first?.time === "string" ? parseTime(first.time) : undefined;
    if (first === null || timeUs === undefined) continue;
    if (wanted !== null && timeUs > fromUs) break;
    wanted = Number(first.seq);
  }
  return wanted ?? 1;
}

/** Puts entries into the counters of the policy in force and into the log. The seq of the last record; null where there was nothing. */
export function adoptHistory(
  ledger: Ledger,
  stamp: PolicyStamp,
  policy: Policy,
  entries: readonly Uint8Array[],
): number | null {
  let seq: number | null = null;
  for (const texts of chunksOf(entries.map((entry) => Buffer.from(entry).toString("base64")))) {
    const reading = ledger.clock.now();
    const body = { kind: historyKind, detail: { entries: texts } };
    addHistory(policy, body, reading.wallUs);
    seq = ledger.append("mark", stamp, body, reading).seq;
  }
  return seq;
}

function chunksOf(texts: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let length = 0;
  for (const text of texts) {
    const last = chunks.at(-1);
    if (last === undefined || length + text.length > markTextMax) {
      chunks.push([text]);
      length = text.length;
    } else {
      last.push(text);
      length += text.length;
    }
  }
  return chunks;
}

/** Does what a mark of histories says, as it did when it was written. */
export function addHistory(policy: Policy, record: JsonObject, timeUs: number): void {
  const { detail } = record;
  const texts = typeof detail === "object" && detail !== null ? Reflect.get(detail, "entries") : null;
  if (record.kind !== historyKind || !Array.isArray(texts)) return;
  policy.addHistory(
    texts.map((text) => new Uint8Array(Buffer.from(String(text), "base64"))),
    timeUs / 1000,
  );
}
