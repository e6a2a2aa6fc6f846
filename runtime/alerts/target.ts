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
/** The integration key that `pagerduty` stands for. */
export const pagerDutyVariable = "PAGERDUTY_ROUTING_KEY";
/** Where events go instead of PagerDuty's own address, for its other regions and for relays. */
const pagerDutyUrlVariable = "PAGERDUTY_EVENTS_URL";
const pagerDutyUrl = "https://events.pagerduty.com/v2/enqueue";
/** smtps://user:password@host:465, or smtp://…:587, where STARTTLS is asked for; and whom the mail is from. */
export const smtpVariable = "FARAMESH_SMTP_URL";
export const mailFromVariable = "FARAMESH_SMTP_FROM";

export type Target =
  | { readonly form: "webhook"; readonly url: string }
  | { readonly form: "slack"; readonly url: string; readonly channel: string | null }
  | { readonly form: "pagerduty"; readonly url: string; readonly routingKey: string }
  | { readonly form: "email"; readonly url: string; readonly from: string; readonly to: string };

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
  if (/^pagerduty(?::|$)/.test(text)) return pagerDutyTarget(ref, text, env);
  const mailed = /^(?:mailto:|email:(?:\/\/)?)(.*)$/.exec(text)?.[1];
  if (mailed !== undefined) return mailTarget(mailed, env);
  const url = text.replace(/^webhook:(?=https?:)/, "");
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    const what = typeof ref === "string" ? `\`${ref}\`` : shownTarget(ref);
    return { problem: `${what} is none of https://…, slack://…, mailto:… and pagerduty` };
  }
  return new URL(url).hostname === "hooks.slack.com" ? { form: "slack", url, channel: null } : { form: "webhook", url };
}

function pagerDutyTarget(ref: TargetRef, text: string, env: Environment): Target | Unreachable {
  const written = text.slice("pagerduty:".length);
  if (written !== "" && typeof ref === "string") {
    return { problem: `pagerduty: the key belongs in a variable: \`notify = "pagerduty"\` and ${pagerDutyVariable}` };
  }
  const routingKey = written === "" ? env[pagerDutyVariable] : written;
  if (!routingKey) return { problem: `${pagerDutyVariable} is not set` };
  return { form: "pagerduty", url: env[pagerDutyUrlVariable] || pagerDutyUrl, routingKey };
}

/** One address and nothing else: no list, no name, no header. */
const mailAddress = /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/;

function mailTarget(to: string, env: Environment): Target | Unreachable {
  if (!mailAddress.test(to)) return { problem: "what stands behind mailto: is no mail address" };
  const [url, from] = [env[smtpVariable], env[mailFromVariable]];
  if (!url) return { problem: `${smtpVariable} is not set` };
  if (!/^smtps?:\/\//.test(url) || !URL.canParse(url))
    return { problem: `${smtpVariable} is no smtps://… or smtp://…` };
  if (!from || !mailAddress.test(from)) return { problem: `${mailFromVariable} is no mail address` };
  return { form: "email", url, from, to };
}

export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * What is sent. A webhook gets the alert as JSON; `x-faramesh-signature` is `v1=` and the HMAC-SHA256, in hex, of the timestamp
 * (Unix seconds), a dot and the body.
 */
export function messageOf(
  target: Exclude<Target, { form: "email" }>,
  id: string,
  alert: JsonObject,
  secret: string,
  nowSeconds: number,
): Message {
  const type = { "content-type": "application/json" };
  if (target.form === "pagerduty") return { headers: type, body: canonicalJson(eventOf(target.routingKey, id, alert)) };
  if (target.form === "slack") {
    const text = escaped(sentenceOf(alert));
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

/** Summaries of PagerDuty and subjects of mails. */
const summaryLimit = 1024;
const subjectLimit = 160;

/** What a call waits for is one incident from its defer to its approval; anything else is one of its own. */
function eventOf(routingKey: string, id: string, alert: JsonObject): JsonObject {
  const { event, agent_id, tool, approval_id } = alert;
  const waiting = typeof approval_id === "string" && (event === "defer" || event === "approved");
  const dedup_key = `faramesh-${waiting ? approval_id : id}`;
  if (event === "approved") return { routing_key: routingKey, event_action: "resolve", dedup_key };
  const severity = event === "budget_exceeded" ? "error" : "warning";
  const source = `faramesh/${agent_id}`;
  const summary = sentenceOf(alert).slice(0, summaryLimit);
  const payload = { summary, source, severity, component: String(tool), custom_details: alert };
  return { routing_key: routingKey, event_action: "trigger", dedup_key, payload };
}

export interface Mail {
  readonly subject: string;
  readonly text: string;
  /** The same at each try. */
  readonly messageId: string;
}

/** Plain text alone. What an agent supplied cannot end a line of its headers. */
export function mailOf(id: string, alert: JsonObject): Mail {
  const subject = plainLine(sentenceOf(alert)).slice(0, subjectLimit);
  const lines = Object.entries(alert).map(
    ([name, value]) => `${name}: ${plainLine(typeof value === "string" ? value : canonicalJson(value))}`,
  );
  return { subject, text: `${lines.join("\n")}\n`, messageId: `<${id}@faramesh.invalid>` };
}

function plainLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}

function sentenceOf(alert: JsonObject): string {
  const { event, agent_id, tool, reason, approval_id } = alert;
  const waits = typeof approval_id === "string" ? ` (${approval_id})` : "";
  return `faramesh: ${event}: ${agent_id} ${tool}: ${reason}${waits}`;
}

/** Slack's three control characters; nothing that an agent sends may become a link or a mention. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
