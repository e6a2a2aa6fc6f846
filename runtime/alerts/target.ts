// Whom an alert goes to, read from what stands behind `notify`, and how it is said there. Pure: values of variables are handed in,
// and no problem that it tells may show one.
import { createHmac } from "node:crypto";
import type { HostValue } from "../../compiler/lower/host-value.ts";
import { canonicalJson, type JsonObject } from "../json.ts";

export type TargetRef = string | { readonly env: string };
type Environment = { readonly [name: string]: string | undefined };

/** Signs webhooks; absent: they go unsigned. */
export const secretVariable = "FARAMESH_WEBHOOK_SECRET";
/** The incoming webhook that `slack://#channel` stands for. */
export const slackVariable = "SLACK_WEBHOOK_URL";

export interface Target {
  readonly form: "webhook" | "slack";
  readonly url: string;
  readonly channel: string | null;
}

export interface Unreachable {
  readonly problem: string;
}

export function targetRefOf(value: HostValue): TargetRef | null {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null && "env" in value ? { env: value.env } : null;
}

/** As it may be shown: the variable's name or the scheme, and of a URL no more than its host. */
export function shownTarget(ref: TargetRef): string {
  if (typeof ref !== "string") return `env("${ref.env}")`;
  const text = ref.replace(/^webhook:/, "");
  if (/^https?:/.test(text)) return URL.canParse(text) ? new URL(text).host : "a URL that cannot be read";
  return ref;
}

export function targetOf(ref: TargetRef, env: Environment): Target | Unreachable {
  const text = typeof ref === "string" ? ref : env[ref.env];
  if (text === undefined || text === "") return { problem: `${shownTarget(ref)} is not set` };
  const channel = /^slack:\/\/(.+)$/.exec(text)?.[1];
  if (channel !== undefined) {
    const url = env[slackVariable];
    return url ? { form: "slack", url, channel } : { problem: `${slackVariable} is not set` };
  }
  const url = text.replace(/^webhook:(?=https?:)/, "");
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    const what = typeof ref === "string" ? `\`${ref}\`` : shownTarget(ref);
    return { problem: `${what} is neither https://… nor slack://…` };
  }
  return { form: new URL(url).hostname === "hooks.slack.com" ? "slack" : "webhook", url, channel: null };
}

export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * What is sent. A webhook gets the alert as JSON; `x-faramesh-signature` is `v1=` and the HMAC-SHA256, in hex, of the timestamp
 * (Unix seconds), a dot and the body.
 */
export function messageOf(target: Target, id: string, alert: JsonObject, secret: string, nowSeconds: number): Message {
  const type = { "content-type": "application/json" };
  if (target.form === "slack") {
    const text = sentenceOf(alert);
    const said: JsonObject = target.channel === null ? { text } : { text, channel: target.channel };
    return { headers: type, body: canonicalJson(said) };
  }
  const body = canonicalJson({ id, ...alert });
  const timestamp = String(nowSeconds);
  const headers = { ...type, "x-faramesh-delivery": id, "x-faramesh-timestamp": timestamp };
  if (secret === "") return { headers, body };
  const signature = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return { headers: { ...headers, "x-faramesh-signature": `v1=${signature}` }, body };
}

function sentenceOf(alert: JsonObject): string {
  const { event, agent_id, tool, reason, approval_id } = alert;
  const waits = typeof approval_id === "string" ? ` (${approval_id})` : "";
  return escaped(`faramesh: ${event}: ${agent_id} ${tool}: ${reason}${waits}`);
}

/** Slack's three control characters; nothing that an agent sends may become a link or a mention. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
