// The section of an image that the machine does not look into: settings and blocks for the daemon, and which rules belong
// where. Who only decides never reads it.
import type { HostSection } from "../../compiler/lower/lower.ts";
import { Section } from "../../vm/shared/image.ts";
import type { ImageReader } from "./image.ts";
import { LoadFailure } from "./types.ts";

const decoder = new TextDecoder();

/** Throws LoadFailure when the section is not what the compiler writes. */
export function readHost(image: ImageReader): HostSection {
  const at = image.at(Section.Host);
  let host: unknown;
  try {
    host = JSON.parse(decoder.decode(image.bytes.subarray(at, at + image.length(Section.Host))));
  } catch {
    host = undefined;
  }
  if (!isHostSection(host)) throw new LoadFailure("BAD_IMAGE", "the image has settings that cannot be read (Host)");
  return host;
}

/** Indexes of the budgets that an agent declares. */
export function budgetsOfAgent(image: ImageReader, host: HostSection, agent: number): number[] {
  const first = host.firstBudget[agent] ?? 0;
  const end = host.firstBudget[agent + 1] ?? image.budgetCount;
  return Array.from({ length: end - first }, (_, i) => first + i);
}

function isHostSection(value: unknown): value is HostSection {
  if (!isObject(value) || !isObject(value.runtime)) return false;
  const { blocks, notify, phaseOfRule, stageOfRule, firstRule, firstBudget } = value;
  const arePairs = (list: unknown): boolean => Array.isArray(list) && list.every((pair) => areNumbers(pair));
  const areNumbers = (list: unknown): boolean => Array.isArray(list) && list.every((n) => Number.isSafeInteger(n));
  return (
    areNumbers(firstRule) &&
    areNumbers(firstBudget) &&
    (blocks === undefined || Array.isArray(blocks)) &&
    arePairs(phaseOfRule) &&
    arePairs(stageOfRule) &&
    Array.isArray(notify) &&
    notify.every((row) => Array.isArray(row) && Number.isSafeInteger(row[0]))
  );
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
