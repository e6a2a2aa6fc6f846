// The part of the proof that is about what counts: limits, budgets, phases of both kinds, and what sessions look back at.
import * as image from "./image";
import * as memoryMap from "./memory";
import { stop, within } from "./load-stop";
import { LoadCode } from "./shared/abi";
import {
  AMOUNT_MAX, Budget, BUDGET_THIRD_FIELD, BUDGET_AUDIT, CostKind, KEY_NAME_MAX, LIMIT_COUNT_MAX, LIMIT_WINDOW_MAX_US, OFFSET_MAX_US, OFFSET_ROW_BYTES, OFFSETS_MAX, PERIOD_MAX_US, PHASE_CHAIN_MAX, PHASES_MAX,
  Section, STAGE_ROW_BYTES, STAGES_MAX, Track, TRACK_PLACES_MAX, TRACK_ROW_BYTES, TRACKS_MAX, WINDOW_MIN_US,
} from "./shared/image";

/** Tags and sums alike stay below 2^62. */
const TAG_MAX: i64 = 0x3fffffffffffffff;

let firstTemporary: u32 = 0;

/** LoadCode. Strings, fields and the count of agents are known; `temporary` is the first field that is one. */
export function verifyMeters(temporary: u32): i32 {
  firstTemporary = temporary;
  for (let i: u32 = 0; i < image.limitCount; i++) {
    const row = image.limits + i * 16;
    const count = load<u32>(row, 4);
    const window = load<f64>(row, 8);
    if (!nameHolds(load<u32>(row)) || count < 1 || count > <u32>LIMIT_COUNT_MAX || !(window >= WINDOW_MIN_US && window <= LIMIT_WINDOW_MAX_US)) return stop(LoadCode.BadRow, Section.Limits, i);
  }
  for (let i: u32 = 0; i < image.budgetCount; i++) {
    if (!budgetHolds(image.budgets + i * 64)) return stop(LoadCode.BadRow, Section.Budgets, i);
  }
  const phase = verifyPhases();
  if (phase >= 0) return stop(LoadCode.BadRow, Section.Phases, phase);
  const stage = verifyStages();
  if (stage >= 0) return stop(LoadCode.BadRow, Section.Stages, stage);
  for (let i: u32 = 0; i < image.trackCount; i++) {
    if (image.trackCount > <u32>TRACKS_MAX || !trackHolds(image.tracks + i * TRACK_ROW_BYTES)) return stop(LoadCode.BadRow, Section.Tracks, i);
  }
  for (let i: u32 = 0; i < image.offsetCount; i++) {
    if (image.offsetCount > <u32>OFFSETS_MAX || !offsetHolds(image.offsets + i * OFFSET_ROW_BYTES, i)) return stop(LoadCode.BadRow, Section.Offsets, i);
  }
  return LoadCode.Ok;
}

/** Times ascend and are none before 1970, so that what is added to them stays far from the ends of 64 bits. */
function offsetHolds(row: u32, index: u32): bool {
  const from = load<i64>(row);
  const offset = load<i64>(row, 8);
  if (from < 0 || from > <i64>AMOUNT_MAX || offset > <i64>OFFSET_MAX_US || offset < -(<i64>OFFSET_MAX_US)) return false;
  return index == 0 || from > load<i64>(row - OFFSET_ROW_BYTES);
}

/** A name that counters are kept by. */
function nameHolds(name: u32): bool {
  return name < image.stringCount && image.stringLength(name) <= <u32>KEY_NAME_MAX;
}

