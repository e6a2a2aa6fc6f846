// What the proxy's ways share: the question put to the decider, the words of a refusal, and the outcome that is recorded. Nothing here
// judges.

import type { Decider } from "../../decide.ts";
import type { FloodGate } from "../../flood.ts";
import type { Governor } from "../../governor.ts";
import type { JsonObject } from "../../json.ts";
import type { TokenView } from "../../tokens.ts";
import type { GovernAnswer } from "../agent-protocol.ts";
import { followUp } from "../followups.ts";
import type { ProxyCaller } from "./caller.ts";

export interface ProxyParts {
  readonly governor: Governor;
  readonly decider: Decider;
  /** Of the policy in force. */
  allowPrivate(): boolean;
  gateOf(token: TokenView): FloodGate;
}

export interface ProxyLimits {
  readonly headBytes: number;
  readonly headMs: number;
  readonly connections: number;
  /** Of a body that is judged, in the reverse direction. */
  readonly bodyBytes: number;
  readonly bodiesBytes: number;
  /** Until such a body has come whole. */
  readonly bodyMs: number;
  /** Until the other side has taken the connection. */
  readonly connectMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
}

export const proxyLimits: ProxyLimits = {
  headBytes: 16 * 1024,
  headMs: 10_000,
  connections: 1024,
  bodyBytes: 8 * 1024 * 1024,
  bodiesBytes: 64 * 1024 * 1024,
  bodyMs: 30_000,
  connectMs: 10_000,
  idleMs: 300_000,
};

/** An answer of the proxy itself. */
export interface Said {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export function said(status: number, body: object, more: Readonly<Record<string, string>> = {}): Said {
  const text = `${JSON.stringify(body)}\n`;
  const length = String(Buffer.byteLength(text));
  const headers = {
    "content-type": "application/json",
    "content-length": length,
    "cache-control": "no-store",
    ...more,
  };
  return { status, headers, text };
}

export function fault(status: number, code: string, message: string): Said {
  return said(status, { error: { code, message } });
}

export function unknownCaller(): Said {
  const error = {
    code: "UNAUTHORIZED",
    message: "a token of an agent is needed: http://agent:TOKEN@host:port as the proxy",
  };
  return said(407, { error }, { "proxy-authenticate": 'Basic realm="faramesh"' });
}

/** The decision in the words of HTTP; a call that cannot be read as one is the caller's mistake. */
export function refusal(answer: GovernAnswer): Said {
  const status = answer.reason_code === "BAD_REQUEST" || answer.reason_code === "BAD_TOOL_NAME" ? 400 : 403;
  return said(status, answer, { "x-faramesh-code": answer.reason_code });
}

export async function ask(parts: ProxyParts, caller: ProxyCaller, call: JsonObject): Promise<GovernAnswer> {
  const { agentId, sessionId, approvalId } = caller;
  const message = { ...call, agent_id: agentId, session_id: sessionId, approval_id: approvalId };
  return parts.decider.govern(message, parts.gateOf(caller.token), caller.identity);
}

/** What became of a permitted call. A log that cannot take it stops the daemon by itself. */
export async function tell(
  { governor }: ProxyParts,
  { agentId }: ProxyCaller,
  actionId: string,
  outcome: { readonly status: "succeeded" | "failed"; readonly result: JsonObject },
): Promise<void> {
  const { active } = governor.policies;
  if (active === null || !governor.ledger.isUsable) return;
  try {
    await followUp(governor, active, { type: "report", action_id: actionId, agent_id: agentId, ...outcome });
  } catch (error) {
    governor.journal.error({ err: error, action_id: actionId }, "an outcome could not be recorded");
  }
}
