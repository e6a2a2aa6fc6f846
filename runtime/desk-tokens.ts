// An operator's orders about the bearer tokens of the HTTP door. Each is in the log before it is answered; the token
// itself is in one answer, once, and must never be in a record.

import { actorOf, optionalText, Refusal } from "./desk-words.ts";
import type { Governor } from "./governor.ts";
import type { JsonObject } from "./json.ts";
import { stampOf } from "./policy.ts";
import { nameLimitBytes } from "./request.ts";
import { type TokenRole, type TokenView, tokenRoles, tokensMax } from "./tokens.ts";

/** Ten years. */
const ttlLimitSeconds = 10 * 366 * 86_400;

export async function createToken(governor: Governor, message: JsonObject): Promise<object> {
  const { tokens, ledger } = governor;
  const actor = actorOf(message);
  const role = roleOf(message);
  const agentId = agentOf(message, role);
  const ttlSeconds = ttlOf(message);
  if (tokens.list().length >= tokensMax) {
    throw new Refusal("BAD_REQUEST", `there are ${tokensMax} tokens: revoke one first`);
  }
  const { wallUs } = ledger.clock.now();
  const expiresUs = ttlSeconds === null ? null : wallUs + ttlSeconds * 1_000_000;
  const { token, view } = tokens.create({ role, agentId, actor, nowUs: wallUs, expiresUs });
  try {
    await record(governor, "token_created", view, actor);
  } catch (error) {
    // A token that no record speaks of must not be of use.
    tokens.revoke(view.id);
    throw error;
  }
  return { ok: true, token, created: view };
}

export async function revokeToken(governor: Governor, message: JsonObject): Promise<object> {
  const id = optionalText(message.id);
  const view = id === null ? null : governor.tokens.get(id);
  if (view === null) throw new Refusal("NOT_FOUND", "there is no such token");
  const actor = actorOf(message);
  // First out of force: a log that fails must not keep a stolen token alive.
  governor.tokens.revoke(view.id);
  await record(governor, "token_revoked", view, actor);
  return { ok: true, revoked: view };
}

export function listTokens({ tokens }: Governor): object {
  return { ok: true, tokens: tokens.list() };
}

async function record({ ledger, policies }: Governor, kind: string, view: TokenView, actor: string): Promise<void> {
  const { id, role, agent_id, expires_at } = view;
  const body = { kind, detail: { id, role, agent_id, expires_at, actor } };
  await ledger.durable(ledger.append("mark", stampOf(policies.active), body, ledger.clock.now()).seq);
}

function roleOf(message: JsonObject): TokenRole {
  const role = tokenRoles.find((known) => known === message.role);
  if (role === undefined) throw new Refusal("BAD_REQUEST", `\`role\` is one of ${tokenRoles.join(", ")}`);
  return role;
}

/** `*` is any agent. */
function agentOf(message: JsonObject, role: TokenRole): string | null {
  const agent = optionalText(message.agent_id);
  if (role !== "agent") {
    if (agent !== null) throw new Refusal("BAD_REQUEST", `a token of an ${role} speaks for no agent`);
    return null;
  }
  if (agent === null || Buffer.byteLength(agent) > nameLimitBytes) {
    throw new Refusal("BAD_REQUEST", "`agent_id` names the agent that the token speaks for, or `*`");
  }
  return agent === "*" ? null : agent;
}

function ttlOf(message: JsonObject): number | null {
  const ttl = message.ttl_seconds ?? null;
  if (ttl === null) return null;
  if (typeof ttl !== "number" || !(ttl >= 1 && ttl <= ttlLimitSeconds)) {
    throw new Refusal("BAD_REQUEST", "`ttl_seconds` is a number of seconds, from 1 to ten years");
  }
  return ttl;
}
