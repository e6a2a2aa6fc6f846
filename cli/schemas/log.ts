// What the commands write that read the log, prove it and keep its keys.
import {
  boolean,
  hash,
  integer,
  listOf,
  number,
  object,
  oneOf,
  openObject,
  orNull,
  proved,
  record,
  type Schema,
  string,
  time,
  verified,
} from "./parts.ts";

const counted = object({ name: string, count: integer });
export const logSchemas: Readonly<Record<string, Schema>> = {
  "audit tail": record,
  "audit show": object({ file: string, offset: integer, record }),
  "audit ls": object({ records: listOf(record) }),
  "audit verify": { anyOf: [verified, proved] },
  "audit prove": object({ seq: integer, size: integer, origin: string, out: orNull(string), proof: string }),
  "audit compact": object({
    first_seq: orNull(integer),
    first_kept: orNull(integer),
    bytes: integer,
    segments: listOf(string),
    dry_run: boolean,
    prune_records: listOf(integer),
    archives: listOf(object({ file: string, sha256: hash })),
  }),
  "audit export": object({ records: listOf(record) }),
  "audit trace": object({
    id: string,
    calls: listOf(object({ decision: record, followers: listOf(record) })),
    left_out: integer,
  }),
  "audit stats": object({
    decisions: integer,
    first: orNull(time),
    last: orNull(time),
    effects: listOf(counted),
    codes: listOf(counted),
    tools: listOf(counted),
    agents: listOf(counted),
    denied: listOf(object({ tool: string, code: string, count: integer })),
    audit: orNull(
      object({
        decisions: integer,
        would_deny: integer,
        would_defer: integer,
        stopped: listOf(
          object({
            tool: string,
            effect: oneOf("deny", "defer"),
            code: string,
            rule_ref: orNull(string),
            count: integer,
          }),
        ),
      }),
    ),
    latency_us: orNull(object({ p50: number, p99: number, max: number })),
    approvals: object({
      opened: integer,
      approved: integer,
      denied: integer,
      waited_seconds: orNull(object({ p50: number, max: number })),
    }),
    spent_usd: string,
    rate: object({ span_seconds: integer, counts: listOf(integer) }),
  }),
  "audit query": object({ columns: listOf(object({ name: string, type: string })), rows: listOf(openObject) }),
  "audit reveal": {
    anyOf: [
      object({ seq: integer, places: listOf(object({ path: string, commitment: hash, provable: boolean })) }),
      object({
        seq: integer,
        path: string,
        commitment: hash,
        salt: { type: "string", pattern: "^[0-9a-f]{32}$" },
        as: oneOf("json", "text"),
      }),
    ],
  },
  "audit erase": {
    anyOf: [object({ seq: integer, subject: string, salts: integer }), object({ seq: integer, days: integer })],
  },
  "audit witness": object({ size: integer, root: hash }),
  "key show": object({ origin: string, keys: listOf(object({ kind: oneOf("log", "witness"), key: string })) }),
  "key rotate": object({ key: string }),
  "witness serve": object({ url: string, key: string }),
};
