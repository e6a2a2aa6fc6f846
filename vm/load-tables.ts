// The second half of the proof: plans, shapes, agents and their dispatch. Every list points at rows that are there, every
// automaton of tools' names is closed, and rules read only what the host fills.
import * as image from "./image";
import * as memoryMap from "./memory";
import { setResultNumber } from "./memory";
import { stop, within } from "./load-stop";
import { LoadCode, METERS_PER_TOOL_MAX, Result, RING_EVENTS_MAX } from "./shared/abi";
import {
  Budget, BUDGET_THIRD_FIELD, CostKind, DISPATCH_HEADER_BYTES, EXACT_PROBE_LIMIT, Section, Shape, SHAPE_ROW_BYTES, SHAPE_SESSION, SHAPE_TIME, Track, TRACK_ROW_BYTES, PERIOD_MAX_US, WINDOW_MIN_US,
} from "./shared/image";
import { FIRST_VALUE_OP, Op, Root } from "./shared/isa";

/** From the first half; see verifyTables. */
let firstTemporary: u32 = 0;
let firstGate: u32 = 0;
/** Of the shape whose rules are looked at: only then is the caller's session read. */
let keepsSessions: bool = false;

function poolBelow(start: u32, count: u32, below: u32): bool {
  return poolBetween(start, count, 0, below);
}

function poolBetween(start: u32, count: u32, from: u32, below: u32): bool {
  if (!within(start, count, image.poolCount)) return false;
  for (let i: u32 = 0; i < count; i++) {
    const item = load<u32>(image.pool + (start + i) * 4);
    if (item < from || item >= below) return false;
  }
  return true;
}

/** LoadCode. Strings, fields, automata, rules and meters are proved before. `temporary` and `gate` are the first field and row of Rules that are one. */
export function verifyTables(temporary: u32, gate: u32): i32 {
  firstTemporary = temporary;
  firstGate = gate;
  memory.fill(memoryMap.trace, 0, image.fieldCount * 4);
  for (let i: u32 = 0; i < image.shapeCount; i++) {
    const shape = image.shapes + i * SHAPE_ROW_BYTES;
    if (!shapeHolds(shape) || !shapeReads(shape, i + 1)) return stop(LoadCode.BadTable, Section.Shapes, i);
  }
  let worst: f64 = 0;
  let marked: u32 = image.shapeCount;
  for (let i: u32 = 0; i < image.planCount; i++) {
    const row = image.plans + i * 12;
    if (load<u32>(row) >= image.shapeCount || !poolBelow(load<u32>(row, 4), load<u32>(row, 8), firstGate)) return stop(LoadCode.BadTable, Section.Plans, i);
    const shape = load<u32>(row);
    if (shape != marked) markFields(image.shapes + shape * SHAPE_ROW_BYTES, shape + 1);
    marked = shape;
    if (!listReads(load<u32>(row, 4), load<u32>(row, 8), shape + 1)) return stop(LoadCode.BadTable, Section.Plans, i);
    worst = max(worst, planSteps(row));
  }
  setResultNumber(Result.WorstCaseSteps, worst);
  for (let i: u32 = 0; i < image.exactCount; i++) {
    const row = image.exact + i * 8;
    if (load<u32>(row) > image.stringCount || (load<u32>(row) > 0 && load<u32>(row, 4) >= image.planCount)) return stop(LoadCode.BadTable, Section.Exact, i);
  }
  for (let i: u32 = 0; i < image.agentCount; i++) if (!agentHolds(image.agents + i * 24)) return stop(LoadCode.BadTable, Section.Agents, i);
  return LoadCode.Ok;
}

