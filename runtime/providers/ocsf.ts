// A record in the words of the Open Cybersecurity Schema Framework 1.5: a decision as API Activity (class 6003), anything else as a Base
// Event. The record itself stands whole in `unmapped`. Source: schema.ocsf.io, version 1.5.0.
import type { Json, JsonObject } from "../json.ts";

const version = "1.5.0";
const product = { name: "faramesh", vendor_name: "faramesh" };
const other = 99;

/** severity_id, status_id and action_id by effect. */
const effects: Readonly<Record<string, { severity: number; status: number; action: number; disposition: string }>> = {
  permit: { severity: 1, status: 1, action: 1, disposition: "Allowed" },
  defer: { severity: 2, status: other, action: other, disposition: "Deferred" },
  deny: { severity: 3, status: 2, action: 2, disposition: "Blocked" },
};

export function ocsfOf(record: JsonObject): JsonObject {
  const { seq = 0, hash = null, time, type } = record;
  const at = typeof time === "string" ? Date.parse(time) : Number.NaN;
  const common: JsonObject = {
    time: Number.isNaN(at) ? 0 : at,
    metadata: { version, product, sequence: seq, uid: hash, log_name: "faramesh", event_code: type ?? null },
    unmapped: record,
  };
  return type === "decision" ? decision(record, common) : base(common, String(type));
}

function decision(record: JsonObject, common: JsonObject): JsonObject {
  const {
    action_id = null,
    agent_id = null,
    tool = null,
    effect = "",
    code = null,
    reason = null,
    session_id = null,
  } = record;
  const { severity, status, action, disposition } = effects[String(effect)] ?? {
    severity: 0,
    status: 0,
    action: other,
    disposition: "Unknown",
  };
  return {
    ...common,
    category_uid: 6,
    class_uid: 6003,
    activity_id: other,
    activity_name: "Tool call",
    type_uid: 600_399,
    severity_id: severity,
    status_id: status,
    status: String(effect),
    status_code: code,
    status_detail: reason,
    action_id: action,
    disposition,
    actor: { app_name: agent_id, session: { uid: session_id } },
    api: { operation: tool, request: { uid: action_id } },
    src_endpoint: { name: agent_id },
  };
}

function base(common: JsonObject, type: string): JsonObject {
  const kinds: Json = type;
  return {
    ...common,
    category_uid: 0,
    class_uid: 0,
    activity_id: other,
    activity_name: kinds,
    type_uid: other,
    severity_id: 1,
  };
}
