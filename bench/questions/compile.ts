// How long does it take to compile ten thousand rules, checks on, from text to image? The first time in a process, which is
// what a command line pays, and the median of the following. Cedar parses its own text of the same rules. And how long
// until a broken policy of the largest size is complained of, in CPU time: the slowest of many kinds of breakage.

import { compilerOf } from "../bundle.ts";
import { brokenPolicies } from "../generated/broken.ts";
import { cedarPolicies, policyText } from "../generated/policy.ts";
import { parse } from "../peers/cedar.ts";
import type { Question } from "../question.ts";
import type { Figure } from "../row.ts";
import { median } from "../timing.ts";

const RULES = 10_000;

export const question: Question = {
  asks: "compiling 10,000 rules",
  async measure({ short, bundles }) {
    const { compile } = await compilerOf(bundles);
    const text = policyText(RULES);
    const once = (): number => {
      const start = performance.now();
      const { image } = compile(text, { file: "bench.fms" });
      const tookMs = performance.now() - start;
      if (image === undefined) throw new Error("the generated policy does not compile");
      return tookMs;
    };
    const first = once();
    const following = Array.from({ length: short ? 3 : 15 }, once);
    const figures: Figure[] = [
      { id: "compile.first", value: first, unit: "ms", atMost: { must: 1000, goal: 200 } },
      { id: "compile.following", value: median(following), unit: "ms", atMost: { must: 1000, goal: 200 } },
    ];
    if (!short)
      figures.push({ id: "compile.broken", value: slowestMs(compile), unit: "ms", atMost: { must: 1000, goal: 500 } });
    if (!short) figures.push({ id: "compile.cedar", value: cedarMs(), unit: "ms" });
    return figures;
  },
};

function cedarMs(): number {
  const policies = cedarPolicies(RULES);
  const start = performance.now();
  parse("compile", policies);
  return performance.now() - start;
}

const SIZE_BYTES = 4 * 1024 * 1024;

function slowestMs(compile: typeof import("../../compiler/index.ts").compile): number {
  const times = Object.values(brokenPolicies).map((make) => {
    const text = make(SIZE_BYTES);
    const start = process.cpuUsage();
    compile(text, { file: "bench.fms" });
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  });
  return Math.max(...times);
}
