// The smallest change of one argument that would have let a denied call through. Each proposal is judged by the policy
// with the counters as they stood; what that does not confirm is never told.
import type { EvaluationRequest, Explanation, RequestValue, TestTrace, ToolInfo } from "../runtime/evaluator/types.ts";
import { parseJson } from "../runtime/json.ts";
import type { ActivePolicy } from "../runtime/policy.ts";
import type { RecordedCall } from "../runtime/recorded-call.ts";

export interface Alternative {
  /** The rule that would permit, from 1 over the whole policy. */
  readonly number: number;
  /** `amount < 500`: every value that was tried there is permitted; `amount == 499`: this one is. */
  readonly change: string;
}

/** Most rules whose one failing test is looked at. */
const rulesTriedMax = 32;

interface Proposal {
  /** Nearest first. */
  readonly values: readonly RequestValue[];
  /** How far the nearest lies; Infinity where that has no measure. */
  readonly distance: number;
}

/** Null where no change of one argument is confirmed. Of several the nearest number, else the first rule's. */
export function alternativeOf(
  { policy }: ActivePolicy,
  call: RecordedCall,
  tool: ToolInfo,
  { rules, verdict }: Explanation,
): Alternative | null {
  if (verdict.effect !== "deny" || verdict.code !== "POLICY_DENY") return null;
  const infos = policy.rules();
  const permits = rules.filter(({ rule, outcome }) => outcome === "no match" && infos[rule]?.effect === "permit");
  const everyTest = rules.flatMap(({ tests }) => tests);
  let best: (Alternative & { readonly distance: number }) | null = null;
  for (const { rule, tests } of permits.slice(0, rulesTriedMax)) {
    const [test, ...others] = tests.filter(({ result }) => result !== "true");
    const path = test === undefined ? null : pathOf(test.operand, tool);
    if (test === undefined || others.length > 0 || path === null) continue;
    const proposal = proposalOf(test, everyTest);
    const [nearest] = proposal.values;
    const isPermitted = (value: RequestValue): boolean => {
      const request = changed(call.request, path, value);
      return request !== null && policy.explain(request, { now: call.nowMs }).verdict.effect === "permit";
    };
    if (nearest === undefined || !isPermitted(nearest)) continue;
    if (best !== null && best.distance <= proposal.distance) continue;
    const isWhole = proposal.values.every(isPermitted);
    const change = isWhole
      ? `${test.operand} ${test.operator} ${test.expected}`
      : `${test.operand} == ${JSON.stringify(nearest)}`;
    best = { number: rule + 1, change, distance: proposal.distance };
  }
  return best === null ? null : { number: best.number, change: best.change };
}

/** The argument that an operand names; null for anything else, such as `len(items)` or the time. */
function pathOf(operand: string, tool: ToolInfo): readonly (string | number)[] | null {
  const found = tool.reads.find(({ member, path }) => member === "args" && pathText(path) === operand);
  return found?.path ?? null;
}

function pathText(path: readonly (string | number)[]): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

function proposalOf(test: TestTrace, everyTest: readonly TestTrace[]): Proposal {
  const parsed = parseJson(Buffer.from(test.expected));
  const wanted = parsed.ok ? (parsed.value as RequestValue) : null;
  if (typeof wanted === "number") return numberProposal(test, wanted, everyTest);
  const none = { values: [], distance: Number.POSITIVE_INFINITY };
  switch (test.operator) {
    case "==":
    case "is":
    case "contains":
    case "starts_with":
    case "ends_with":
      return wanted === null || typeof wanted === "object" ? none : { ...none, values: [wanted] };
    case "!=":
    case "is not":
      return typeof wanted === "boolean" ? { ...none, values: [!wanted] } : none;
    case "in":
      return Array.isArray(wanted) ? { ...none, values: wanted as readonly RequestValue[] } : none;
    default:
      return none;
  }
}

/** Of an order: the nearest number, then the places where another rule may see it differently. */
function numberProposal(test: TestTrace, wanted: number, everyTest: readonly TestTrace[]): Proposal {
  const distance = Math.abs(Number(test.found) - wanted);
  const measured = { distance: Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance };
  const step = Number.isInteger(wanted) ? 1 : 0.01;
  const marks = everyTest.filter(({ operand }) => operand === test.operand).map(({ expected }) => Number(expected));
  const others = [-1, 0, 1, wanted / 2, wanted * 2, ...marks.flatMap((mark) => [mark - step, mark, mark + step])];
  const where = (fits: (value: number) => boolean): number[] => others.filter(fits);
  switch (test.operator) {
    case "==":
      return { values: [wanted], ...measured };
    case "<":
      return { values: [wanted - step, ...where((value) => value < wanted)], ...measured };
    case "<=":
      return { values: [wanted, ...where((value) => value < wanted)], ...measured };
    case ">":
      return { values: [wanted + step, ...where((value) => value > wanted)], ...measured };
    case ">=":
      return { values: [wanted, ...where((value) => value > wanted)], ...measured };
    default:
      return { values: [], ...measured };
  }
}

/** The request with one argument set; null where the place cannot hold one. */
function changed(
  request: EvaluationRequest,
  path: readonly (string | number)[],
  value: RequestValue,
): EvaluationRequest | null {
  const args = withValue(request.args ?? {}, path, value);
  return args === null ? null : { ...request, args: args as { readonly [key: string]: RequestValue } };
}

function withValue(within: RequestValue, path: readonly (string | number)[], value: RequestValue): RequestValue | null {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "number" || typeof within !== "object" || within === null || Array.isArray(within)) return null;
  const members = within as { readonly [key: string]: RequestValue };
  const inner = withValue(Object.hasOwn(members, step) ? (members[step] ?? null) : {}, rest, value);
  return inner === null ? null : { ...members, [step]: inner };
}
