// Makes the sieves of a proved image, see sieve.ts. A rule is left out of a row only when the test that keeps it out is one
// that the rule's code is sure to come to: nothing before it jumps elsewhere than to the rule's end, and nothing before it
// can use up what a decision may spend. So a rule that is not run would have failed, and left nothing behind.
import * as image from "./image";
import * as memoryMap from "./memory";
import { setResultNumber } from "./memory";
import { keysBelow, ROW_BYTES, SEGMENT_BYTES, SEGMENT_RULES, SELECTOR_BYTES, SIEVE_HEADER_BYTES, sieveAt } from "./sieve";
import { areStrings, beginTable, putString, tableBytes } from "./strings";
import { Result } from "./shared/abi";
import { PLAN_ROW_BYTES, RULE_ROW_BYTES, Shape, SHAPE_ROW_BYTES } from "./shared/image";
import { INSTRUCTION_BYTES, JUMP_FAIL, Kind, Mode, Op, Root, SLOT_BYTES, Tri } from "./shared/isa";

/** Shorter lists are run through faster. */
const SIEVE_RULES_MIN: u32 = 12;
/** A field that fewer rules of a segment test is not looked up. */
const TESTS_MIN: u32 = 4;
/** Fields that a segment's tests are counted for, and different constants of one of them. */
const CANDIDATES_MAX: u32 = 32;
const KEYS_MAX: u32 = 1024;
/** Constants and cells of rows looked at for the sieves of one image, some tens of milliseconds; then the rest go without. */
const BUILD_WORK: i64 = 1 << 24;

let work: i64 = 0;
/** Of the segment being made: rows of slot u32 (index), kind u32, tests u32, reserved u32. The trace area serves for them. */
let candidates: u32 = 0;
let candidateCount: u32 = 0;
/** Behind them the keys of one candidate: numbers in order, or a table of strings; then its strings in turn, u32, or a mark for each, u8. */
let keys: u32 = 0;
let keyList: u32 = 0;
let keyCount: u32 = 0;
/** Of the sieve being made: most steps that looking takes. */
let steps: u32 = 0;

/** Makes a sieve for each long list of rules, while there is room, and adds their looks to the worst case's steps. */
export function buildSieves(): void {
  work = BUILD_WORK;
  candidates = memoryMap.trace;
  keys = candidates + CANDIDATES_MAX * 16;
  keyList = keys + tableBytes(KEYS_MAX + 1);
  let ofPlans: u32 = 0;
  for (let i: u32 = 0; i < image.planCount; i++) {
    const plan = image.plans + i * PLAN_ROW_BYTES;
    ofPlans = max(ofPlans, stepsOfList(load<u32>(plan, 4), load<u32>(plan, 8)));
  }
  let ofShapes: u32 = 0;
  for (let i: u32 = 0; i < image.shapeCount; i++) ofShapes = max(ofShapes, stepsOfShape(image.shapes + i * SHAPE_ROW_BYTES));
  const result = memoryMap.result + (Result.WorstCaseSteps << 3);
  setResultNumber(Result.WorstCaseSteps, load<f64>(result) + <f64>(ofPlans + ofShapes));
}

/** Lists that come before the plan's own: `deny!` of the agent, and those of phases, looked through once for `deny!` and once more. */
function stepsOfShape(shape: u32): u32 {
  let all = stepsOfList(cell(shape, Shape.MandatoryStart), cell(shape, Shape.MandatoryCount));
  all += 2 * stepsOfTriples(cell(shape, Shape.PhasesStart), cell(shape, Shape.PhasesCount));
  return all + 2 * stepsOfTriples(cell(shape, Shape.StagesStart), cell(shape, Shape.StagesCount));
}

function stepsOfTriples(start: u32, count: u32): u32 {
  let all: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const triple = image.pool + (start + i * 3) * 4;
    all += stepsOfList(load<u32>(triple, 4), load<u32>(triple, 8));
  }
  return all;
}