function shapeHolds(row: u32): bool {
  if (load<u32>(row, Shape.DefaultEffect * 4) > 2 || load<u32>(row, Shape.Flags * 4) > 7) return false;
  if (!poolBelow(load<u32>(row, Shape.FieldsStart * 4), load<u32>(row, Shape.FieldsCount * 4), firstTemporary)) return false;
  if (!poolBelow(load<u32>(row, Shape.MandatoryStart * 4), load<u32>(row, Shape.MandatoryCount * 4), firstGate)) return false;
  if (!poolBetween(load<u32>(row, Shape.ModelGatesStart * 4), load<u32>(row, Shape.ModelGatesCount * 4), firstGate, image.ruleCount)) return false;
  if (!poolBetween(load<u32>(row, Shape.EgressGatesStart * 4), load<u32>(row, Shape.EgressGatesCount * 4), firstGate, image.ruleCount)) return false;
  if (!poolBetween(load<u32>(row, Shape.SelectorGatesStart * 4), load<u32>(row, Shape.SelectorGatesCount * 4), firstGate, image.ruleCount)) return false;
  if (!poolBelow(load<u32>(row, Shape.LimitsStart * 4), load<u32>(row, Shape.LimitsCount * 4), image.limitCount)) return false;
  if (!poolBelow(load<u32>(row, Shape.BudgetsStart * 4), load<u32>(row, Shape.BudgetsCount * 4), image.budgetCount)) return false;
  if (!poolBelow(load<u32>(row, Shape.RedactStart * 4), load<u32>(row, Shape.RedactCount * 4), image.stringCount)) return false;
  if (load<u32>(row, Shape.LimitsCount * 4) > <u32>METERS_PER_TOOL_MAX || load<u32>(row, Shape.BudgetsCount * 4) > <u32>METERS_PER_TOOL_MAX) return false;
  const ofSession = load<u32>(row, Shape.StagesCount * 4) + load<u32>(row, Shape.TracksCount * 4) + load<u32>(row, Shape.DenialsCount * 4);
  if (ofSession > 0 && (load<u32>(row, Shape.Flags * 4) & SHAPE_SESSION) == 0) return false;
  if (!tracksHold(row)) return false;
  if (!boundHolds(row, Shape.MaxDuration) || !boundHolds(row, Shape.IdleTimeout)) return false;
  if (!triplesHold(load<u32>(row, Shape.PhasesStart * 4), load<u32>(row, Shape.PhasesCount * 4), image.phaseCount)) return false;
  return triplesHold(load<u32>(row, Shape.StagesStart * 4), load<u32>(row, Shape.StagesCount * 4), image.stageCount);
}

function boundHolds(row: u32, member: i32): bool {
  const number = load<u32>(row + (<u32>member << 2));
  if (number == 0) return true;
  if (number > image.numberCount || (load<u32>(row, Shape.Flags * 4) & SHAPE_SESSION) == 0) return false;
  const bound = load<f64>(image.numbers + (number - 1) * 8);
  return bound >= WINDOW_MIN_US && bound <= PERIOD_MAX_US;
}

/** Pairs of a track and its places, then tracks of denials. */
function tracksHold(row: u32): bool {
  const start = load<u32>(row, Shape.TracksStart * 4);
  const count = load<u32>(row, Shape.TracksCount * 4);
  const denials = load<u32>(row, Shape.DenialsCount * 4);
  if (count > <u32>METERS_PER_TOOL_MAX || denials > <u32>METERS_PER_TOOL_MAX || !within(start, count * 2, image.poolCount)) return false;
  for (let i: u32 = 0; i < count; i++) {
    const track = load<u32>(image.pool + (start + i * 2) * 4);
    if (track >= image.trackCount || isDenials(track)) return false;
  }
  if (!poolBelow(load<u32>(row, Shape.DenialsStart * 4), denials, image.trackCount)) return false;
  const list = image.pool + load<u32>(row, Shape.DenialsStart * 4) * 4;
  for (let i: u32 = 0; i < denials; i++) if (!isDenials(load<u32>(list + i * 4))) return false;
  return true;
}

function isDenials(track: u32): bool {
  return load<u8>(image.tracks + track * TRACK_ROW_BYTES, 4) == Track.Denials;
}

/** Triples of a phase below `phases`, and its rules. */
function triplesHold(start: u32, count: u32, phases: u32): bool {
  if (count > image.poolCount / 3 || !within(start, count * 3, image.poolCount)) return false;
  for (let i: u32 = 0; i < count; i++) {
    const triple = image.pool + (start + i * 3) * 4;
    if (load<u32>(triple) >= phases || !poolBelow(load<u32>(triple, 4), load<u32>(triple, 8), firstGate)) return false;
  }
  return true;
}

// The host fills the slots of a shape's fields and no others. A rule that read another would find what an earlier call left
// there, so that is refused here. The trace area holds a mark for each field: the last shape that has it, plus one.

function markFields(shape: u32, mark: u32): void {
  keepsSessions = (load<u32>(shape, Shape.Flags * 4) & SHAPE_SESSION) != 0;
  const start = image.pool + load<u32>(shape, Shape.FieldsStart * 4) * 4;
  const count = load<u32>(shape, Shape.FieldsCount * 4);
  for (let i: u32 = 0; i < count; i++) store<u32>(memoryMap.trace + load<u32>(start + i * 4) * 4, mark);
}

