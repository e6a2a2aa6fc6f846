// What an operator may order of salts: to forget them. The order is a record before anything is forgotten, so that a value which
// can no longer be proved is known to have been made so, and by whom.

import { actorOf, optionalText, Refusal, reasonOf } from "./desk-words.ts";
import type { Governor } from "./governor.ts";
import type { JsonObject } from "./json.ts";
import { stampOf } from "./policy.ts";

export const eraseKind = "salts_erased";
/** Commitments that one order names. */
export const eraseMax = 256;
const subjectMax = 128;

/** Throws Refusal, and what the log and the disk throw. */
export async function eraseSalts({ ledger, policies }: Governor, message: JsonObject): Promise<object> {
  const commitments = commitmentsOf(message);
  const before = optionalText(message.before);
  if ((commitments.length === 0) === (before === null)) {
    throw new Refusal("BAD_REQUEST", "either `commitments` or `before` says what is to be forgotten");
  }
  const reading = ledger.clock.now();
  if (before !== null && !isDay(before, reading.wallUs)) {
    throw new Refusal("BAD_REQUEST", "`before` is a day, 2026-11-22 in UTC, and not one to come");
  }
  const subject = optionalText(message.subject)?.slice(0, subjectMax) ?? null;
  const detail = {
    actor: actorOf(message),
    reason: reasonOf(message),
    ...(before === null ? { commitments, subject } : { before }),
  };
  const { seq } = ledger.append("mark", stampOf(policies.active), { kind: eraseKind, detail }, reading);
  await ledger.durable(seq);
  const { salts } = ledger.log;
  const erased = before === null ? salts.erase(new Set(commitments)) : salts.eraseBefore(before);
  return { ok: true, seq, erased };
}

function commitmentsOf(message: JsonObject): string[] {
  const list = message.commitments ?? [];
  if (!Array.isArray(list)) throw new Refusal("BAD_REQUEST", "`commitments` is a list");
  if (list.length > eraseMax) throw new Refusal("BAD_REQUEST", `more than ${eraseMax} values in one order`);
  return list.map((one) => {
    if (typeof one === "string" && /^[0-9a-f]{64}$/.test(one)) return one;
    throw new Refusal("BAD_REQUEST", "a commitment is 64 hexadecimal digits");
  });
}

function isDay(text: string, nowUs: number): boolean {
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text) && ms * 1000 <= nowUs;
}
