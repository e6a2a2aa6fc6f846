// The JSON Schemas (draft 2020-12) of what each command writes with --format json: data alone. A test holds the outputs of
// real runs to them; `faramesh schema` prints them.

export type Schema = { readonly [keyword: string]: unknown };

const string: Schema = { type: "string" };
const integer: Schema = { type: "integer" };
const number: Schema = { type: "number" };
const boolean: Schema = { type: "boolean" };
const anything: Schema = {};
const hash: Schema = { type: "string", pattern: "^[0-9a-f]{64}$" };
const version: Schema = { type: "string", pattern: "^v[1-9][0-9]*$" };
const time: Schema = { type: "string", format: "date-time" };
const openObject: Schema = { type: "object" };

function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: "null" }] };
}

function listOf(items: Schema): Schema {
  return { type: "array", items };
}

function oneOf(...values: readonly string[]): Schema {
  return { enum: values };
}

/** All members are there unless named in `optional`; no others are. */
function object(properties: { readonly [name: string]: Schema }, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

const effect = oneOf("permit", "defer", "deny");

const expectation = object({
  effect,
  code: orNull(string),
  rule_ref: orNull(string),
  would: orNull(effect),
});

const failure = object({ error: object({ message: string, help: string, exit_code: integer }, ["help"]) });

const place = { file: string, line: integer, column: integer, endLine: integer, endColumn: integer };
const diagnostic = object(
  {
    code: { type: "string", pattern: "^FMS[0-9]{3}$" },
    severity: oneOf("error", "warning"),
    message: string,
    help: string,
    related: listOf(object({ ...place, message: string })),
    ...place,
  },
  ["help", "related"],
);

const approval = object({
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

const grant = object({
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

const stopState = oneOf("active", "quiesced", "killed");
const hold = object({
  agent_id: string,
  state: stopState,
  since: orNull(time),
  by: orNull(string),
  reason: orNull(string),
});
const agentMembers = {
  agent_id: string,
  declared: boolean,
  state: stopState,
  holds: listOf(hold),
  pending_approvals: integer,
  active_grants: integer,
};
const agent = object(agentMembers);
const ordered = object({ changed: boolean, agent });
const effectCounts = { permit: integer, defer: integer, deny: integer };

const items = object({
  added: listOf(string),
  removed: listOf(string),
  changed: listOf(object({ before: string, after: string })),
});
const rule = object({ agent: string, phase: orNull(string), pack: orNull(string), text: string });
const transitionNames = ["permit", "defer", "deny"].flatMap((from) =>
  ["permit", "defer", "deny"].filter((to) => to !== from).map((to) => `${from}_to_${to}`),
);
/** `when` is "" for every call; `example` is a request without its agent. */
const accessList = listOf(
  object({
    agent: orNull(string),
    tool: string,
    from: effect,
    to: effect,
    when: string,
    certain: boolean,
    example: openObject,
  }),
);
const transitionList = listOf(object({ tool: string, count: integer }));

const wal = object({
  dir: string,
  last_seq: integer,
  last_sync_ms: orNull(number),
  lag: integer,
  bytes: integer,
  segments: integer,
  latched: boolean,
  degraded: boolean,
  checkpoint_size: orNull(integer),
});

const runningDaemon: Schema = {
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

const record: Schema = {
  type: "object",
  properties: { hash, seq: integer, prev: hash, type: string, time, log_id: string },
  required: ["hash", "seq", "prev", "type", "time", "log_id"],
};

const verified = object({
  ok: boolean,
  wal_dir: string,
  log_id: orNull(string),
  records: integer,
  segments: integer,
  last_seq: integer,
  checks: listOf(
    object({
      name: oneOf("files", "chain", "tail", "head", "policy", "checkpoint", "signature", "tiles", "against"),
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
  period: orNull(object({ records: integer, first_seq: orNull(integer), last_seq: orNull(integer) })),
});

const proved = object({
  ok: boolean,
  seq: integer,
  included: boolean,
  signed: boolean,
  origin: string,
  size: integer,
  record: anything,
});

/** Nanoseconds a decision. */
const times = {
  count: integer,
  mean_ns: number,
  p50_ns: integer,
  p90_ns: integer,
  p99_ns: integer,
  p999_ns: integer,
  max_ns: integer,
};

const results: Readonly<Record<string, Schema>> = {
  init: object({
    written: string,
    agent: string,
    framework: orNull(string),
    framework_from: orNull(string),
    tools: listOf(object({ name: string, file: string, line: integer, how: string })),
    unread: listOf(object({ file: string, line: integer, text: string, why: string })),
    mcp_servers: listOf(openObject),
    skipped: listOf(object({ file: string, why: string })),
    files_read: integer,
  }),
  check: object({
    valid: boolean,
    file: string,
    errors: integer,
    warnings: integer,
    unreported: orNull(object({ errors: integer, warnings: integer, is_at_least: boolean })),
    unset_variables: listOf(string),
    diagnostics: listOf(diagnostic),
    imports: listOf(object({ reference: string, sha256: hash, pinned: boolean })),
    policy_hash: orNull(hash),
    image_hash: orNull(hash),
    worst_case_steps: orNull(integer),
    rules: orNull(integer),
    agents: orNull(listOf(string)),
  }),
  fmt: object({
    file: string,
    dialect: oneOf("new", "old"),
    changed: boolean,
    written: boolean,
    changes: listOf(object({ mark: oneOf(" ", "-", "+"), text: string, line: integer })),
    changes_left_out: integer,
  }),
  convert: object({ form: oneOf("fms", "yaml", "json"), file: orNull(string), policy_hash: hash, text: string }),
  build: object({
    target: oneOf("wasm", "esm", "worker"),
    files: listOf(object({ path: string, bytes: integer })),
    policy_hash: hash,
    image_hash: hash,
  }),
  bench: object({
    policy: object({ file: string, policy_hash: hash, image_hash: hash, rules: integer }),
    requests: object({
      source: oneOf("file", "log", "policy"),
      count: integer,
      not_replayable: integer,
      left_out: integer,
      codes: { type: "object", additionalProperties: integer },
    }),
    host: object({ node: string, platform: string, arch: string, cpu: string, cpus: integer }),
    rounds: integer,
    clock_ns: number,
    decide: object(times),
    decide_json: object(times),
    floor: object({ empty_policy: object(times), json_parse: object(times) }),
    tools: listOf(object({ name: string, requests: integer, ...times })),
    rules: listOf(
      object({
        rule: orNull(integer),
        rule_ref: orNull(string),
        code: string,
        text: orNull(string),
        requests: integer,
        ...times,
      }),
    ),
    steps: object({ worst_case: integer, tests_typical: integer, tests_most: integer }),
    memory: object({ heap_growth_bytes: integer, image_bytes: integer }),
    histogram: listOf(object({ from_ns: integer, to_ns: integer, count: integer })),
  }),
  test: object({
    passed: integer,
    failed: integer,
    updated: integer,
    cases: listOf(
      object({
        file: string,
        fixture: string,
        name: string,
        passed: boolean,
        calls: listOf(
          object({
            tool: string,
            expect: expectation,
            answer: expectation,
            reason: string,
            differs: listOf(oneOf("effect", "code", "rule_ref", "would")),
          }),
        ),
      }),
    ),
    coverage: orNull(
      listOf(
        object({
          rule: string,
          rule_ref: orNull(string),
          tried: integer,
          matched: integer,
          one_sided: listOf(object({ test: string, never: oneOf("true", "false") })),
        }),
      ),
    ),
  }),
  plan: object({
    version: { const: "v1" },
    active: orNull(object({ version, policy_hash: hash, rolled_back: boolean })),
    diff: object({
      rules: object({
        added: listOf(rule),
        removed: listOf(rule),
        changed: listOf(object({ before: rule, after: rule })),
      }),
      runtime: items,
      imports: items,
      agents: items,
      defaults: items,
      vars: items,
      uses: items,
      budgets: items,
      rate_limits: items,
      redactions: items,
      phases: items,
      egress: items,
      model_policy: items,
      order: items,
      wording: items,
      providers: items,
      blocks: items,
    }),
    replay: orNull(
      object({
        window: string,
        total: integer,
        not_replayable: integer,
        transitions: object(Object.fromEntries(transitionNames.map((name) => [name, transitionList])), transitionNames),
      }),
    ),
    access: orNull(
      object({
        gained: accessList,
        lost: accessList,
        unknown: listOf(object({ agent: orNull(string), tool: string, why: string })),
      }),
    ),
  }),
  apply: {
    anyOf: [
      object({
        version,
        policy_hash: hash,
        image_hash: hash,
        changed: boolean,
        swapped: boolean,
        started: boolean,
        pid: orNull(integer),
        socket: string,
        phases_started: listOf(string),
      }),
      object({ stopped: boolean, pid: orNull(integer) }),
    ],
  },
  rollback: object({ version, from_version: version, policy_hash: hash, image_hash: hash, changed: boolean }),
  history: object({
    versions: listOf(
      object({
        version,
        time,
        change: oneOf("apply", "rollback", "promote"),
        actor: string,
        summary: string,
        policy_hash: hash,
        image_hash: hash,
        active: boolean,
      }),
    ),
  }),
  status: object({
    daemon: runningDaemon,
    providers: listOf(openObject),
    notices: listOf(string),
    budgets: listOf(
      object({
        id: string,
        agent: string,
        session: orNull(string),
        spent_usd: number,
        max_usd: orNull(number),
        calls: integer,
        max_calls: orNull(integer),
      }),
    ),
    approvals: object({ pending: integer, oldest_age_seconds: orNull(number) }),
    grants: object({ active: integer }),
    stopped: listOf(hold),
    limits: listOf(object({ name: string, count: integer, window_seconds: number })),
    phases: listOf(
      object({
        name: string,
        agent: string,
        ends_in_seconds: orNull(number),
        next: string,
        state: oneOf("waiting", "running", "spent"),
      }),
    ),
  }),
  "approvals list": object({ approvals: listOf(approval) }),
  "approvals pending": object({ approvals: listOf(approval) }),
  "approvals history": object({ approvals: listOf(approval) }),
  "approvals show": object({ approval }),
  "approvals approve": object({ approval }),
  "approvals deny": object({ approval }),
  "approvals watch": object({ event: oneOf("created", "approved", "denied", "expired", "used"), approval }),
  "approvals grants": object({ grants: listOf(grant) }),
  "approvals grants list": object({ grants: listOf(grant) }),
  "approvals grants add": object({ grant }),
  "approvals grants revoke": object({ grant }),
  agent: object({ all: agent, agents: listOf(agent) }),
  "agent list": object({ all: agent, agents: listOf(agent) }),
  "agent show": object({
    agent: object({
      ...agentMembers,
      completion_gates: listOf(string),
      budgets: listOf(
        object({
          id: string,
          session: orNull(string),
          spent_usd: number,
          max_usd: orNull(number),
          calls: integer,
          max_calls: orNull(integer),
        }),
      ),
      pending: listOf(string),
      grants: listOf(grant),
    }),
  }),
  "agent quiesce": ordered,
  "agent resume": ordered,
  "agent kill": ordered,
  "audit tail": record,
  "audit show": object({ file: string, offset: integer, record }),
  "audit ls": object({ records: listOf(record) }),
  "audit verify": { anyOf: [verified, proved] },
  "audit prove": object({ seq: integer, size: integer, origin: string, out: orNull(string), proof: string }),
  "audit export": object({ records: listOf(record) }),
  "audit query": object({ columns: listOf(object({ name: string, type: string })), rows: listOf(openObject) }),
  "audit witness": object({ size: integer, root: hash }),
  "key show": object({ origin: string, keys: listOf(object({ kind: oneOf("log", "witness"), key: string })) }),
  "key rotate": object({ key: string }),
  "witness serve": object({ url: string, key: string }),
  explain: explanation(),
  "explain decision": explanation(),
  "explain approval": explanation(),
  "explain run": object({
    request_id: string,
    agents: listOf(string),
    from: time,
    to: time,
    counts: object(effectCounts),
    cost_usd: number,
    total: integer,
    decisions: listOf(
      object({
        seq: integer,
        time,
        action_id: string,
        agent_id: string,
        session_id: string,
        tool: string,
        effect,
        would: orNull(effect),
        code: string,
        reason: string,
        rule_ref: orNull(string),
      }),
    ),
    outcomes: listOf(object({ seq: integer, time, action_id: string, status: string })),
  }),
  "explain agent": object({
    agent_id: string,
    state: stopState,
    holds: listOf(hold),
    first: orNull(time),
    last: orNull(time),
    cost_usd: number,
    tools: listOf(object({ tool: string, ...effectCounts })),
    codes: { type: "object", additionalProperties: integer },
    approvals: integer,
    grants: integer,
    outcomes: integer,
    orders: listOf(object({ time, agent_id: string, change: string, actor: string, reason: string })),
  }),
  "explain rule": object({
    number: integer,
    agent: string,
    effect: oneOf("permit", "deny", "defer", "deny!"),
    pattern: string,
    text: string,
    reason: orNull(string),
    notify: listOf(string),
    phase: orNull(string),
    rule_ref: orNull(string),
    version,
    decisions: { type: "object", additionalProperties: integer },
    last: orNull(time),
  }),
  disassemble: object({ listing: string }),
  assemble: object({ file: string, bytes: integer, policy_hash: hash, image_hash: hash }),
  dev: object({ version, policy_hash: hash, changed: boolean }),
  destroy: object({ removed: listOf(string), kept: listOf(string) }),
  schema: openObject,
};

function explanation(): Schema {
  return object({
    action_id: string,
    seq: integer,
    time,
    agent_id: string,
    session_id: string,
    tool: string,
    args: anything,
    inputs: anything,
    redacted: listOf(string),
    policy_version: orNull(version),
    policy_hash: orNull(hash),
    mode: string,
    effect,
    would: orNull(effect),
    code: string,
    reason: string,
    rule_ref: orNull(string),
    rules: listOf(
      object({
        number: integer,
        rule: integer,
        text: string,
        rule_ref: orNull(string),
        outcome: oneOf("match", "no match", "not known"),
        tests: listOf(
          object({
            operand: string,
            operator: string,
            expected: string,
            found: string,
            result: oneOf("true", "false", "unknown"),
          }),
        ),
      }),
    ),
    meters: listOf(string),
    phase: orNull(string),
    gap: orNull(string),
    alternative: orNull(object({ number: integer, change: string })),
    approval_id: orNull(string),
    approvals: listOf(record),
    outcomes: listOf(record),
  });
}

/** Commands whose output is one JSON value a line. */
export const streams: ReadonlySet<string> = new Set(["audit tail", "approvals watch", "dev", "status --watch"]);

/** By command, as typed: "approvals list". A command that fails writes `{"error": …}` instead of its result. */
export const schemas: Readonly<Record<string, Schema>> = Object.fromEntries(
  Object.entries(results).map(([command, result]) => [
    command,
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: `faramesh ${command} --format json${streams.has(command) ? ", one line" : ""}`,
      anyOf: [result, failure],
    },
  ]),
);