/** Most steps that looking into the list's sieve takes, which is made where there is none yet; 0 for a list without one. */
function stepsOfList(start: u32, count: u32): u32 {
  if (count < SIEVE_RULES_MIN) return 0;
  const before = sieveAt(start, count);
  if (before != 0) return load<u32>(before, 4);
  if (work < 0) return 0;
  if (memoryMap.sieves == 0) memoryMap.setSieves(memoryMap.claim(image.poolCount * 4));
  const sieve = memoryMap.sieves == 0 ? 0 : sieveOf(start, count);
  if (sieve == 0 || work < 0) return 0;
  store<u32>(memoryMap.sieves + start * 4, sieve);
  return load<u32>(sieve, 4);
}

@inline
function cell(shape: u32, member: i32): u32 {
  return load<u32>(shape + (<u32>member << 2));
}

/** The sieve of a list of rules; 0 when there is no room for one, or nothing to look up. */
function sieveOf(start: u32, count: u32): u32 {
  const segments = (count + SEGMENT_RULES - 1) / SEGMENT_RULES;
  const sieve = memoryMap.claim(SIEVE_HEADER_BYTES + segments * SEGMENT_BYTES);
  if (sieve == 0) return 0;
  steps = 0;
  let any = false;
  for (let s: u32 = 0; s < segments; s++) {
    const first = s * SEGMENT_RULES;
    const segment = sieve + SIEVE_HEADER_BYTES + s * SEGMENT_BYTES;
    if (buildSegment(segment, start, first, min(SEGMENT_RULES, count - first))) any = true;
  }
  store<u32>(sieve, segments);
  store<u32>(sieve, steps, 4);
  store<u32>(sieve, count, 8);
  return any ? sieve : 0;
}

function buildSegment(segment: u32, start: u32, first: u32, count: u32): bool {
  store<u32>(segment, first);
  for (let r: u32 = 0; r < count; r++) setBit(segment + 16, r);
  const list = image.pool + (start + first) * 4;
  candidateCount = 0;
  for (let r: u32 = 0; r < count; r++) countTests(load<u32>(list + r * 4));
  let wanted: u32 = 0;
  for (let i: u32 = 0; i < candidateCount; i++) if (load<u32>(candidates + i * 16, 8) >= TESTS_MIN) wanted++;
  const selectors = wanted == 0 ? 0 : memoryMap.claim(wanted * SELECTOR_BYTES);
  if (selectors == 0) return false;
  let made: u32 = 0;
  for (; wanted > 0; wanted--) {
    const candidate = takeLargest();
    if (buildSelector(selectors + made * SELECTOR_BYTES, candidate, segment + 16, list, count)) made++;
  }
  store<u32>(segment, made, 4);
  store<u32>(segment, selectors, 8);
  return made > 0;
}

@inline
function setBit(row: u32, bit: u32): void {
  const at = row + ((bit >> 6) << 3);
  store<u64>(at, load<u64>(at) | (<u64>1 << <u64>(bit & 63)));
}

@inline
function clearBit(row: u32, bit: u32): void {
  const at = row + ((bit >> 6) << 3);
  store<u64>(at, load<u64>(at) & ~(<u64>1 << <u64>(bit & 63)));
}

/** The candidate that most rules test; it is counted no more. */
function takeLargest(): u32 {
  let largest = candidates;
  for (let i: u32 = 1; i < candidateCount; i++) {
    const at = candidates + i * 16;
    if (load<u32>(at, 8) > load<u32>(largest, 8)) largest = at;
  }
  store<u32>(largest, 0, 8);
  return largest;
}

// The tests at the beginning of a rule's code that the rule fails with: an instruction's address, or 0 behind the last.

function firstTest(rule: u32): u32 {
  const start = load<u32>(image.rules + rule * RULE_ROW_BYTES);
  if (start == 0) return 0;
  const at = image.code + (start - 1) * INSTRUCTION_BYTES;
  return isPassed(at) ? at : 0;
}

