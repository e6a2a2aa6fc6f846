// Sessions and what they look back at, taken out of one snapshot of counters and put into another: how a query that is new in a
// policy learns of calls from before it. vm/snapshot.ts says what the bytes are; the machine proves what is put together here.

const HEAD_BYTES = 24;
const COUNT_AT = 8;
/** Of an entry: key length u16, kind u8, warned u8; behind the key six values of eight bytes. */
const ENTRY_HEAD_BYTES = 4;
const VALUES_BYTES = 48;
const EVENT_BYTES = 16;
/** Of the values: when the session was made that a history is of; how many events follow. */
const MADE_OF_HISTORY = 8;
const EVENTS = 16;
/** Of a session's values: when it was made. */
const MADE_OF_SESSION = 32;

const SESSION = 4;
const WINDOW = 7;
const DENIALS = 8;

const decoder = new TextDecoder();

/** Entries of sessions and of their histories, in the order of their keys. */
export function historyIn(snapshot: Uint8Array): Uint8Array[] {
  return entriesOf(snapshot).filter((entry) => kindOf(entry) >= SESSION && kindOf(entry) <= DENIALS);
}

/** Whether what a snapshot holds under the key of an entry is to stay, since the policy in force has kept it up. */
export type KeptUp = (agent: string, query: string | null) => boolean;

/**
 * The snapshot with other sessions and histories put into it, entries of `historyIn`. What the policy in force keeps up stays as it
 * is. A history belongs to the session as it is then.
 */
export function withHistory(snapshot: Uint8Array, entries: readonly Uint8Array[], isKeptUp: KeptUp): Uint8Array {
  const all = new Map(entriesOf(snapshot).map((entry) => [keyText(entry), entry]));
  for (const entry of entries) {
    const key = keyText(entry);
    const [agent, query] = namesOf(entry);
    if (!all.has(key) || !isKeptUp(agent, query)) all.set(key, entry);
  }
  for (const [key, entry] of all) {
    if (kindOf(entry) <= SESSION || kindOf(entry) > WINDOW) continue;
    const session = all.get(sessionKey(entry));
    if (session === undefined) all.delete(key);
    else all.set(key, ofSession(entry, session));
  }
  const sorted = [...all.values()].sort((a, b) => Buffer.compare(keyOf(a), keyOf(b)));
  const merged = new Uint8Array(HEAD_BYTES + sorted.reduce((sum, entry) => sum + entry.length, 0));
  merged.set(snapshot.subarray(0, HEAD_BYTES));
  new DataView(merged.buffer).setUint32(COUNT_AT, sorted.length, true);
  let at = HEAD_BYTES;
  for (const entry of sorted) {
    merged.set(entry, at);
    at += entry.length;
  }
  return merged;
}

function entriesOf(snapshot: Uint8Array): Uint8Array[] {
  const view = viewOf(snapshot);
  const entries: Uint8Array[] = [];
  for (let at = HEAD_BYTES; at < snapshot.length; ) {
    const values = at + ENTRY_HEAD_BYTES + view.getUint16(at, true);
    const kind = view.getUint8(at + 2);
    const events = kind === WINDOW || kind === DENIALS ? Number(view.getBigInt64(values + EVENTS, true)) : 0;
    const end = values + VALUES_BYTES + events * EVENT_BYTES;
    entries.push(snapshot.subarray(at, end));
    at = end;
  }
  return entries;
}

/** The history as one of that session. */
function ofSession(entry: Uint8Array, session: Uint8Array): Uint8Array {
  const copy = entry.slice();
  const made = viewOf(session).getBigInt64(ENTRY_HEAD_BYTES + keyOf(session).length + MADE_OF_SESSION, true);
  viewOf(copy).setBigInt64(ENTRY_HEAD_BYTES + keyOf(copy).length + MADE_OF_HISTORY, made, true);
  return copy;
}

function kindOf(entry: Uint8Array): number {
  return entry[2] ?? 0;
}

function keyOf(entry: Uint8Array): Uint8Array {
  return entry.subarray(ENTRY_HEAD_BYTES, ENTRY_HEAD_BYTES + viewOf(entry).getUint16(0, true));
}

function keyText(entry: Uint8Array): string {
  return Buffer.from(keyOf(entry)).toString("latin1");
}

/** Agent and query of an entry; a session has no query. */
function namesOf(entry: Uint8Array): [string, string | null] {
  const key = keyOf(entry);
  const view = viewOf(key);
  const agentEnd = 3 + view.getUint16(1, true);
  const agent = decoder.decode(key.subarray(3, agentEnd));
  if (kindOf(entry) === SESSION) return [agent, null];
  return [agent, decoder.decode(key.subarray(agentEnd + 2, agentEnd + 2 + view.getUint16(agentEnd, true)))];
}

/** Of a history's key, kind, agent, query and session, that of its session: kind, agent and session. */
function sessionKey(entry: Uint8Array): string {
  const key = keyOf(entry);
  const view = viewOf(key);
  const agentEnd = 3 + view.getUint16(1, true);
  const queryEnd = agentEnd + 2 + view.getUint16(agentEnd, true);
  const parts = [Uint8Array.of(SESSION), key.subarray(1, agentEnd), key.subarray(queryEnd)];
  return Buffer.concat(parts).toString("latin1");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
