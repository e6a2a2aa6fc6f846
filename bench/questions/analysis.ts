// How long does it take to reason about a thousand rules: what no call reaches, what two versions decide differently of all calls
// that there can be, and whether asserts hold? Policies of three shapes: many tools with three rules each, one tool with all rules on
// one field, one tool whose rules each have a tool argument and a currency of their own. It takes CPU time alone, so that is counted.

import { type Analyser, analyserOf, compilerOf } from "../bundle.ts";
import { policyText as manyTools } from "../generated/policy.ts";
import type { Question } from "../question.ts";
import type { Figure } from "../row.ts";
import { median } from "../timing.ts";

const RULES = 1_000;

const oneTool = (rule: (i: number) => string): string =>
  `agent "worker" {\n  default deny\n${Array.from({ length: RULES }, (_, i) => `  ${rule(i)}\n`).join("")}}\n`;

const policies = {
  "many-tools": manyTools(RULES),
  "one-field": oneTool(
    (i) => `${i % 3 === 0 ? "deny" : "permit"} pay if amount >= ${i * 10} and amount < ${i * 10 + 15}`,
  ),
  "two-fields": oneTool(
    (i) => `${i % 3 === 0 ? "deny" : "permit"} pay if amount < ${i * 7 + 5} and currency == "c${i}"`,
  ),
};

const asserts = ["never permit tool0 if amount > 100000", 'never defer pay if currency == "none"', "always deny rm/**"];

export const question: Question = {
  asks: "reasoning about 1,000 rules: findings, what a change opens, asserts",
  async measure({ short, bundles }) {
    const { compile } = await compilerOf(bundles);
    const analyser = await analyserOf(bundles);
    const stackOf = (text: string): Stack => {
      const { image, stack } = compile(text, { file: "bench.fms" });
      if (image === undefined || stack === undefined) throw new Error("a policy of the bench does not compile");
      return stack;
    };
    return Object.entries(policies).flatMap(([name, text]) => {
      const before = stackOf(text);
      const after = stackOf(changed(text));
      const asked = stackOf(withAsserts(text));
      const rounds = short ? 1 : 5;
      const rows: [string, () => void][] = [
        ["findings", () => analyser.reasonAbout(before)],
        ["change", () => differs(analyser, before, after)],
        ["asserts", () => judged(analyser, asked)],
      ];
      return rows.map(
        ([what, work]): Figure => ({
          id: `analysis.${name}.${what}`,
          value: median(Array.from({ length: rounds }, () => cpuSeconds(work))),
          unit: "s",
          atMost: { must: 2, goal: 1 },
        }),
      );
    });
  },
};

type Stack = Parameters<Analyser["reasonAbout"]>[0];

/** The last rule permits what it denied, or the other way about. */
function changed(text: string): string {
  const at = Math.max(text.lastIndexOf("  permit "), text.lastIndexOf("  deny "));
  const rule = text.slice(at);
  return (
    text.slice(0, at) + (rule.startsWith("  permit ") ? rule.replace("permit", "deny") : rule.replace("deny", "permit"))
  );
}

function withAsserts(text: string): string {
  const end = text.lastIndexOf("}");
  return `${text.slice(0, end)}${asserts.map((assert) => `  assert ${assert}\n`).join("")}}\n`;
}

function differs({ compareAccess }: Analyser, before: Stack, after: Stack): void {
  const { changes, unknown } = compareAccess(before, after, () => false);
  if (changes.length + unknown.length === 0) throw new Error("a change was not seen");
}

function judged({ assertsOf, judgeAsserts }: Analyser, stack: Stack): void {
  if (judgeAsserts(stack, assertsOf(stack), () => false).length !== asserts.length)
    throw new Error("asserts were not judged");
}

function cpuSeconds(work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000_000;
}
