// What the requests of operators have in common: how their members are read, and how one is refused. It carries out nothing.
import type { OperatorErrorCode } from "./doors/protocol.ts";
import type { Json, JsonObject } from "./json.ts";
import { cutText } from "./log/decision.ts";
import { nameLimitBytes } from "./request.ts";

const actorLimitBytes = 256;
const reasonLimitBytes = 1024;

/** The operator's wish cannot be carried out. The desk makes it an answer. */
export class Refusal extends Error {
  readonly code: OperatorErrorCode;
  constructor(code: OperatorErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function optionalText(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** Who asks, as the client says. */
export function actorOf(message: JsonObject): string {
  return cutText(optionalText(message.actor) ?? "operator", actorLimitBytes);
}

export function reasonOf(message: JsonObject): string {
  return cutText(optionalText(message.reason) ?? "", reasonLimitBytes);
}

/** Words in which other clients say what they decided; read as nothing, a denial would approve. */
const decidedBy = ["approve", "decision", "status", "effect", "resolution"] as const;

/** What an `approve_defer` orders: clients of the field deny with `approved: false`. */
export function resolutionOf(message: JsonObject): "approved" | "denied" {
  const { approved = true } = message;
  const other = decidedBy.find((name) => message[name] !== undefined);
  if (other !== undefined) {
    throw new Refusal("BAD_REQUEST", `\`${other}\` is not read: \`approved\`, true or false, says what was decided`);
  }
  if (typeof approved !== "boolean") throw new Refusal("BAD_REQUEST", "`approved` must be true or false");
  if (!approved && message.args !== undefined) {
    throw new Refusal("BAD_REQUEST", "`args` narrow what is approved: they do not go with `approved: false`");
  }
  return approved ? "approved" : "denied";
}

/** `*` stands for every agent. */
export function agentIdOf(message: JsonObject): string {
  const id = optionalText(message.agent_id);
  if (id === null) throw new Refusal("BAD_REQUEST", "`agent_id` is missing");
  if (Buffer.byteLength(id) > nameLimitBytes) {
    throw new Refusal("BAD_REQUEST", `\`agent_id\` is longer than ${nameLimitBytes} bytes`);
  }
  return id;
}
