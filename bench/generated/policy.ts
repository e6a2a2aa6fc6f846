// Generated policies: one `deny!` rule, then tools with three rules each, in every language of the bench. A policy of n
// rules has (n - 1) / 3 tools. The same number always gives the same text.
import type { EvaluationRequest } from "../../runtime/evaluator/index.ts";
import type { CaslRequest, CaslRule } from "../peers/casl.ts";
import type { CedarRequest } from "../peers/cedar.ts";
import type { Answer } from "../timing.ts";

const AGENT = "worker";
const REGIONS = ["eu", "us", "uk", "jp", "br"] as const;

interface Tool {
  readonly name: string;
  readonly limit: number;
  readonly region: string;
}

export interface GeneratedCall {
  readonly request: EvaluationRequest;
  readonly answer: Answer;
}

function toolAt(index: number): Tool {
  const region = REGIONS[index % REGIONS.length] ?? "eu";
  return { name: `service${index % 97}/operation_${index}`, limit: 100 + (index % 900), region };
}

function tools(rules: number): readonly Tool[] {
  return Array.from({ length: (rules - 1) / 3 }, (_, index) => toolAt(index));
}

export function policyText(rules: number): string {
  const body = tools(rules).map(
    ({ name, limit, region }) => `    permit ${name} if amount <= ${limit} and region == "${region}"
    defer ${name} if amount <= ${limit * 10}
    deny ${name} if priority in ["high", "urgent"]`,
  );
  return `agent "${AGENT}" {\n  default deny\n  rules {\n    deny! shell/**\n${body.join("\n")}\n  }\n}\n`;
}

export function caslRules(rules: number): readonly CaslRule[] {
  const own = tools(rules).flatMap(({ name, limit, region }): CaslRule[] => [
    { effect: "permit", tools: [name], conditions: { amount: { $lte: limit }, region } },
    { effect: "defer", tools: [name], conditions: { amount: { $lte: limit * 10 } } },
    { effect: "deny", tools: [name], conditions: { priority: { $in: ["high", "urgent"] } } },
  ]);
  return [{ effect: "deny", tools: ["shell/exec"] }, ...own];
}

export function cedarPolicies(rules: number): { readonly [rule: string]: string } {
  const policies: Record<string, string> = {
    0: `forbid (principal == Agent::"${AGENT}", action == Action::"shell/exec", resource);`,
  };
  for (const [index, { name, limit, region }] of tools(rules).entries()) {
    const head = `(principal == Agent::"${AGENT}", action == Action::"${name}", resource)`;
    const small = `context.amount <= ${limit} && context.region == "${region}"`;
    const first = 1 + index * 3;
    policies[first] = `permit ${head} when { ${small} };`;
    policies[first + 1] = `permit ${head} when { context.amount <= ${limit * 10} && !(${small}) };`;
    policies[first + 2] =
      `forbid ${head} when { context.amount > ${limit * 10} && ["high", "urgent"].contains(context.priority) };`;
  }
  return policies;
}

/** Nine calls of three tools: the first, the middle and the last; each meets each of its tool's rules or the default. */
export function calls(rules: number): readonly GeneratedCall[] {
  const last = (rules - 1) / 3 - 1;
  return [0, last >> 1, last].flatMap((index) => callsOf(index));
}

/** One call of every tool, in turn. */
export function callsOfAll(rules: number): readonly GeneratedCall[] {
  return tools(rules).flatMap((_, index) => callsOf(index).slice(index % 3, (index % 3) + 1));
}

function callsOf(index: number): readonly GeneratedCall[] {
  const { name, limit, region } = toolAt(index);
  const first = 1 + index * 3;
  const call = (amount: number, priority: string, answer: Answer): GeneratedCall => {
    const args = { amount, region, priority, note: `a call of operation ${index}`, batch: index % 7 };
    return { request: { agent_id: AGENT, session_id: "s-1", tool_id: name, args }, answer };
  };
  return [
    call(limit - 1, "low", { effect: "permit", rule: first }),
    call(limit + 1, "low", { effect: "defer", rule: first + 1 }),
    index % 2 === 0
      ? call(limit * 20, "urgent", { effect: "deny", rule: first + 2 })
      : call(limit * 20, "low", { effect: "deny", rule: null }),
  ];
}

export function caslRequest({ request }: GeneratedCall): CaslRequest {
  return { tool: request.tool_id, args: request.args ?? {} };
}

export function cedarRequest({ request }: GeneratedCall): CedarRequest {
  return { agent: request.agent_id, tool: request.tool_id, args: (request.args ?? {}) as CedarRequest["args"] };
}
