// One recorded decision as a span of OpenTelemetry's GenAI conventions, in OTLP's JSON form. Pure; it must never hold an argument of
// a call or a principal.
import type { Code } from "../codes.ts";
import type { Effect } from "../evaluator/types.ts";

/** What a span says of a decision. */
export interface Decided {
  readonly tool: string;
  readonly agentId: string;
  readonly sessionId: string;
  readonly callId: string | null;
  readonly actionId: string;
  readonly effect: Effect;
  readonly code: Code;
  readonly ruleRef: string | null;
  readonly policyVersion: string;
  /** Wall clock, microseconds. */
  readonly startUs: number;
  readonly endUs: number;
  /** As the request had it; null without one. */
  readonly traceparent: string | null;
}

export interface Parent {
  /** 32 and 16 hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const sampledBit = 1;
const internalKind = 1;

/** W3C Trace Context, section 3.2; null for what is no traceparent. */
export function parentOf(traceparent: string): Parent | null {
  const [, version, traceId = "", spanId = "", flags = "", rest] = form.exec(traceparent) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & sampledBit) !== 0 };
}

/** `ids` are new ones, for the span and for the trace where the request names none. */
export function spanOf(decided: Decided, parent: Parent | null, ids: { traceId: string; spanId: string }): object {
  const texts: readonly (readonly [string, string | null])[] = [
    ["gen_ai.operation.name", "execute_tool"],
    ["gen_ai.tool.name", decided.tool],
    ["gen_ai.tool.call.id", decided.callId],
    ["gen_ai.agent.id", decided.agentId],
    ["gen_ai.conversation.id", decided.sessionId],
    ["faramesh.action_id", decided.actionId],
    ["faramesh.effect", decided.effect],
    ["faramesh.code", decided.code],
    ["faramesh.rule_ref", decided.ruleRef],
    ["faramesh.policy_version", decided.policyVersion],
  ];
  return {
    traceId: parent?.traceId ?? ids.traceId,
    spanId: ids.spanId,
    ...(parent === null ? {} : { parentSpanId: parent.spanId }),
    name: `execute_tool ${decided.tool}`,
    kind: internalKind,
    startTimeUnixNano: nanosecondsText(decided.startUs),
    endTimeUnixNano: nanosecondsText(decided.endUs),
    attributes: texts.flatMap(([key, text]) => (text === null ? [] : [{ key, value: { stringValue: text } }])),
  };
}

/** The body of `POST /v1/traces`. */
export function batchOf(spans: readonly object[], serviceName: string): string {
  const resource = { attributes: [{ key: "service.name", value: { stringValue: serviceName } }] };
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "faramesh" }, spans }] }] });
}

function nanosecondsText(timeUs: number): string {
  return `${BigInt(Math.round(timeUs)) * 1000n}`;
}
