// What an operator's or monitor's token may ask, and what everybody may: approvals, status, health. Orders go to the desk, as from
// the operator's socket; an agent's are refused and recorded.
import type { JsonObject } from "../../json.ts";
import type { OperatorErrorCode } from "../protocol.ts";
import { agentApproval, refuseApproval } from "./agent-routes.ts";
import { type Asked, callerOf, type Reply, type Route, refused, reply } from "./asked.ts";
import * as shapes from "./schemas.ts";

const everybody = ["agent", "monitor", "operator"] as const;

const statuses: Readonly<Record<OperatorErrorCode, number>> = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  UNKNOWN_TYPE: 404,
  NOT_FOUND: 404,
  NOT_READY: 503,
  ALREADY_RESOLVED: 409,
  BAD_IMAGE: 400,
  UNSUPPORTED: 400,
  NO_EARLIER_VERSION: 409,
  AUDIT_UNAVAILABLE: 503,
  INTERNAL: 500,
};

/** What the desk answers, without its `ok`. */
async function order(asked: Asked, type: string, message: JsonObject): Promise<Reply> {
  const { token } = callerOf(asked);
  const answer = await asked.around.desk.handle(type, { ...message, actor: `${token.created_by} (${token.id})` });
  const { ok, ...rest } = answer as { ok: boolean; code?: OperatorErrorCode; message?: string };
  if (ok) return reply(200, rest);
  const code = rest.code ?? "INTERNAL";
  return refused(statuses[code], code, rest.message ?? "");
}

function isAgent(asked: Asked): boolean {
  return callerOf(asked).token.role === "agent";
}

function resolution(verb: "approve" | "deny", type: "approve_defer" | "deny"): Route {
  return {
    method: "POST",
    path: `/v1/approvals/{id}/${verb}`,
    // Let in so that the attempt is recorded.
    access: ["operator", "agent"],
    summary: `${verb === "approve" ? "Approve" : "Deny"} a deferred call (operators)`,
    body: verb === "approve" ? shapes.approve : shapes.deny,
    isChecked: true,
    answers: { 200: shapes.approvalAnswer },
    handle: (asked) => {
      if (isAgent(asked)) return refuseApproval(asked, type);
      return order(asked, type, { ...asked.body, id: asked.params.id ?? "" });
    },
  };
}

function health(path: string, summary: string, isReadiness: boolean): Route {
  return {
    method: "GET",
    path,
    access: "open",
    summary,
    answers: isReadiness ? { 200: shapes.ready, 503: shapes.ready } : { 200: shapes.live },
    handle: ({ around: { governor } }) => {
      if (!isReadiness) return reply(200, { status: "live" });
      const isReady = governor.state() === "READY" && governor.ledger.isUsable;
      return reply(isReady ? 200 : 503, { status: isReady ? "ready" : "not_ready", state: governor.state() });
    },
  };
}

export const operatorRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/status",
    access: everybody,
    summary: "The daemon's state; an agent learns less than an operator",
    answers: { 200: shapes.status },
    handle: (asked) => {
      if (!isAgent(asked)) return order(asked, "status", {});
      const { active } = asked.around.governor.policies;
      return reply(200, {
        type: "status",
        state: asked.around.governor.state(),
        policy_version: active?.version ?? null,
        policy_hash: active?.activation.policyHash ?? null,
      });
    },
  },
  {
    method: "GET",
    path: "/v1/approvals",
    access: ["operator"],
    summary: "The approvals (operators)",
    query: shapes.approvalsQuery,
    answers: { 200: shapes.approvalList },
    handle: (asked) => order(asked, "approvals_list", asked.query),
  },
  {
    method: "GET",
    path: "/v1/approvals/{id}",
    access: ["agent", "operator"],
    summary: "The state of an approval; an operator is shown all of it",
    answers: { 200: shapes.approvalShown, 404: shapes.approvalMissing },
    handle: (asked) =>
      isAgent(asked) ? agentApproval(asked) : order(asked, "approvals_show", { id: asked.params.id ?? "" }),
  },
  resolution("approve", "approve_defer"),
  resolution("deny", "deny"),
  health("/healthz", "The process answers", false),
  health("/readyz", "Calls are decided", true),
];
