// The shapes of the HTTP door: what requests are checked against, and what the OpenAPI document is made from. A call to be
// decided is read by the decider alone; its schema here describes it.
import * as v from "valibot";
import { codes } from "../../codes.ts";
import { actionTypes, nameLimitBytes, tagLimitBytes, tagsMax } from "../../request.ts";

const id = v.pipe(v.string(), v.minLength(1), v.maxLength(nameLimitBytes));
const anyObject = v.record(v.string(), v.unknown());
const effect = v.picklist(["PERMIT", "DEFER", "DENY"]);
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const code = v.picklist(Object.keys(codes) as [string, ...string[]]);
const deferStatuses = v.picklist(["pending", "approved", "denied", "expired", "unknown"]);

export const call = v.looseObject({
  agent_id: v.optional(v.nullable(id)),
  tool_id: v.optional(v.nullable(v.string())),
  tool: v.optional(v.nullable(v.string())),
  operation: v.optional(v.nullable(v.string())),
  args: v.optional(v.nullable(anyObject)),
  call_id: v.optional(v.nullable(id)),
  session_id: v.optional(v.nullable(id)),
  request_id: v.optional(v.nullable(id)),
  approval_id: v.optional(v.nullable(id)),
  action_type: v.optional(v.nullable(v.picklist(actionTypes))),
  http: v.optional(v.nullable(anyObject)),
  principal: v.optional(v.nullable(anyObject)),
  model: v.optional(v.nullable(v.string())),
  purpose: v.optional(v.nullable(v.string())),
  delegation: v.optional(v.nullable(anyObject)),
  cost_usd: v.optional(v.nullable(v.number())),
  usage: v.optional(v.nullable(anyObject)),
  tags: v.optional(v.nullable(v.pipe(v.array(v.pipe(v.string(), v.maxLength(tagLimitBytes))), v.maxLength(tagsMax)))),
});

const resolution = v.variant("type", [
  v.strictObject({ type: v.literal("rule_block"), rule_id: v.string() }),
  v.strictObject({ type: v.literal("pending_approval"), approval_id: v.string() }),
  v.strictObject({ type: v.literal("retry_after"), retry_after_seconds: v.number() }),
  v.strictObject({ type: v.literal("budget_reset"), budget_id: v.string(), resets_at: v.nullable(v.string()) }),
  v.strictObject({ type: v.literal("pending_approvals"), approval_ids: v.array(v.string()) }),
  v.strictObject({ type: v.literal("manual_audit") }),
]);

export const decision = v.strictObject({
  call_id: v.string(),
  action_id: v.string(),
  effect,
  would: v.optional(effect),
  latency_ms: v.number(),
  latency_us: v.number(),
  retry_permitted: v.boolean(),
  reason: v.string(),
  reason_code: code,
  rule_ref: v.nullable(v.string()),
  policy_version: v.nullable(v.string()),
  policy_hash: v.nullable(v.string()),
  args_sha256: v.optional(hash),
  approval_id: v.optional(v.string()),
  grant_id: v.optional(v.string()),
  receipt: v.optional(v.strictObject({ seq: v.number(), leaf: hash, size: v.number(), root: hash })),
  defer_token: v.optional(v.string()),
  denial_token: v.optional(v.string()),
  structured_denial: v.optional(
    v.strictObject({
      code,
      rule_ref: v.optional(v.string()),
      human_message: v.string(),
      resolution,
      next_steps: v.optional(v.array(v.string())),
    }),
  ),
  warnings: v.optional(v.array(v.strictObject({ code, budget_id: v.string() }))),
  credential: v.optional(
    v.strictObject({
      id: v.string(),
      ref: v.string(),
      values: v.record(v.string(), v.string()),
      expires_at: v.nullable(v.string()),
      stub: v.optional(v.literal(true)),
    }),
  ),
});

/** Every answer that is no 2xx and no decision. */
export const refusal = v.strictObject({ error: v.strictObject({ code: v.string(), message: v.string() }) });

