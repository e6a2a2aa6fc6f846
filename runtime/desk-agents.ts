// What an operator may ask of agents: who there is, stop one or all, let them go on. Each order that changes something is a record,
// durable before it is answered, and names who gave it.
import { budgetView } from "./budget-view.ts";
import { actorOf, agentIdOf, Refusal, reasonOf } from "./desk-words.ts";
import type { AgentDetail, AgentView } from "./doors/views.ts";
import type { Governor } from "./governor.ts";
import { grantView } from "./grants.ts";
import { everyAgent, type HoldChange, holdBody, holdsMax, holdView } from "./holds.ts";
import type { JsonObject } from "./json.ts";
import { stampOf } from "./policy.ts";

/** Kills, quiesces or lets go of an agent or of all. Throws Refusal, and what `Ledger.append` throws. */
export async function orderAgent(governor: Governor, change: HoldChange, message: JsonObject): Promise<object> {
  const { holds, ledger, policies, feeds } = governor;
  const agentId = agentIdOf(message);
  const order = { agentId, change, actor: actorOf(message), reason: reasonOf(message) };
  const killedByDefault = policies.active?.declarations.killedByDefault ?? false;
  const changed = holds.changes(order, killedByDefault);
  if (changed) {
    const isNew = change === "kill" || change === "quiesce";
    if (isNew && !holds.hasRoom()) {
      throw new Refusal("BAD_REQUEST", `${holdsMax} agents are stopped one by one already: stop all of them instead`);
    }
    const reading = ledger.clock.now();
    const body = holdBody(order);
    const { seq } = ledger.append("agent", stampOf(policies.active), body, reading);
    // From this turn on, before the record is durable: a stop must not wait for the disk.
    holds.take(body, reading.wallUs);
    if (change === "kill") feeds.end(agentId === everyAgent ? null : agentId, "the agent was killed");
    await ledger.durable(seq);
  }
  return { ok: true, changed, agent: viewOf(governor, agentId) };
}

/** The agents that the policy declares, those that are stopped, and all of them together. */
export function listAgents(governor: Governor): object {
  const declared = declaredAgents(governor);
  const stopped = governor.holds.list().map(({ agentId }) => agentId);
  const waiting = governor.grants.list().flatMap(({ agentId, status }) => (status === "active" ? [agentId] : []));
  const ids = new Set([...declared, ...stopped, ...waiting]);
  ids.delete(everyAgent);
  return { ok: true, all: viewOf(governor, everyAgent), agents: [...ids].map((id) => viewOf(governor, id)) };
}

export function showAgent(governor: Governor, message: JsonObject): object {
  const agentId = agentIdOf(message);
  const { policies, approvals, grants, ledger } = governor;
  const reading = ledger.clock.now();
  const { active } = policies;
  const own = <T extends { readonly agent: string }>(list: readonly T[]): T[] =>
    list.filter(({ agent }) => agent === agentId);
  const agent: AgentDetail = {
    ...viewOf(governor, agentId),
    completion_gates: active?.declarations.gates.get(agentId)?.requirements ?? [],
    budgets: own(active?.policy.budgets(reading.wallUs / 1000) ?? []).map(budgetView),
    pending: approvals.list().flatMap((one) => {
      const waits = one.agentId === agentId && one.status === "pending" && one.expiresUs > reading.wallUs;
      return waits ? [one.id] : [];
    }),
    grants: grants.list().flatMap((one) => (one.agentId === agentId ? [grantView(one, reading)] : [])),
  };
  return { ok: true, agent };
}

function declaredAgents({ policies }: Governor): readonly string[] {
  return policies.active?.policy.info.agents ?? [];
}

function viewOf(governor: Governor, agentId: string): AgentView {
  const { holds, approvals, grants, policies, ledger } = governor;
  const { wallUs } = ledger.clock.now();
  const killedByDefault = policies.active?.declarations.killedByDefault ?? false;
  const hold = holds.of(agentId, killedByDefault);
  const isAll = agentId === everyAgent;
  const isOf = (id: string): boolean => isAll || id === agentId;
  const pending = approvals.list().filter((one) => {
    return isOf(one.agentId) && one.status === "pending" && one.expiresUs > wallUs;
  });
  const own = holds.list().filter((one) => one.agentId === agentId || one.agentId === everyAgent);
  return {
    agent_id: agentId,
    declared: isAll || declaredAgents(governor).includes(agentId),
    state: hold?.state ?? "active",
    holds: own.length === 0 && hold !== null ? [holdView(hold)] : own.map(holdView),
    pending_approvals: pending.length,
    active_grants: grants.list().filter((one) => isOf(one.agentId) && one.status === "active").length,
  };
}
