// What an agent's `egress` and `model_policy` refuse, read off the language page. They say nothing of rules.
import type { Gate, Value } from "../../compiler/ast.ts";
import { httpValue } from "./http-part.ts";
import type { Call } from "./name.ts";
import { globFits, variableOr } from "./network.ts";

/** The raw host that the call speaks of. */
export function hostOf(call: Call): unknown {
  return httpValue(call.request, ["host"]);
}

export function egressRefuses(call: Call): boolean {
  const gate = call.agent.egress;
  const host = hostOf(call);
  if (gate === null || host === undefined) return false;
  if (typeof host !== "string" || gate.fields.length === 0) return true;
  return listsRefuse(call, gate, host, true);
}

export function modelPolicyRefuses(call: Call): boolean {
  const gate = call.agent.modelPolicy;
  if (gate === null) return false;
  const model: unknown = call.request.model;
  if (model === undefined || model === null) return call.request.action_type === "model_call";
  return typeof model !== "string" || listsRefuse(call, gate, model, false);
}

/** Denied by name, or not among what is allowed. */
function listsRefuse(call: Call, gate: Gate, text: string, ignoreCase: boolean): boolean {
  const fits = (glob: Value): boolean => globFits(glob, text, ignoreCase);
  const deny = globsOf(call, gate, "deny");
  const allow = globsOf(call, gate, "allow");
  return deny?.some(fits) === true || (allow !== null && !allow.some(fits));
}

function globsOf(call: Call, gate: Gate, name: string): readonly Value[] | null {
  const field = gate.fields.find((f) => f.name === name);
  if (field === undefined) return null;
  const value = variableOr(call.agent, field.value);
  return value.kind === "list" ? value.items : [value];
}
