// How long does one pattern take, against V8's RegExp on the same text? A policy with one rule, `permit … if text matches "…"`,
// is asked with texts that match and texts that do not. Two figures: the whole decision, with the call and the copying of the
// text, against RegExp.test alone; and what the pattern adds to a decision, which is that decision less the same one by a rule
// without a condition, against what RegExp.test adds to the same decision written in JavaScript. The worst case is per byte of a
// long text.
import type { EvaluationRequest } from "../../runtime/evaluator/index.ts";
import { faramesh } from "../peers/faramesh.ts";
import type { Question } from "../question.ts";
import type { Figure } from "../row.ts";
import {
  type Answer,
  type Contender,
  median,
  medianNs,
  type Pace,
  ratio,
  type Samples,
  time,
  verify,
} from "../timing.ts";

const KINDS: { readonly [kind: string]: { readonly pattern: string; readonly texts: readonly string[] } } = {
  literal: {
    pattern: "transfer",
    texts: ["please make the transfer before noon", "please look at the ledger before noon"],
  },
  prefix: {
    pattern: "^https://api\\.",
    texts: ["https://api.example.com/v1/charges/91", "http://example.com/v1/charges/91?a=b"],
  },
  suffix: {
    pattern: "@example\\.com$",
    texts: ["maria.lopez.fernandez@example.com", "maria.lopez.fernandez@example.org"],
  },
  alternation: {
    pattern: "^(invoice|receipt|statement|reminder)$",
    texts: ["statement", "announcement of a meeting"],
  },
};

const WORST_PATTERN = "^(a+)+$";
/** V8's time doubles with each letter: at 28 it is seconds. */
const WORST_LETTERS_V8 = 20;
const LONG_BYTES = 65_536;

export const question: Question = {
  asks: "one pattern against V8's RegExp",
  async measure({ pace, bundles }) {
    const figures: Figure[] = [];
    for (const [kind, { pattern, texts }] of Object.entries(KINDS)) {
      figures.push(...(await against(bundles, kind, pattern, texts, pace)));
    }
    return [...figures, ...(await worst(bundles, pace))];
  },
};

function requestOf(text: string): EvaluationRequest {
  return { agent_id: "reader", tool_id: "text/send", args: { text } };
}

function policyOf(pattern: string): string {
  return ruleOf(`permit text/send if text matches ${JSON.stringify(pattern)}`);
}

function ruleOf(rule: string): string {
  return `agent "reader" {\n  default deny\n  rules { ${rule} }\n}\n`;
}

function ruled(matches: boolean): Answer {
  return matches ? { effect: "permit", rule: 0 } : { effect: "deny", rule: null };
}

function v8(pattern: string, texts: readonly string[]): Contender {
  const expression = new RegExp(pattern);
  const contender: Contender<string, boolean> = {
    name: "v8",
    requests: texts,
    decide: (text) => expression.test(text),
    answer: ruled,
  };
  return contender;
}

/** The decision by hand, with the pattern or without. */
function byHand(name: string, pattern: string | null, texts: readonly string[]): Contender {
  const expression = pattern === null ? null : new RegExp(pattern);
  const whole = ({ agent_id, tool_id, args }: EvaluationRequest): boolean => {
    const text = args?.text;
    return (
      agent_id === "reader" && tool_id === "text/send" && typeof text === "string" && expression?.test(text) === true
    );
  };
  const bare = ({ agent_id, tool_id, args }: EvaluationRequest): boolean =>
    agent_id === "reader" && tool_id === "text/send" && args !== undefined;
  const contender: Contender<EvaluationRequest, boolean> = {
    name,
    requests: texts.map(requestOf),
    decide: expression === null ? bare : whole,
    answer: ruled,
  };
  return contender;
}

/** The median over the rounds of what one takes beyond another, in nanoseconds. */
function added(samples: Samples, name: string, bare: string): number {
  const without = samples.get(bare) ?? [];
  return median((samples.get(name) ?? []).slice(0, without.length).map((ns, round) => ns - (without[round] ?? 0)));
}

async function against(
  bundles: string,
  kind: string,
  pattern: string,
  texts: readonly string[],
  pace: Pace,
): Promise<readonly Figure[]> {
  const tested = [
    await faramesh(bundles, policyOf(pattern), texts.map(requestOf)),
    v8(pattern, texts),
    byHand("by-hand", pattern, texts),
  ];
  const untested = [
    await faramesh(bundles, ruleOf("permit text/send"), texts.map(requestOf), "faramesh-bare"),
    byHand("by-hand-bare", null, texts),
  ];
  for (const contender of tested) {
    verify(
      contender,
      texts.map((_, index) => ruled(index === 0)),
    );
  }
  for (const contender of untested) {
    verify(
      contender,
      texts.map(() => ruled(true)),
    );
  }
  const samples = time([...tested, ...untested], pace);
  const [ours, theirs] = [added(samples, "faramesh", "faramesh-bare"), added(samples, "by-hand", "by-hand-bare")];
  return [
    { id: `patterns.${kind}`, value: medianNs(samples, "faramesh"), unit: "ns" },
    { id: `patterns.${kind}-v8`, value: medianNs(samples, "v8"), unit: "ns" },
    {
      id: `patterns.${kind}-over-v8`,
      value: ratio(samples, "faramesh", "v8"),
      unit: "x",
      atMost: { must: 1.5, goal: 1 },
    },
    { id: `patterns.${kind}-added`, value: ours, unit: "ns" },
    { id: `patterns.${kind}-added-by-hand`, value: theirs, unit: "ns" },
    { id: `patterns.${kind}-added-over-by-hand`, value: ours / theirs, unit: "x", atMost: { must: 1.5, goal: 1 } },
  ];
}

async function worst(bundles: string, pace: Pace): Promise<readonly Figure[]> {
  const never = (letters: number): string => `${"a".repeat(letters)}!`;
  const ours = async (bytes: number): Promise<Contender> =>
    await faramesh(bundles, policyOf(WORST_PATTERN), [requestOf(never(bytes - 1))], `faramesh-${bytes}`);
  const contenders = [
    await ours(LONG_BYTES),
    await ours(LONG_BYTES / 16),
    v8(WORST_PATTERN, [never(WORST_LETTERS_V8)]),
  ];
  for (const contender of contenders) verify(contender, [ruled(false)]);
  const samples = time(contenders, pace);
  return [
    {
      id: "patterns.worst-per-byte",
      value: medianNs(samples, `faramesh-${LONG_BYTES}`) / LONG_BYTES,
      unit: "ns",
      atMost: { must: 2.5, goal: 1.8 },
    },
    {
      id: "patterns.worst-16-times-the-text",
      value: ratio(samples, `faramesh-${LONG_BYTES}`, `faramesh-${LONG_BYTES / 16}`),
      unit: "x",
      atMost: { must: 20, goal: 16.5 },
    },
    { id: `patterns.worst-v8-${WORST_LETTERS_V8}-letters`, value: medianNs(samples, "v8") / 1e6, unit: "ms" },
  ];
}
