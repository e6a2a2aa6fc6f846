// The workload "payments": eleven rules and ten requests of about 440 bytes, three of which reach a regular expression.
// The rules for us and for Cedar, with the requests in the form that each system takes.
import { readFileSync } from "node:fs";
import type { EvaluationRequest } from "../../runtime/evaluator/index.ts";
import type { CaslRequest } from "../peers/casl.ts";
import type { CedarRequest } from "../peers/cedar.ts";
import type { Answer } from "../timing.ts";

function read(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}

export const policyText = read("policy.fms");
export const cedarPolicies: { readonly [rule: string]: string } = JSON.parse(read("policies.cedar.json"));

const lines = read("requests.jsonl")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as { readonly request: EvaluationRequest } & Answer);

export const requests = lines.map(({ request }) => request);
export const answers = lines.map(({ effect, rule }): Answer => ({ effect, rule }));
export const caslRequests = requests.map((r): CaslRequest => ({ tool: r.tool_id, args: r.args ?? {} }));
export const cedarRequests = requests.map(
  (r): CedarRequest => ({ agent: r.agent_id, tool: r.tool_id, args: (r.args ?? {}) as CedarRequest["args"] }),
);
