// What both halves of the proof share: where it stopped, and whether a stretch lies within a whole.
import { setResult } from "./memory";
import { Result } from "./shared/abi";

/** Notes where the proof stopped. */
export function stop(code: i32, section: i32, row: u32): i32 {
  setResult(Result.LoadSection, section);
  setResult(Result.LoadRow, <i32>row);
  return code;
}

export function within(start: u32, count: u32, total: u32): bool {
  return start <= total && count <= total - start;
}
