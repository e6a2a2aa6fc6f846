// What an operator may ask of standing grants: make one, see them, take one back. Each change is a record, durable before it is
// answered, and names who made it.

import { actorOf, agentIdOf, optionalText, Refusal, reasonOf } from "./desk-words.ts";
import { LoadFailure, type Policy } from "./evaluator/types.ts";
import type { Governor } from "./governor.ts";
import {
  createdBody,
  endedBody,
  type Grant,
  grantImageLimit,
  grantsMax,
  grantsPerAgentMax,
  grantTtlLimitSeconds,
  grantView,
  newGrantId,
} from "./grants.ts";
import type { Json, JsonObject } from "./json.ts";
import { stampOf } from "./policy.ts";

const usesLimit = 1_000_000_000;

/** `loadRule` opens the grant's rule. Throws Refusal, and what `Ledger.append` throws. */
export async function addGrant(
  governor: Governor,
  loadRule: (image: Uint8Array) => Policy,
  message: JsonObject,
): Promise<object> {
  const { grants, ledger, policies } = governor;
  const agentId = agentIdOf(message);
  const image = optionalText(message.image);
  if (image === null || image.length > grantImageLimit) {
    throw new Refusal("BAD_REQUEST", `\`image\` is the compiled rule in base64, at most ${grantImageLimit} characters`);
  }
  const { tool, condition } = ruleOf(agentId, image, loadRule);
  const ttlSeconds = wholeNumber(message.ttl_seconds, "ttl_seconds", grantTtlLimitSeconds);
  const usesMax = (message.uses_max ?? null) === null ? null : wholeNumber(message.uses_max, "uses_max", usesLimit);
  if (!grants.hasRoom(agentId)) {
    const most = `${grantsPerAgentMax} grants of one agent, ${grantsMax} of all`;
    throw new Refusal("BAD_REQUEST", `at most ${most} stand at the same time: revoke one first`);
  }
  const reading = ledger.clock.now();
  const ttlUs = ttlSeconds * 1_000_000;
  const id = newGrantId();
  const expiresUs = reading.wallUs + ttlUs;
  const words = { actor: actorOf(message), reason: reasonOf(message) };
  const body = createdBody({ id, agentId, tool, condition, image, usesMax, ttlUs, expiresUs, ...words });
  const { seq } = ledger.append("grant", stampOf(policies.active), body, reading);
  grants.take(body, reading);
  await ledger.durable(seq);
  return { ok: true, grant: viewOf(governor, found(governor, id)) };
}

export function listGrants(governor: Governor, message: JsonObject): object {
  const agent = optionalText(message.agent_id);
  const wanted = governor.grants.list().filter(({ agentId }) => agent === null || agentId === agent);
  return { ok: true, grants: wanted.map((grant) => viewOf(governor, grant)) };
}

export async function revokeGrant(governor: Governor, message: JsonObject): Promise<object> {
  const { grants, ledger, policies } = governor;
  const grant = found(governor, optionalText(message.id) ?? "");
  const { status } = viewOf(governor, grant);
  if (status !== "active") throw new Refusal("ALREADY_RESOLVED", `${grant.id} is ${status.replace("_", " ")}`);
  const reading = ledger.clock.now();
  const body = endedBody(grant.id, "revoked", actorOf(message), reasonOf(message));
  const { seq } = ledger.append("grant", stampOf(policies.active), body, reading);
  grants.take(body, reading);
  await ledger.durable(seq);
  return { ok: true, grant: viewOf(governor, grant) };
}

/** Writes down which grants time has ended. */
export function recordExpiredGrants({ grants, ledger, policies }: Governor): void {
  const reading = ledger.clock.now();
  for (const { id } of grants.due(reading)) {
    const body = endedBody(id, "expired", null, "");
    ledger.append("grant", stampOf(policies.active), body, reading);
    grants.take(body, reading);
  }
}

/** Reads tool and condition from the compiled rule, so that what is recorded and shown is what holds. */
function ruleOf(
  agentId: string,
  image: string,
  loadRule: (image: Uint8Array) => Policy,
): { readonly tool: string; readonly condition: string | null } {
  let policy: Policy;
  try {
    policy = loadRule(Buffer.from(image, "base64"));
  } catch (error) {
    if (!(error instanceof LoadFailure)) throw error;
    throw new Refusal("BAD_IMAGE", error.message);
  }
  const rules = policy.rules();
  const [rule] = rules;
  const { agents, anonymous, stateful } = policy.info;
  if (rule === undefined || rules.length !== 1 || rule.effect !== "permit" || agents.length !== 1 || anonymous) {
    throw new Refusal("BAD_IMAGE", "a grant is one permit of one agent");
  }
  if (rule.agent !== agentId) throw new Refusal("BAD_IMAGE", "the rule is another agent's");
  if (stateful) throw new Refusal("BAD_IMAGE", "a grant's condition sees the call alone, nothing that is counted");
  const start = `permit ${rule.pattern}`;
  const rest = rule.text.slice(start.length);
  if (!rule.text.startsWith(start) || !(rest === "" || rest.startsWith(" if "))) {
    throw new Refusal("BAD_IMAGE", "the rule does not say which calls it is for");
  }
  return { tool: rule.pattern, condition: rest === "" ? null : rest.slice(" if ".length) };
}

function found({ grants }: Governor, id: string): Grant {
  const grant = grants.get(id);
  if (grant === null) throw new Refusal("NOT_FOUND", "there is no such grant");
  return grant;
}

function wholeNumber(value: Json | undefined, name: string, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Refusal("BAD_REQUEST", `\`${name}\` is a whole number from 1 to ${most}`);
}

function viewOf({ ledger }: Governor, grant: Grant): ReturnType<typeof grantView> {
  return grantView(grant, ledger.clock.now());
}