function nextTest(at: u32): u32 {
  if ((load<u8>(at, 1) & Mode.Last) != 0) return 0;
  const next = at + INSTRUCTION_BYTES;
  return isPassed(next) ? next : 0;
}

/** Falls through or fails, and can neither be interrupted nor use anything up. */
function isPassed(at: u32): bool {
  const op: u32 = load<u8>(at);
  const cheap = op <= <u32>Op.InSet || op == Op.StartsString || op == Op.EndsString || op == Op.EqFolded;
  return cheap && load<u16>(at, 8) == JUMP_FAIL;
}

/** The kind of constants that a test looks for: Number, String, or 0 for tests that no row can answer. */
function kindOfTest(at: u32): u32 {
  // A temporary's value is not there yet.
  if (load<u8>(image.fields + <u32>load<u16>(at, 2) * 8) == Root.Temporary) return 0;
  const op: u32 = load<u8>(at);
  if (op == Op.EqNumber || op == Op.LtNumber || op == Op.LeNumber) return Kind.Number;
  if (op == Op.EqString) return Kind.String;
  if (op != Op.InSet) return 0;
  const row = image.sets + load<u32>(at, 4) * 8;
  const count = load<u32>(row, 4);
  return count > 0 && count <= KEYS_MAX && areStrings(image.members + load<u32>(row) * 8, count) ? Kind.String : 0;
}

function countTests(rule: u32): void {
  for (let at = firstTest(rule); at != 0; at = nextTest(at)) {
    const kind = kindOfTest(at);
    if (kind == 0) continue;
    const slot: u32 = load<u16>(at, 2);
    let i: u32 = 0;
    while (i < candidateCount && (load<u32>(candidates + i * 16) != slot || load<u32>(candidates + i * 16, 4) != kind)) i++;
    if (i == CANDIDATES_MAX) continue;
    const candidate = candidates + i * 16;
    if (i == candidateCount) {
      candidateCount++;
      store<u32>(candidate, slot);
      store<u32>(candidate, kind, 4);
      store<u32>(candidate, 0, 8);
    }
    store<u32>(candidate, load<u32>(candidate, 8) + 1, 8);
  }
}

function buildSelector(selector: u32, candidate: u32, all: u32, list: u32, count: u32): bool {
  const slot = load<u32>(candidate);
  const kind = load<u32>(candidate, 4);
  keyCount = 0;
  if (kind == Kind.String) beginTable(keys, KEYS_MAX + 1);
  for (let r: u32 = 0; r < count; r++) {
    for (let at = firstTest(load<u32>(list + r * 4)); at != 0; at = nextTest(at)) {
      if (<u32>load<u16>(at, 2) == slot && kindOfTest(at) == kind && !addKeys(at, kind)) return false;
    }
  }
  const rowCount = kind == Kind.String ? keyCount + 2 : 2 * keyCount + 2;
  const ownKeys = memoryMap.claim(kind == Kind.String ? tableBytes(keyCount) : keyCount * 8);
  const rows = memoryMap.claim(rowCount * ROW_BYTES);
  if (ownKeys == 0 || rows == 0) return false;
  if (kind == Kind.Number) memory.copy(ownKeys, keys, keyCount * 8);
  else {
    beginTable(ownKeys, keyCount);
    for (let i: u32 = 0; i < keyCount; i++) putString(ownKeys, load<u32>(keyList + i * 4), i);
  }
  for (let row: u32 = 0; row < rowCount; row++) memory.copy(rows + row * ROW_BYTES, all, ROW_BYTES);
  store<u32>(selector, memoryMap.slots + slot * SLOT_BYTES);
  store<u32>(selector, kind, 4);
  store<u32>(selector, ownKeys, 8);
  store<u32>(selector, keyCount, 12);
  store<u32>(selector, rows, 16);
  for (let r: u32 = 0; r < count; r++) {
    for (let at = firstTest(load<u32>(list + r * 4)); at != 0; at = nextTest(at)) {
      if (<u32>load<u16>(at, 2) != slot || kindOfTest(at) != kind) continue;
      work -= rowCount;
      if (work < 0) return false;
      if (kind == Kind.String) clearStrings(at, r, ownKeys, rows);
      else clearNumbers(at, r, ownKeys, rows);
    }
  }
  steps += kind == Kind.String ? load<u32>(ownKeys, 8) : 32 - clz(keyCount);
  return true;
}