@inline
function isFilled(slot: u32, mark: u32): bool {
  return slot >= firstTemporary || load<u32>(memoryMap.trace + slot * 4) == mark;
}

/** What all rules and budgets of the shape read is among its fields; parts of the time are flagged. */
function shapeReads(shape: u32, mark: u32): bool {
  markFields(shape, mark);
  const tracks = image.pool + load<u32>(shape, Shape.TracksStart * 4) * 4;
  for (let i: u32 = 0; i < load<u32>(shape, Shape.TracksCount * 4); i++) {
    const field = load<u32>(image.tracks + load<u32>(tracks + i * 8) * TRACK_ROW_BYTES, 8);
    if (field > 0 && !isFilled(field - 1, mark)) return false;
  }
  const fields = image.pool + load<u32>(shape, Shape.FieldsStart * 4) * 4;
  const timed = (load<u32>(shape, Shape.Flags * 4) & SHAPE_TIME) != 0;
  for (let i: u32 = 0; i < load<u32>(shape, Shape.FieldsCount * 4); i++) {
    if (!timed && load<u8>(image.fields + load<u32>(fields + i * 4) * 8) == Root.Time) return false;
  }
  const budgets = image.pool + load<u32>(shape, Shape.BudgetsStart * 4) * 4;
  for (let i: u32 = 0; i < load<u32>(shape, Shape.BudgetsCount * 4); i++) {
    const row = image.budgets + load<u32>(budgets + i * 4) * 64;
    if (!budgetReads(row, mark)) return false;
  }
  if (!listReads(load<u32>(shape, Shape.MandatoryStart * 4), load<u32>(shape, Shape.MandatoryCount * 4), mark)) return false;
  if (!listReads(load<u32>(shape, Shape.ModelGatesStart * 4), load<u32>(shape, Shape.ModelGatesCount * 4), mark)) return false;
  if (!listReads(load<u32>(shape, Shape.EgressGatesStart * 4), load<u32>(shape, Shape.EgressGatesCount * 4), mark)) return false;
  if (!listReads(load<u32>(shape, Shape.SelectorGatesStart * 4), load<u32>(shape, Shape.SelectorGatesCount * 4), mark)) return false;
  return triplesRead(load<u32>(shape, Shape.PhasesStart * 4), load<u32>(shape, Shape.PhasesCount * 4), mark)
    && triplesRead(load<u32>(shape, Shape.StagesStart * 4), load<u32>(shape, Shape.StagesCount * 4), mark);
}

function budgetReads(row: u32, mark: u32): bool {
  const kind: u32 = load<u8>(row, Budget.CostKind);
  if (kind == CostKind.Request || kind == CostKind.Constant) return true;
  if (!isFilled(load<u32>(row, Budget.CostField), mark)) return false;
  if (kind != CostKind.Distinct) return true;
  const second = load<u32>(row, Budget.SecondField);
  const third = load<u32>(row, BUDGET_THIRD_FIELD);
  return (second == 0 || isFilled(second - 1, mark)) && (third == 0 || isFilled(third - 1, mark));
}

function triplesRead(start: u32, count: u32, mark: u32): bool {
  const triples = image.pool + start * 4;
  for (let i: u32 = 0; i < count; i++) if (!listReads(load<u32>(triples + i * 12, 4), load<u32>(triples + i * 12, 8), mark)) return false;
  return true;
}

function listReads(start: u32, count: u32, mark: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    const rule = image.rules + load<u32>(image.pool + (start + i) * 4) * 16;
    const first = load<u32>(rule);
    if (first == 0) continue;
    let at = image.code + (first - 1) * 12;
    for (let left: u32 = load<u16>(rule, 4); left > 0; left--, at += 12) {
      const op: u32 = load<u8>(at);
      if (op < <u32>FIRST_VALUE_OP ? !isFilled(load<u16>(at, 2), mark) : op >= <u32>Op.Add && op != Op.Look && !isFilled(load<u32>(at, 4), mark)) return false;
      if (op == Op.Look && !keepsSessions) return false;
      // Operations without a second slot have 0 there, which need not be filled.
      if (((op >= <u32>Op.Equal && op <= <u32>Op.Ends) || (op >= <u32>Op.Add && op <= <u32>Op.Remainder)) && !isFilled(load<u16>(at, 10), mark)) return false;
    }
  }
  return true;
}

function listSteps(start: u32, count: u32): f64 {
  let steps: f64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const rule = load<u32>(image.pool + (start + i) * 4);
    steps += 1 + <f64>load<u16>(image.rules + rule * 16, 4);
    if (image.trackCount > 0) steps += lookSteps(image.rules + rule * 16);
  }
  return steps;
}