/** -1 when right, else the row. A predecessor stands before its successor, so that no cycle can be; the trace area holds depths. */
function verifyPhases(): i32 {
  if (image.phaseCount > <u32>PHASES_MAX) return 0;
  const depths = memoryMap.trace;
  for (let i: u32 = 0; i < image.phaseCount; i++) {
    const row = image.phases + i * 32;
    const previous = load<u32>(row, 8);
    const duration = load<f64>(row, 16);
    if (!nameHolds(load<u32>(row)) || load<u32>(row, 4) >= image.stringCount || load<u32>(row, 24) >= image.stringCount) return i;
    if (previous > i || load<u32>(row, 12) >= image.agentCount || !(duration >= WINDOW_MIN_US && duration <= PERIOD_MAX_US)) return i;
    const depth: u32 = previous == 0 ? 1 : load<u32>(depths + (previous - 1) * 4) + 1;
    if (depth > <u32>PHASE_CHAIN_MAX) return i;
    store<u32>(depths + i * 4, depth);
  }
  return -1;
}

/** -1 when right, else the row. An agent's rows stand together, and each says where. */
function verifyStages(): i32 {
  if (image.stageCount > <u32>STAGES_MAX) return 0;
  for (let i: u32 = 0; i < image.stageCount; i++) {
    const row = image.stages + i * STAGE_ROW_BYTES;
    const first = load<u32>(row, 8);
    const count = load<u32>(row, 12);
    const tag = load<i64>(row, 16);
    if (load<u32>(row) >= image.stringCount || load<u32>(row, 4) >= image.agentCount || tag < 1 || tag > TAG_MAX) return i;
    if (!within(first, count, image.stageCount) || i < first || i - first >= count) return i;
    const head = image.stages + first * STAGE_ROW_BYTES;
    if (load<u32>(head, 8) != first || load<u32>(head, 12) != count || load<u32>(head, 4) != load<u32>(row, 4)) return i;
  }
  return -1;
}

function budgetHolds(row: u32): bool {
  const exceed: u32 = load<u8>(row, Budget.OnExceed);
  const cost: u32 = load<u8>(row, Budget.CostKind);
  const window = load<f64>(row, Budget.WindowUs);
  if (!nameHolds(load<u32>(row)) || load<u8>(row, Budget.Window) > 1 || load<u8>(row, Budget.Ambient) > 1 || cost > <u32>CostKind.Distinct) return false;
  if (exceed != 1 && exceed != 2 && exceed != BUDGET_AUDIT) return false;
  const reads = cost == CostKind.Field || cost == CostKind.Size || cost == CostKind.Distinct;
  if (reads ? load<u32>(row, Budget.CostField) >= firstTemporary : load<u32>(row, Budget.CostField) != 0) return false;
  if (cost == CostKind.Distinct) {
    // The constant's high half is 0 as well.
    if (load<u32>(row, Budget.SecondField) > firstTemporary || load<u64>(row, BUDGET_THIRD_FIELD) > <u64>firstTemporary) return false;
  } else if (load<u32>(row, Budget.SecondField) != 0 || load<i64>(row, Budget.CostConstant) < 0 || load<i64>(row, Budget.CostConstant) > <i64>AMOUNT_MAX) return false;
  for (let o: u32 = Budget.Max; o <= <u32>Budget.WarnAt; o += 8) if (load<i64>(row + o) < -1 || load<i64>(row + o) > <i64>AMOUNT_MAX) return false;
  return window >= WINDOW_MIN_US && window <= PERIOD_MAX_US;
}

function trackHolds(row: u32): bool {
  const kind: u32 = load<u8>(row, 4);
  const places: u32 = load<u8>(row, 5);
  const field = load<u32>(row, 8);
  const window = load<f64>(row, 16);
  if (!nameHolds(load<u32>(row)) || kind > <u32>Track.Denials || load<u16>(row, 6) != 0 || load<u32>(row, 12) != 0) return false;
  if (places < 1 || places > <u32>TRACK_PLACES_MAX || (places > 1 && kind != Track.Sequence)) return false;
  const isSum = kind == Track.Sum || kind == Track.SumWindow;
  if (isSum ? field < 1 || field > firstTemporary : field != 0) return false;
  return kind >= <u32>Track.Within ? window >= WINDOW_MIN_US && window <= PERIOD_MAX_US : window == 0;
}