/** Adds the constants of a test; false when they are too many. */
function addKeys(at: u32, kind: u32): bool {
  const b = load<u32>(at, 4);
  if (kind == Kind.Number) return addNumber(load<f64>(image.numbers + b * 8));
  if (load<u8>(at) == Op.EqString) return addString(b);
  const row = image.sets + b * 8;
  const members = image.members + load<u32>(row) * 8;
  for (let m: u32 = 0; m < load<u32>(row, 4); m++) if (!addString(load<u32>(members + m * 8, 4))) return false;
  return true;
}

function addNumber(key: f64): bool {
  const place = keysBelow(keys, keyCount, key);
  const at = keys + place * 8;
  if (place < keyCount && load<f64>(at) == key) return true;
  if (keyCount == KEYS_MAX || --work < 0) return false;
  memory.copy(at + 8, at, (keyCount - place) * 8);
  store<f64>(at, key);
  keyCount++;
  return true;
}

function addString(constant: u32): bool {
  if (--work < 0) return false;
  if (putString(keys, constant, keyCount) < keyCount) return true;
  if (keyCount == KEYS_MAX) return false;
  store<u32>(keyList + keyCount * 4, constant);
  keyCount++;
  return true;
}

/** What the instruction lets pass of an answer. */
function passes(at: u32, answer: i32): bool {
  const kept: i32 = load<u8>(at, 1) & 3;
  const want: i32 = kept < Mode.NeedFalse ? Tri.True : Tri.False;
  return (kept & 1) == 0 ? answer == want : answer != want;
}

function clearNumbers(at: u32, bit: u32, ownKeys: u32, rows: u32): void {
  const op: u32 = load<u8>(at);
  const place = keysBelow(ownKeys, keyCount, load<f64>(image.numbers + load<u32>(at, 4) * 8));
  const equal: u32 = 2 * place + 1;
  for (let row: u32 = 0; row <= 2 * keyCount; row++) {
    let holds = row == equal;
    if (op == Op.LtNumber) holds = row < equal;
    else if (op == Op.LeNumber) holds = row <= equal;
    if (!passes(at, holds ? Tri.True : Tri.False)) clearBit(rows + row * ROW_BYTES, bit);
  }
  if (!passes(at, Tri.Unknown)) clearBit(rows + (2 * keyCount + 1) * ROW_BYTES, bit);
}

/** A rule may test a field twice: what one test has taken out, another does not put back. */
function clearStrings(at: u32, bit: u32, ownKeys: u32, rows: u32): void {
  const b = load<u32>(at, 4);
  const marks = keyList;
  memory.fill(marks, 0, keyCount);
  if (load<u8>(at) == Op.EqString) store<u8>(marks + putString(ownKeys, b, 0), 1);
  else {
    const row = image.sets + b * 8;
    const members = image.members + load<u32>(row) * 8;
    for (let m: u32 = 0; m < load<u32>(row, 4); m++) store<u8>(marks + putString(ownKeys, load<u32>(members + m * 8, 4), 0), 1);
  }
  for (let key: u32 = 0; key < keyCount; key++) {
    if (!passes(at, load<u8>(marks + key) != 0 ? Tri.True : Tri.False)) clearBit(rows + key * ROW_BYTES, bit);
  }
  if (!passes(at, Tri.False)) clearBit(rows + keyCount * ROW_BYTES, bit);
  if (!passes(at, Tri.Unknown)) clearBit(rows + (keyCount + 1) * ROW_BYTES, bit);
}
