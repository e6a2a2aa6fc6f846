// What a call is judged with besides what it says: values of the policy's selectors, and what it costs. Both are asked for before the turn
// in which it is judged; in that turn nothing is waited for. It must never give a call what was asked under another policy.

import type { EvaluationRequest, ToolInfo } from "./evaluator/types.ts";
import type { Governor } from "./governor.ts";
import { claimed, type Identity } from "./identity.ts";
import type { JsonObject } from "./json.ts";
import type { Judge } from "./judge.ts";
import type { Quoted } from "./prices/quotes.ts";
import { type Call, readCall } from "./request.ts";
import type { AnswersOfCall, SelectorValues } from "./selectors/selectors.ts";

/** What came of the questions for one call. */
export interface Asked {
  readonly values?: AnswersOfCall;
  readonly quoted?: Quoted;
}

export interface Given {
  readonly call: Call;
  /** Of the selectors that the policy reads for it, those without a value, and why. */
  readonly missing: SelectorValues["missing"] | null;
  /** Why the call may not go on without its price; null where it may. */
  readonly unpriced: string | null;
}

export class Outside {
  readonly #governor: Governor;
  readonly #judge: Judge;

  constructor(governor: Governor, judge: Judge) {
    this.#governor = governor;
    this.#judge = judge;
  }

  /** Whose call it is, as far as its token says; a promise where the token is still to be verified. */
  identify(message: JsonObject, identity: Identity): Identity | Promise<Identity> {
    const { identities } = this.#governor;
    if (!identities.isDeclared) return identity;
    // A token that came by the door itself was looked at there.
    if (identity.principal !== undefined || identity.unverified !== undefined) return identity;
    return identities.of(message.principal_token, identity);
  }

  /** A promise where something has to be waited for. For a call that the policy's rules will not be asked about nobody is asked for anything. */
  ask(message: JsonObject, identity: Identity = claimed): Asked | Promise<Asked> | undefined {
    const { ledger, policies, selectors, quotes, dev } = this.#governor;
    const hasSelectors = selectors.has(message.agent_id);
    if (!hasSelectors && !quotes.isAsked) return;
    const read = readCall(message, dev);
    const { active } = policies;
    if (!read.ok || active === null || !ledger.isUsable || this.#governor.state() !== "READY") return;
    const { request } = withPrincipal(read.call, identity);
    const tool = active.policy.tool(request.agent_id, request.tool_id);
    const isOthers = identity.agentId !== null && identity.agentId !== request.agent_id;
    if (tool === null || isOthers || this.#judge.shut({ call: read.call, identity }, active) !== null) return;
    const values = hasSelectors ? selectors.ask(request, tool.reads) : undefined;
    const quoted = this.#isUnpriced(tool, this.#governor.prices.priced(read.call)) ? quotes.ask(request) : undefined;
    if (!(values instanceof Promise) && !(quoted instanceof Promise)) return askedOf(values, quoted);
    return Promise.all([values, quoted]).then(([all, price]) => askedOf(all, price));
  }

  /** The call as it is judged, with what `ask` found out for it. */
  complete(asking: Call, identity: Identity, { values, quoted }: Asked = {}): Given {
    const call = withPrincipal(asking, identity);
    const { policies, selectors, prices } = this.#governor;
    const { agent_id, tool_id } = call.request;
    const priced = prices.priced(call);
    const isSelecting = selectors.has(agent_id);
    if (!isSelecting && !this.#governor.quotes.isAsked) return { call: priced, missing: null, unpriced: null };
    const tool = policies.active?.policy.tool(agent_id, tool_id) ?? null;
    if (tool === null) return { call: priced, missing: null, unpriced: null };
    const found = isSelecting ? selectors.valuesFor(priced.request, tool.reads, values) : null;
    const { call: costed, why } = this.#isUnpriced(tool, priced)
      ? this.#quoted(priced, quoted)
      : { call: priced, why: null };
    if (found === null) return { call: costed, missing: null, unpriced: why };
    const request: EvaluationRequest = { ...costed.request, selectors: found.values };
    return { call: { ...costed, request }, missing: found.missing, unpriced: why };
  }

  /** What the call says itself, and what its tokens say, comes first. */
  #isUnpriced({ needsCost }: ToolInfo, { costUsd }: Call): boolean {
    return needsCost && costUsd === null && this.#governor.quotes.isAsked;
  }

  #quoted(call: Call, quoted: Quoted | undefined): { readonly call: Call; readonly why: string | null } {
    if (quoted === undefined || !this.#governor.quotes.isCurrent(quoted))
      return { call, why: "the policy changed meanwhile" };
    const { micro, fact: price, why } = quoted;
    if (micro === null) return { call: { ...call, price }, why };
    const costUsd = micro / 1_000_000;
    return { call: { ...call, costUsd, price, request: { ...call.request, cost_usd: costUsd } }, why };
  }
}

/** What somebody verified comes before what the call says of itself, which counts in dev mode alone. */
function withPrincipal(call: Call, { principal }: Identity): Call {
  return principal === undefined ? call : { ...call, request: { ...call.request, principal } };
}

function askedOf(values: AnswersOfCall | undefined, quoted: Quoted | undefined): Asked {
  return { ...(values === undefined ? {} : { values }), ...(quoted === undefined ? {} : { quoted }) };
}
