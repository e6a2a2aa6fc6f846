// What a policy says about itself. Everything is found when it is asked for, so that opening a policy costs nothing here.
import { Result } from "../../vm/shared/abi.ts";
import { FORMAT_VERSION, ISA_VERSION } from "../../vm/shared/image.ts";
import type { ImageReader } from "./image.ts";
import type { Machine } from "./machine.ts";
import type { PolicyInfo } from "./types.ts";

export function infoOf(machine: Machine, image: ImageReader): PolicyInfo {
  const idsOf = (): string[] => Array.from({ length: image.agentCount }, (_, i) => image.agentId(i));
  let named = false;
  const hash = (cell: Result): string => {
    if (!named) machine.calls.hashes?.();
    named = true;
    return machine.resultHash(cell);
  };
  return {
    format_version: FORMAT_VERSION,
    isa_version: ISA_VERSION,
    get policy_hash() {
      return hash(Result.PolicyHash);
    },
    get image_hash() {
      return hash(Result.ImageHash);
    },
    get agents() {
      return idsOf().filter((id) => id !== "");
    },
    get anonymous() {
      return idsOf().includes("");
    },
    get tools() {
      return [...new Set(Array.from({ length: image.ruleCount }, (_, i) => image.rule(i).pattern))];
    },
    get limits() {
      return Array.from({ length: image.limitCount }, (_, i) => {
        const { pattern, count, windowUs } = image.limit(i);
        return { name: pattern, count, window_seconds: windowUs / 1e6 };
      });
    },
    get budgets() {
      return Array.from({ length: image.budgetCount }, (_, i) => image.budgetId(i));
    },
    get rules() {
      return image.ruleCount;
    },
    image_bytes: machine.image.length,
    get worst_case_steps() {
      return machine.resultNumber(Result.WorstCaseSteps);
    },
    get stateful() {
      return image.limitCount + image.budgetCount + image.phaseCount > 0 || image.keepsSessions;
    },
  };
}
