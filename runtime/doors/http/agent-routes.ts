// What an agent asks over HTTP: decisions, what became of calls, the state of its approvals. The decider answers as it answers
// the agents' socket; nothing here may judge, or make an agent another one.
import { finished } from "node:stream";
import type { JsonObject } from "../../json.ts";
import type { GovernAnswer } from "../agent-protocol.ts";
import { completionOf, followUp } from "../followups.ts";
import type { Door } from "../kinds.ts";
import { deferStatus, recordOperatorRefused, recordUndelivered } from "../refusals.ts";
import { vouchedFor } from "../vouched.ts";
import {
  type Asked,
  type Caller,
  callerOf,
  ofCaller,
  type Reply,
  type Route,
  readyPolicy,
  refused,
  reply,
} from "./asked.ts";
import * as shapes from "./schemas.ts";

const agents = ["agent"] as const;
const malformed: ReadonlySet<string> = new Set(["BAD_REQUEST", "BAD_TOOL_NAME"]);

/** 200 for every decision; 400 for a call that could not be read as one. */
function decisionReply({ outgoing, around }: Asked, answer: GovernAnswer): Reply {
  if (outgoing.destroyed) recordUndelivered(around.governor, answer);
  else {
    finished(outgoing, () => {
      if (!outgoing.writableFinished) recordUndelivered(around.governor, answer);
    });
  }
  return { status: malformed.has(answer.reason_code) ? 400 : 200, text: JSON.stringify(answer) };
}

export async function decide(asked: Asked, message: JsonObject, door: Door = "http"): Promise<GovernAnswer> {
  const caller = callerOf(asked);
  return asked.around.decider.govern(ofCaller(message, caller), caller.gate, { ...caller.identity, door });
}

async function unreadable(asked: Asked, why: string): Promise<Reply> {
  const { gate, identity } = callerOf(asked);
  const refusedCall = { code: "BAD_REQUEST", message: why, callId: null, sessionId: "default", tool: "" } as const;
  const call = { ...refusedCall, agentId: identity.agentId ?? "" };
  return decisionReply(asked, await asked.around.decider.refuse(call, gate, identity));
}

function evaluation(path: string, summary: string): Route {
  return {
    method: "POST",
    path,
    access: agents,
    summary,
    body: shapes.call,
    answers: { 200: shapes.decision, 400: shapes.decision },
    unreadable,
    handle: async (asked) => decisionReply(asked, await decide(asked, asked.body ?? {})),
  };
}

type FollowUp = "report" | "cost" | "scan_output";

/** The route of a message about a call that was decided before. */
function following(type: FollowUp, summary: string, body: Route["body"], answer: Route["answers"][number]): Route {
  const path = `/v1/${type}`;
  return {
    method: "POST",
    path,
    access: agents,
    summary,
    body,
    answers: { 200: answer },
    handle: (asked) => follow(asked, type),
  };
}

async function follow(asked: Asked, type: FollowUp): Promise<Reply> {
  const active = readyPolicy(asked.around);
  if (active === null) return refused(503, "NOT_READY", "the daemon is not ready");
  const caller = callerOf(asked);
  const message = await vouchedFor(asked.around.governor, ofCaller({ ...asked.body, type }, caller), caller.identity);
  if (typeof message === "string") return refused(403, "IDENTITY_UNVERIFIED", message);
  if (isForeign(message, caller)) return refused(403, "OTHER_AGENT", "the token is another agent's");
  const outcome = await followUp(asked.around.governor, active, message);
  if (outcome.ok) return reply(200, outcome.answer);
  return refused(outcome.code === "NOT_FOUND" ? 404 : 400, outcome.code, outcome.message);
}

function isForeign(message: JsonObject, { identity }: Caller): boolean {
  return identity.agentId !== null && message.agent_id !== identity.agentId;
}

/** An agent's order to approve is refused, and written down. */
export async function refuseApproval(asked: Asked, type: string): Promise<Reply> {
  const { token, gate } = callerOf(asked);
  const detail = { type, agent_id: token.agent_id ?? "", token: token.id, wrong_token: false };
  await recordOperatorRefused(asked.around.governor, gate, detail);
  return refused(403, "OPERATOR_ONLY", "an agent's token approves nothing");
}

export const agentRoutes: readonly Route[] = [
  evaluation("/v1/evaluate", "Decide a call"),
  evaluation("/v1/authorize", "Decide a call: another name of /v1/evaluate"),
  {
    method: "POST",
    path: "/v1/complete",
    access: agents,
    summary: "Ask whether the work may end",
    body: shapes.completion,
    answers: { 200: shapes.decision, 400: shapes.decision },
    unreadable,
    handle: async (asked) => decisionReply(asked, await decide(asked, completionOf(asked.body ?? {}))),
  },
  following("report", "Record what became of a permitted call", shapes.report, shapes.reported),
  following("cost", "Correct what a permitted call cost", shapes.cost, shapes.costed),
  following("scan_output", "Take out of a tool's output what the policy redacts", shapes.scan, shapes.scanned),
];

/** The state of one approval of this agent. */
export function agentApproval(asked: Asked): Reply {
  const { identity } = callerOf(asked);
  const { status, defer_token } = deferStatus(asked.around.governor, asked.params.id ?? "", identity.agentId);
  return reply(status === "unknown" ? 404 : 200, { approval_id: defer_token, defer_token, status });
}
