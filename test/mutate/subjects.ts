// What is changed by chance: the image that has every part, and images of generated policies with calls of their own.

import { compile } from "../../compiler/index.ts";
import type { EvaluationRequest } from "../../runtime/evaluator/types.ts";
import { policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";
import { callDrafts } from "../generate/request.ts";
import { everyCall, everyPart, imageOf } from "../vm/policies.ts";

const CALLS = 16;

export interface Subject {
  readonly text: string;
  readonly image: Uint8Array;
  readonly calls: readonly EvaluationRequest[];
}

/** The first is always the one with every part. Drafts that do not compile are passed over. */
export function subjects(generated: number, firstSeed: number): Subject[] {
  const all: Subject[] = [{ text: everyPart, image: imageOf(everyPart), calls: everyCall }];
  for (let seed = firstSeed; all.length <= generated; seed++) {
    const random = new Random(seed);
    const text = policyText(policyDraft(random, random.oneIn(3)));
    const { image } = compile(text, { file: "governance.fms" });
    if (image === undefined) continue;
    all.push({ text, image, calls: callDrafts(random, CALLS, "forward", false).map(({ request }) => request) });
  }
  return all;
}