/** A window is walked through, event by event. */
function lookSteps(rule: u32): f64 {
  let steps: f64 = 0;
  let at = image.code + (load<u32>(rule) - 1) * 12;
  for (let left: u32 = load<u16>(rule, 4); left > 0; left--, at += 12) if (load<u8>(at) == Op.Look) steps += trackSteps(load<u32>(at, 4));
  return steps;
}

function trackSteps(track: u32): f64 {
  return <u32>load<u8>(image.tracks + track * TRACK_ROW_BYTES, 4) >= <u32>Track.CountWindow ? 2 * RING_EVENTS_MAX : 1;
}

function planSteps(plan: u32): f64 {
  const shape = image.shapes + load<u32>(plan) * SHAPE_ROW_BYTES;
  let steps = listSteps(load<u32>(plan, 4), load<u32>(plan, 8));
  steps += listSteps(load<u32>(shape, Shape.MandatoryStart * 4), load<u32>(shape, Shape.MandatoryCount * 4));
  steps += listSteps(load<u32>(shape, Shape.ModelGatesStart * 4), load<u32>(shape, Shape.ModelGatesCount * 4));
  steps += listSteps(load<u32>(shape, Shape.EgressGatesStart * 4), load<u32>(shape, Shape.EgressGatesCount * 4));
  steps += listSteps(load<u32>(shape, Shape.SelectorGatesStart * 4), load<u32>(shape, Shape.SelectorGatesCount * 4));
  steps += triplesSteps(load<u32>(shape, Shape.PhasesStart * 4), load<u32>(shape, Shape.PhasesCount * 4));
  steps += triplesSteps(load<u32>(shape, Shape.StagesStart * 4), load<u32>(shape, Shape.StagesCount * 4));
  const pairs = image.pool + load<u32>(shape, Shape.TracksStart * 4) * 4;
  for (let i: u32 = 0; i < load<u32>(shape, Shape.TracksCount * 4); i++) steps += trackSteps(load<u32>(pairs + i * 8));
  const denials = image.pool + load<u32>(shape, Shape.DenialsStart * 4) * 4;
  for (let i: u32 = 0; i < load<u32>(shape, Shape.DenialsCount * 4); i++) steps += trackSteps(load<u32>(denials + i * 4));
  return steps + <f64>load<u32>(shape, Shape.LimitsCount * 4) + <f64>load<u32>(shape, Shape.BudgetsCount * 4);
}

function triplesSteps(start: u32, count: u32): f64 {
  let steps: f64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const triple = image.pool + (start + i * 3) * 4;
    steps += 1 + listSteps(load<u32>(triple, 4), load<u32>(triple, 8));
  }
  return steps;
}

function agentHolds(row: u32): bool {
  if (load<u32>(row) >= image.stringCount || load<u32>(row, 16) >= image.planCount || load<u32>(row, 20) != 0) return false;
  const mask = load<u32>(row, 8);
  if (mask != 0xffffffff) {
    if ((mask & (mask + 1)) != 0 || mask >= 0x1000000) return false;
    // Probing may run past the mask's end instead of around it.
    if (!within(load<u32>(row, 4), mask + 1 + EXACT_PROBE_LIMIT, image.exactCount)) return false;
  }
  const dispatch = load<u32>(row, 12);
  return dispatch == 0 || dispatchHolds(dispatch - 1);
}

function dispatchHolds(offset: u32): bool {
  if (offset % 8 != 0 || !within(offset, DISPATCH_HEADER_BYTES, image.dispatchBytes)) return false;
  const at = image.dispatch + offset;
  const classes = load<u32>(at);
  const states = load<u32>(at, 4);
  if (classes < 1 || classes > 256 || states < 1 || states > 0x400000 || load<u32>(at, 8) >= states) return false;
  const cells: u64 = <u64>states * classes;
  if (cells * 4 + <u64>states * 4 + DISPATCH_HEADER_BYTES > <u64>(image.dispatchBytes - offset)) return false;
  for (let c: u32 = 0; c < 256; c++) if (load<u8>(at + 16 + c) >= classes) return false;
  const next = at + DISPATCH_HEADER_BYTES;
  for (let c: u32 = 0; c < <u32>cells; c++) if (load<u32>(next + c * 4) >= states) return false;
  const accept = next + <u32>cells * 4;
  for (let s: u32 = 0; s < states; s++) if (load<u32>(accept + s * 4) >= image.planCount) return false;
  return true;
}