export const report = v.looseObject({
  action_id: v.string(),
  status: v.string(),
  agent_id: v.optional(id),
  result: v.optional(v.unknown()),
  duration_ms: v.optional(v.number()),
  provider: v.optional(v.string()),
  cost_usd: v.optional(v.number()),
  model: v.optional(v.string()),
  usage: v.optional(anyObject),
});
export const reported = v.looseObject({ type: v.literal("report"), action_id: v.string(), recorded: v.boolean() });

export const cost = v.looseObject({
  action_id: v.string(),
  cost_usd: v.optional(v.number()),
  model: v.optional(v.string()),
  usage: v.optional(anyObject),
  agent_id: v.optional(id),
});
export const costed = v.looseObject({ type: v.literal("cost"), action_id: v.string(), changed: v.boolean() });

export const completion = v.looseObject({ agent_id: v.optional(id), session_id: v.optional(id) });

export const scan = v.looseObject({ tool_id: v.string(), output: v.unknown(), agent_id: v.optional(id) });
export const scanned = v.strictObject({
  type: v.literal("scan_output"),
  action: v.picklist(["pass", "redact"]),
  output: v.unknown(),
  redacted: v.array(v.string()),
  truncated: v.boolean(),
});

export const approvalStatus = v.strictObject({
  approval_id: v.string(),
  defer_token: v.string(),
  status: deferStatuses,
});
export const approvalView = v.looseObject({
  id: v.string(),
  agent_id: v.string(),
  tool: v.string(),
  status: v.string(),
});
export const approvalList = v.strictObject({ approvals: v.array(approvalView) });
export const approvalAnswer = v.strictObject({ approval: approvalView });
export const approvalShown = v.union([approvalStatus, approvalAnswer]);
export const approvalMissing = v.union([approvalStatus, refusal]);
export const approve = v.strictObject({
  reason: v.optional(v.pipe(v.string(), v.maxLength(1024))),
  args: v.optional(anyObject),
});
export const deny = v.strictObject({ reason: v.optional(v.pipe(v.string(), v.maxLength(1024))) });

const agentStatus = v.strictObject({
  type: v.literal("status"),
  state: v.string(),
  policy_version: v.nullable(v.string()),
  policy_hash: v.nullable(v.string()),
});
const fullStatus = v.looseObject({ daemon: v.looseObject({ state: v.string(), pid: v.number() }) });
export const status = v.union([agentStatus, fullStatus]);

export const live = v.strictObject({ status: v.literal("live") });
export const ready = v.strictObject({ status: v.picklist(["ready", "not_ready"]), state: v.string() });

export const noQuery = v.strictObject({});
export const streamQuery = v.strictObject({
  kind: v.optional(v.picklist(["audit", "callback"])),
  agent_id: v.optional(id),
});
export const approvalsQuery = v.strictObject({
  status: v.optional(v.picklist(["pending", "approved", "denied", "expired", "used"])),
  agent_id: v.optional(id),
});

// AuthZEN Authorization API 1.0, sections 5 to 9.
const entity = v.looseObject({ type: v.string(), id: v.string(), properties: v.optional(anyObject) });
const action = v.looseObject({ name: v.string(), properties: v.optional(anyObject) });
export const evaluation = v.looseObject({
  subject: entity,
  action,
  resource: entity,
  context: v.optional(anyObject),
});
export const evaluations = v.looseObject({
  subject: v.optional(entity),
  action: v.optional(action),
  resource: v.optional(entity),
  context: v.optional(anyObject),
  evaluations: v.optional(v.array(anyObject)),
  options: v.optional(
    v.looseObject({
      evaluations_semantic: v.optional(v.picklist(["execute_all", "deny_on_first_deny", "permit_on_first_permit"])),
    }),
  ),
});
export const evaluated = v.strictObject({ decision: v.boolean(), context: v.optional(anyObject) });
export const evaluatedList = v.strictObject({ evaluations: v.array(evaluated) });
export const authzenMetadata = v.strictObject({
  policy_decision_point: v.string(),
  access_evaluation_endpoint: v.string(),
  access_evaluations_endpoint: v.string(),
});

/** Text that is no JSON. */
export const anything = v.string();
export const document = v.looseObject({ openapi: v.string(), info: v.looseObject({}), paths: anyObject });
