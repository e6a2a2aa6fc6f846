// Values that would turn one test of a condition the other way, nearest first, and the words that claim it of all of them. Pure
// guesses: whoever asks for them has the machine judge each.
import type { RequestValue, TestTrace } from "../runtime/evaluator/types.ts";
import { parseJson } from "../runtime/json.ts";

export interface Proposal {
  /** Nearest first. */
  readonly values: readonly RequestValue[];
  /** `amount < 500`, to be told where every value is confirmed; null where no words fit all of them. */
  readonly claim: string | null;
  /** How far the nearest lies; Infinity where that has no measure. */
  readonly distance: number;
  /** No value lies nearer than another: each is to be tried by itself. */
  readonly isChoice: boolean;
}

const none: Proposal = { values: [], claim: null, distance: Number.POSITIVE_INFINITY, isChoice: false };

const opposites: Readonly<Record<string, string>> = {
  "==": "!=",
  "!=": "==",
  "<": ">=",
  "<=": ">",
  ">": "<=",
  ">=": "<",
  in: "not in",
  "not in": "in",
  contains: "does not contain",
  "does not contain": "contains",
  starts_with: "does not start with",
  "does not start with": "starts_with",
  ends_with: "does not end with",
  "does not end with": "ends_with",
  is: "is not",
  "is not": "is",
};

/** Texts that few conditions speak of. */
const plainTexts: readonly string[] = ["", "other"];

/** `isToFail`: the test holds and is not to. `found`: the value as it is, undefined where there is none. */
export function proposalOf(
  test: TestTrace,
  isToFail: boolean,
  everyTest: readonly TestTrace[],
  found: RequestValue | undefined,
): Proposal {
  const operator = isToFail ? opposites[test.operator] : test.operator;
  const parsed = parseJson(Buffer.from(test.expected));
  if (operator === undefined || !parsed.ok) return none;
  const wanted = parsed.value as RequestValue;
  const marks = everyTest.filter(({ operand }) => operand === test.operand);
  const claim = `${test.operand} ${operator} ${test.expected}`;
  if (typeof wanted === "number") {
    const values = numbersFor(operator, wanted, marks, found);
    const distance = typeof found === "number" ? Math.abs(found - wanted) : Number.POSITIVE_INFINITY;
    return { values, claim, distance, isChoice: operator === "!=" || operator === "is not" };
  }
  switch (operator) {
    case "==":
    case "is":
    case "starts_with":
    case "ends_with":
      return isScalar(wanted) ? { ...none, values: [wanted], claim } : none;
    case "contains":
      if (!isScalar(wanted)) return none;
      return { ...none, values: [Array.isArray(found) ? [...found, wanted] : wanted], claim };
    case "in":
      return Array.isArray(wanted)
        ? { ...none, values: wanted as readonly RequestValue[], claim, isChoice: true }
        : none;
    default:
      return { ...none, values: othersThan(wanted, marks, found), claim, isChoice: true };
  }
}

function isScalar(value: RequestValue): boolean {
  return typeof value !== "object";
}

/** For what is not to be this value, in this list, or to hold it. */
function othersThan(
  wanted: RequestValue,
  marks: readonly TestTrace[],
  found: RequestValue | undefined,
): RequestValue[] {
  if (typeof wanted === "boolean") return [!wanted];
  if (Array.isArray(found)) return [found.filter((member) => member !== wanted)];
  const named = marks.flatMap(({ expected }): RequestValue[] => {
    const parsed = parseJson(Buffer.from(expected));
    return parsed.ok ? [parsed.value as RequestValue].flat() : [];
  });
  const taken = new Set<RequestValue>([wanted].flat() as RequestValue[]);
  const kind = typeof found;
  const plain: readonly RequestValue[] = kind === "string" ? plainTexts : [];
  return [...new Set([...named, ...plain])].filter((value) => typeof value === kind && !taken.has(value));
}

/** The nearest number, then the places where another rule may see it differently. */
function numbersFor(
  operator: string,
  wanted: number,
  marks: readonly TestTrace[],
  found: RequestValue | undefined,
): readonly RequestValue[] {
  const step = Number.isInteger(wanted) ? 1 : 0.01;
  const others = [-1, 0, 1, wanted / 2, wanted * 2].concat(
    marks.flatMap(({ expected }) => {
      const mark = Number(expected);
      return Number.isFinite(mark) ? [mark - step, mark, mark + step] : [];
    }),
  );
  const where = (fits: (value: number) => boolean): number[] => others.filter(fits);
  switch (operator) {
    case "==":
    case "is":
      return [wanted];
    case "!=":
    case "is not":
      return [wanted - step, wanted + step, ...where((value) => value !== wanted)];
    case "<":
      return [wanted - step, ...where((value) => value < wanted)];
    case "<=":
      return [wanted, ...where((value) => value < wanted)];
    case ">":
      return [wanted + step, ...where((value) => value > wanted)];
    case ">=":
      return [wanted, ...where((value) => value > wanted)];
    case "contains":
      return [Array.isArray(found) ? [...found, wanted] : [wanted]];
    case "does not contain":
      return Array.isArray(found) ? [found.filter((member) => member !== wanted)] : [];
    default:
      return [];
  }
}

/** Halvings, enough for any amount in cents. */
const halvingsMax = 64;

/** Amounts down to nothing that a budget still has room for, the largest first; empty where it has none for any. */
export function spentProposal(amount: number, hasRoom: (value: number) => boolean): number[] {
  const unit = Number.isInteger(amount) ? 1 : 0.01;
  let [low, high] = [0, Math.floor(amount / unit)];
  if (!hasRoom(0)) return [];
  for (let step = 0; step < halvingsMax && high - low > 1; step++) {
    const middle = Math.floor((low + high) / 2);
    if (hasRoom(middle * unit)) low = middle;
    else high = middle;
  }
  const most = Math.round(low * unit * 100) / 100;
  return most === 0 ? [] : [most, Math.floor(most / 2), 0];
}
