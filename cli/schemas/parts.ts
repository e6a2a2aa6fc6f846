// What the JSON Schemas of commands are made of: kinds of values, and the objects that several commands print. Data alone.

export type Schema = { readonly [keyword: string]: unknown };

export const string: Schema = { type: "string" };
export const integer: Schema = { type: "integer" };
export const number: Schema = { type: "number" };
export const boolean: Schema = { type: "boolean" };
export const anything: Schema = {};
export const hash: Schema = { type: "string", pattern: "^[0-9a-f]{64}$" };
export const version: Schema = { type: "string", pattern: "^v[1-9][0-9]*$" };
export const time: Schema = { type: "string", format: "date-time" };
export const openObject: Schema = { type: "object" };

export function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: "null" }] };
}

export function listOf(items: Schema): Schema {
  return { type: "array", items };
}

export function oneOf(...values: readonly string[]): Schema {
  return { enum: values };
}

/** All members are there unless named in `optional`; no others are. */
export function object(properties: { readonly [name: string]: Schema }, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

export const effect = oneOf("permit", "defer", "deny");

export const expectation = object({
  effect,
  code: orNull(string),
  rule_ref: orNull(string),
  would: orNull(effect),
});

export const failure = object({ error: object({ message: string, help: string, exit_code: integer }, ["help"]) });

export const place = { file: string, line: integer, column: integer, endLine: integer, endColumn: integer };
export const diagnostic = object(
  {
    code: { type: "string", pattern: "^FMS[0-9]{3}$" },
    severity: oneOf("error", "warning", "note"),
    message: string,
    help: string,
    related: listOf(object({ ...place, message: string })),
    ...place,
  },
  ["help", "related"],
);

export const approval = object({
  id: { type: "string", pattern: "^apr-[0-9a-f]{32}$" },
  agent_id: string,
  session_id: string,
  tool: string,
  args: anything,
  deferred_at: time,
  expires_at: time,
  rule_ref: orNull(string),
  context: string,
  status: oneOf("pending", "approved", "denied", "expired", "used"),
  cause: string,
  request_digest: hash,
  resolved_at: orNull(time),
  resolved_by: orNull(string),
  reason: orNull(string),
  narrowed_args: anything,
  used_at: orNull(time),
});

export const token = object({
  id: { type: "string", pattern: "^tok-[0-9a-f]{12}$" },
  role: oneOf("agent", "monitor", "operator"),
  agent_id: orNull(string),
  created_at: time,
  created_by: string,
  expires_at: orNull(time),
});

export const grant = object({
  id: { type: "string", pattern: "^grt-[0-9a-f]{32}$" },
  agent_id: string,
  tool: string,
  condition: orNull(string),
  status: oneOf("active", "used_up", "revoked", "expired"),
  uses: integer,
  uses_max: orNull(integer),
  created_at: time,
  created_by: string,
  reason: string,
  expires_at: time,
  ended_at: orNull(time),
  ended_by: orNull(string),
});

export const stopState = oneOf("active", "quiesced", "killed");
export const hold = object({
  agent_id: string,
  state: stopState,
  since: orNull(time),
  by: orNull(string),
  reason: orNull(string),
});
export const agentMembers = {
  agent_id: string,
  declared: boolean,
  state: stopState,
  holds: listOf(hold),
  pending_approvals: integer,
  active_grants: integer,
};
export const agent = object(agentMembers);
export const ordered = object({ changed: boolean, agent });
export const effectCounts = { permit: integer, defer: integer, deny: integer };

export const items = object({
  added: listOf(string),
  removed: listOf(string),
  changed: listOf(object({ before: string, after: string })),
});
export const rule = object({ agent: string, phase: orNull(string), pack: orNull(string), text: string });
export const transitionNames = ["permit", "defer", "deny"].flatMap((from) =>
  ["permit", "defer", "deny"].filter((to) => to !== from).map((to) => `${from}_to_${to}`),
);
/**
 * `when` is "" for every call; `example` is a request without its agent. `shown`: both policies answered it so when they were
 * asked; `certain`: and so every call of `when`.
 */
export const accessList = listOf(
  object({
    agent: orNull(string),
    tool: string,
    from: effect,
    to: effect,
    when: string,
    certain: boolean,
    shown: boolean,
    example: openObject,
  }),
);
/** Asserts and what came of them; a counter-example is a call that was tried, without its agent. */
export const assertList = listOf(
  object({
    assert: string,
    agent: orNull(string),
    reason: orNull(string),
    outcome: oneOf("proved", "refuted", "unproved"),
    why: string,
    counter_example: orNull(
      object({ effect, rule_ref: orNull(string), phase: orNull(string), rollouts: openObject, call: openObject }),
    ),
  }),
);
export const transitionList = listOf(object({ tool: string, count: integer }));

export const wal = object({
  dir: string,
  last_seq: integer,
  last_sync_ms: orNull(number),
  lag: integer,
  bytes: integer,
  segments: integer,
  latched: boolean,
  degraded: boolean,
  checkpoint_size: orNull(integer),
  first_seq: integer,
});

export const runningDaemon: Schema = {
  type: "object",
  properties: {
    state: oneOf("STARTING", "INITIALIZING", "READY", "DRAINING", "HALT", "STOPPED"),
    pid: orNull(integer),
    uptime_seconds: orNull(number),
    socket: orNull(string),
    policy_version: orNull(version),
    policy_hash: orNull(hash),
    policy_source: orNull(
      object({
        file: orNull(string),
        source_hash: orNull(hash),
        files: listOf(object({ file: string, sha256: hash })),
      }),
    ),
    applied_at: orNull(time),
    runtime_mode: orNull(oneOf("enforce", "audit")),
    drift: orNull(boolean),
    wal: orNull(wal),
  },
  required: [
    "state",
    "pid",
    "uptime_seconds",
    "socket",
    "policy_version",
    "policy_hash",
    "policy_source",
    "applied_at",
    "runtime_mode",
    "drift",
    "wal",
  ],
};

export const record: Schema = {
  type: "object",
  properties: { hash, seq: integer, prev: hash, type: string, time, log_id: string },
  required: ["hash", "seq", "prev", "type", "time", "log_id"],
};

export const verified = object({
  ok: boolean,
  wal_dir: string,
  log_id: orNull(string),
  records: integer,
  segments: integer,
  last_seq: integer,
  checks: listOf(
    object({
      name: oneOf("files", "chain", "tail", "head", "policy", "checkpoint", "signature", "tiles", "pruned", "against"),
      ok: orNull(boolean),
      detail: string,
    }),
  ),
  fault: orNull(
    object({
      file: string,
      offset: integer,
      seq: integer,
      id: orNull(string),
      field: string,
      expected: string,
      found: string,
      message: string,
    }),
  ),
  not_checked: listOf(string),
  unanchored: object({ records: integer, seconds: number }),
  signed_records: integer,
  gaps: listOf(string),
  notes: listOf(string),
  period: orNull(object({ records: integer, first_seq: orNull(integer), last_seq: orNull(integer) })),
  pruned: orNull(
    object({
      records: integer,
      seq: orNull(integer),
      archived: boolean,
      actor: orNull(string),
      reason: orNull(string),
    }),
  ),
  replay: orNull(
    object({
      decisions: integer,
      matched: integer,
      mismatched: integer,
      not_replayable: integer,
      not_judged: integer,
      first: orNull(
        object({
          file: string,
          offset: integer,
          seq: integer,
          id: orNull(string),
          field: oneOf("effect", "code", "rule"),
          expected: string,
          found: string,
        }),
      ),
      stopped: orNull(string),
      state_from_seq: integer,
    }),
  ),
});

export const proved = object({
  ok: boolean,
  seq: integer,
  included: boolean,
  signed: boolean,
  origin: string,
  size: integer,
  record: anything,
});

/** Nanoseconds a decision. */
export const times = {
  count: integer,
  mean_ns: number,
  p50_ns: integer,
  p90_ns: integer,
  p99_ns: integer,
  p999_ns: integer,
  max_ns: integer,
};
