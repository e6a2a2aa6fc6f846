// Mutants that were saved: images for each way in which the loader refuses one, and for what it lets run; requests for each
// verdict. A mutant that once did harm is added here by hand, a line each.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decideByObject, told } from "../differential/json.ts";
import { everyCall, everyPart, imageOf, noon, open, resealed } from "../vm/policies.ts";
import { policyFor } from "./corpus-policy.ts";
import { type Change, changed, trial } from "./image.ts";

interface SavedImage {
  /** What came of it when it was saved; a later format may find the same bytes elsewhere. */
  readonly outcome: string;
  readonly changes: readonly Change[];
}

interface SavedRequest {
  readonly effect: string;
  readonly code: string;
  readonly base64: string;
}

function lines<Line>(name: string): Line[] {
  const text = readFileSync(new URL(`corpus/${name}`, import.meta.url), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

test("F01 saved images with fitting digests are refused, or run within bounds", () => {
  const image = imageOf(everyPart);
  const outcomes = lines<SavedImage>("images.jsonl").map(({ changes }, i) => {
    try {
      return trial(resealed(changed(image, changes)), everyCall, i * 8);
    } catch (error) {
      throw new Error(`line ${i + 1}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  });
  assert.ok(outcomes.filter((outcome) => outcome !== "runs").length > outcomes.length / 3, JSON.stringify(outcomes));
});

test("F02 saved images whose digest was kept are refused", () => {
  const image = imageOf(everyPart);
  for (const { changes } of lines<SavedImage>("images.jsonl")) {
    const bytes = changed(image, changes);
    if (Buffer.compare(bytes, image) === 0) continue;
    assert.is.not(trial(bytes, everyCall), "runs", JSON.stringify(changes));
  }
});

test("D01 D02 D03 saved requests have the verdict that they had, also by way of objects", () => {
  const byBytes = open(policyFor);
  const byObject = open(policyFor);
  for (const { effect, code, base64 } of lines<SavedRequest>("requests.jsonl")) {
    const bytes = Buffer.from(base64, "base64");
    const verdict = byBytes.decideJson(bytes, { now: noon });
    assert.equal([verdict.effect, verdict.code], [effect, code], bytes.toString());
    assert.is(told(verdict), told(decideByObject(byObject, bytes, { now: noon })), bytes.toString());
  }
});

test.run();
