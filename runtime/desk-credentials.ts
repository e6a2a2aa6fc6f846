// What an operator may ask of credentials: which there are and who would give them, and whether they can be had now. A try is put on
// record; its values are dropped where they arrive, and only their names are told.
import type { Credential } from "./declarations.ts";
import { actorOf, agentIdOf, optionalText, Refusal } from "./desk-words.ts";
import type { CredentialView } from "./doors/views.ts";
import type { Governor } from "./governor.ts";
import type { JsonObject } from "./json.ts";
import { stampOf } from "./policy.ts";

/** Of one agent or of all, and those that cover a tool where one is named. */
export function listCredentials(governor: Governor, message: JsonObject): object {
  const agentId = optionalText(message.agent_id);
  const tool = optionalText(message.tool);
  const all = [...(governor.policies.active?.declarations.credentials() ?? [])];
  const credentials = all.flatMap(([agent, own]) => {
    if (agentId !== null && agent !== agentId) return [];
    // Of several that cover a tool, the first is the one that is brought.
    const fitting = tool === null ? own : own.filter(({ covers }) => covers(tool)).slice(0, 1);
    return fitting.map((credential) => viewOf(governor, agent, credential));
  });
  return { ok: true, credentials };
}

/** Asks for the secret as a call would. Throws Refusal, and what `Ledger.append` throws. */
export async function probeCredential(governor: Governor, message: JsonObject): Promise<object> {
  const { broker, ledger, policies } = governor;
  const agentId = agentIdOf(message);
  const id = optionalText(message.id);
  const credential = policies.active?.declarations
    .credentials()
    .get(agentId)
    ?.find((one) => one.id === id);
  if (credential === undefined) throw new Refusal("NOT_FOUND", "this agent has no such credential");
  const actor = actorOf(message);
  const ref = broker.refOf(credential);
  const order = {
    credential,
    agentId,
    toolId: credential.patterns[0] ?? credential.id,
    actionId: `probe:${JSON.stringify([actor, agentId, credential.id])}`,
  };
  const minted =
    ref === null ? { ok: false as const, why: broker.whyNot(credential) } : await broker.mint({ ...order, ref });
  const why = minted.ok ? null : minted.why;
  const body = {
    kind: "credential_probe",
    detail: { agent_id: agentId, credential: credential.id, actor, ok: minted.ok, why },
  };
  await ledger.durable(ledger.append("mark", stampOf(policies.active), body, ledger.clock.now()).seq);
  return {
    ok: true,
    credential: viewOf(governor, agentId, credential),
    obtained: minted.ok && minted.credential.stub !== true,
    why: minted.ok && minted.credential.stub === true ? "a stub stands for it" : why,
    names: minted.ok ? Object.keys(minted.credential.values) : [],
    expires_at: minted.ok ? minted.credential.expires_at : null,
  };
}

function viewOf({ broker }: Governor, agentId: string, credential: Credential): CredentialView {
  const { id, backend, path, ttlSeconds, patterns } = credential;
  const ref = broker.refOf(credential);
  return {
    id,
    agent_id: agentId,
    tools: patterns,
    backend,
    path,
    ttl_seconds: ttlSeconds,
    ref,
    why: ref === null ? broker.whyNot(credential) : null,
  };
}
