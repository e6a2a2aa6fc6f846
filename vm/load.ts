// Proves an image before anything of it runs: digest, bounds, every index, every jump, every automaton. After a proof
// the machine reads the image without checks, so whatever is not proved here must not be relied upon there.
import * as image from "./image";
import * as memoryMap from "./memory";
import { sha256Begin, sha256End, sha256Update, sha256Word } from "./sha256";
import { verifyMeters } from "./load-meters";
import { stop, within } from "./load-stop";
import { verifyAutomata } from "./load-automata";
import { verifyTables } from "./load-tables";
import { LoadCode, Result } from "./shared/abi";
import {
  DECIDING_SECTIONS, FIELD_PARTS_MAX, FIELDS_MAX, FORMAT_VERSION, HEADER_BYTES, HEADER_DIGEST, ISA_VERSION, MAGIC, OFFSET_ROW_BYTES, PART_INDEX, RULES_MAX, Section,
  SHAPE_ROW_BYTES, STAGE_ROW_BYTES, TABLE_ROW_BYTES, TRACK_ROW_BYTES,
} from "./shared/image";
import { FIRST_VALUE_OP, JUMP_FAIL, JUMP_MATCH, Kind, Mode, Op, Root, RULE_GATE, RuleEffect, TimePart } from "./shared/isa";

/** Temporaries of one rule's code: their definedness is followed in a word. */
const TEMPORARIES_MAX: u32 = 64;
const TABLE_END: u32 = HEADER_BYTES + <u32>Section.End * TABLE_ROW_BYTES;

/** Fields from here on are written by the code itself. */
export let firstTemporary: u32 = 0;
/** Rows of Rules from here on are gates. */
let firstGate: u32 = 0;

export function verify(bytes: u32): i32 {
  const at = memoryMap.image;
  if (bytes < TABLE_END) return stop(LoadCode.TooShort, -1, 0);
  if (load<u32>(at) != MAGIC) return stop(LoadCode.BadMagic, -1, 0);
  if (load<u16>(at, 4) != FORMAT_VERSION) return stop(LoadCode.NewerFormat, -1, load<u16>(at, 4));
  if (load<u16>(at, 6) != ISA_VERSION) return stop(LoadCode.NewerIsa, -1, load<u16>(at, 6));
  if (load<u32>(at, 8) != bytes || load<u32>(at, 12) != <u32>Section.End || load<u64>(at, 16) != 0 || load<u64>(at, HEADER_DIGEST + 32) != 0) return stop(LoadCode.BadLength, -1, 0);
  if (!digestHolds(at, bytes)) return stop(LoadCode.BadDigest, -1, 0);
  const wrong = verifySections(bytes);
  if (wrong >= 0) return stop(LoadCode.BadSection, wrong, 0);
  return verifyRows();
}

function digestHolds(at: u32, bytes: u32): bool {
  const digest = memoryMap.result + (Result.PolicyHash << 3);
  sha256Begin();
  sha256Update(at + HEADER_BYTES, bytes - HEADER_BYTES);
  sha256End(digest);
  return memory.compare(digest, at + HEADER_DIGEST, 32) == 0;
}

/** Both names of the image, to the result area. Apart from the proof, most of whose time goes into hashing. */
export function nameImage(): void {
  hashPolicy();
  sha256Begin();
  sha256Update(memoryMap.image, memoryMap.imageBytes);
  sha256End(memoryMap.result + (Result.ImageHash << 3));
}

/** policy_hash: SHA-256 over length and bytes of each section that decides. */
function hashPolicy(): void {
  sha256Begin();
  for (let s: i32 = 0; s < DECIDING_SECTIONS; s++) {
    sha256Word(image.sectionBytes(s));
    sha256Update(image.sectionAddress(s), image.sectionBytes(s));
  }
  sha256End(memoryMap.result + (Result.PolicyHash << 3));
}

/** Sections follow each other without gaps but for zero padding; -1 when right, else the section. */
function verifySections(bytes: u32): i32 {
  let expected: u32 = TABLE_END;
  for (let s: i32 = 0; s < Section.End; s++) {
    const offset = image.sectionOffset(s);
    const length = image.sectionBytes(s);
    if (offset != expected || length > bytes - offset) return s;
    expected = offset + ((length + 7) & ~7);
    if (expected > bytes) return s;
    for (let i = offset + length; i < expected; i++) if (load<u8>(memoryMap.image + i) != 0) return s;
    if (length % rowBytes(s) != 0) return s;
  }
  if (expected != bytes) return Section.End;
  return image.bindSections() ? -1 : Section.Strings;
}

function rowBytes(section: i32): u32 {
  switch (section) {
    case Section.Numbers:
    case Section.Fields:
    case Section.Sets:
    case Section.Members:
    case Section.Exact: return 8;
    case Section.Pool:
    case Section.AutomataIndex: return 4;
    case Section.Code:
    case Section.Plans:
    case Section.Debug: return 12;
    case Section.Rules:
    case Section.Limits: return 16;
    case Section.Shapes: return SHAPE_ROW_BYTES;
    case Section.Agents: return 24;
    case Section.Budgets: return 64;
    case Section.Phases: return 32;
    case Section.Stages: return STAGE_ROW_BYTES;
    case Section.Tracks: return TRACK_ROW_BYTES;
    case Section.Offsets: return OFFSET_ROW_BYTES;
    default: return 1;
  }
}

function verifyRows(): i32 {
  const text = verifyStrings(Section.Strings);
  if (text >= 0) return stop(LoadCode.BadRow, Section.Strings, text);
  for (let i: u32 = 0; i < image.numberCount; i++) {
    const n = load<f64>(image.numbers + i * 8);
    if (!isFinite(n)) return stop(LoadCode.BadRow, Section.Numbers, i);
  }
  const field = verifyFields();
  if (field >= 0) return stop(LoadCode.BadRow, Section.Fields, field);
  for (let i: u32 = 0; i < image.setCount; i++) {
    const row = image.sets + i * 8;
    if (!within(load<u32>(row), load<u32>(row, 4), image.memberCount)) return stop(LoadCode.BadRow, Section.Sets, i);
  }
  for (let i: u32 = 0; i < image.memberCount; i++) {
    if (!memberHolds(image.members + i * 8)) return stop(LoadCode.BadRow, Section.Members, i);
  }
  const automaton = verifyAutomata();
  if (automaton >= 0) return stop(LoadCode.BadAutomaton, Section.Automata, automaton);
  const rule = verifyRules();
  if (rule >= 0) return stop(LoadCode.BadInstruction, Section.Rules, rule);
  const place = verifyDebug();
  if (place >= 0) return stop(LoadCode.BadRow, Section.Debug, place);
  const meter = verifyMeters(firstTemporary);
  if (meter != LoadCode.Ok) return meter;
  return verifyTables(firstTemporary, firstGate);
}

/** -1 when right, else the row. */
function verifyStrings(section: i32): i32 {
  const at = image.sectionAddress(section);
  const bytes = image.sectionBytes(section);
  if (bytes < 8 || load<u32>(at, 4) != 0) return 0;
  const count = load<u32>(at);
  if (count > (bytes - 8) / 8) return 0;
  const textBytes = bytes - 8 - count * 8;
  for (let i: u32 = 0; i < count; i++) {
    if (!within(load<u32>(at + 8 + i * 8), load<u32>(at + 12 + i * 8), textBytes)) return i;
  }
  return -1;
}

/** Places of rules, for people: none, or one for each rule. -1 when right, else the row. */
function verifyDebug(): i32 {
  const bytes = image.sectionBytes(Section.Debug);
  if (bytes == 0) return image.sectionBytes(Section.DebugStrings) == 0 || verifyStrings(Section.DebugStrings) < 0 ? -1 : 0;
  if (bytes / 12 != image.ruleCount || verifyStrings(Section.DebugStrings) >= 0) return 0;
  const texts = load<u32>(image.sectionAddress(Section.DebugStrings));
  for (let i: u32 = 0; i < image.ruleCount; i++) {
    const row = image.sectionAddress(Section.Debug) + i * 12;
    if (<u32>load<u16>(row, 6) >= texts || load<u32>(row, 8) >= texts) return i;
  }
  return -1;
}

/** -1 when right, else the row. Temporaries come last. */
function verifyFields(): i32 {
  if (image.fieldCount > <u32>FIELDS_MAX) return 0;
  firstTemporary = image.fieldCount;
  for (let i: u32 = 0; i < image.fieldCount; i++) {
    const row = image.fields + i * 8;
    const root: u32 = load<u8>(row);
    const parts: u32 = load<u16>(row, 2);
    const first = load<u32>(row, 4);
    if (root > <u32>Root.Size || load<u8>(row, 1) != 0 || parts > <u32>FIELD_PARTS_MAX || !within(first, parts, image.poolCount)) return i;
    if (root == Root.Size && parts != 0) return i;
    if (root == Root.Temporary) {
      if (parts != 0) return i;
      firstTemporary = min(firstTemporary, i);
    } else if (firstTemporary < i) return i;
    for (let p: u32 = 0; p < parts; p++) {
      const part = load<u32>(image.pool + (first + p) * 4);
      if (root == Root.Time) {
        if (parts != 1 || part > <u32>TimePart.Weekday) return i;
      } else if (!(part & PART_INDEX) && part >= image.stringCount) return i;
    }
    if (root == Root.Time && parts != 1) return i;
  }
  return image.fieldCount - firstTemporary > TEMPORARIES_MAX ? <i32>firstTemporary : -1;
}

function memberHolds(row: u32): bool {
  const reference = load<u32>(row, 4);
  switch (load<u32>(row)) {
    case Kind.Null: return reference == 0;
    case Kind.Bool: return reference < 2;
    case Kind.Number: return reference < image.numberCount;
    case Kind.String: return reference < image.stringCount;
    default: return false;
  }
}

/** Codes of rules follow each other, in the order of rules; gates come last. */
function verifyRules(): i32 {
  if (image.ruleCount > <u32>RULES_MAX) return 0;
  let next: u32 = 0;
  firstGate = image.ruleCount;
  for (let r: u32 = 0; r < image.ruleCount; r++) {
    const row = image.rules + r * 16;
    const start = load<u32>(row);
    const count: u32 = load<u16>(row, 4);
    const flags: u32 = load<u8>(row, 7);
    if (load<u8>(row, 6) > 3 || flags > <u32>RULE_GATE) return r;
    if (flags == RULE_GATE) {
      if (load<u8>(row, 6) != RuleEffect.Deny && load<u8>(row, 6) != RuleEffect.Defer) return r;
      firstGate = min(firstGate, r);
    } else if (firstGate < r) return r;
    if (load<u32>(row, 8) >= image.stringCount || load<u32>(row, 12) > image.stringCount) return r;
    if (start == 0 ? count != 0 : start - 1 != next || count == 0 || !within(next, count, image.codeCount)) return r;
    if (count > 0 && !verifyCode(next, count)) return r;
    next += count;
  }
  return next == image.codeCount ? -1 : <i32>image.ruleCount;
}

/** One rule's code, at most 65,535 instructions. The trace area serves as marks of jump targets. */
function verifyCode(first: u32, count: u32): bool {
  const marks = memoryMap.trace;
  memory.fill(marks, 0, count);
  let defined: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(marks + i) != 0) defined = 0;
    const at = image.code + (first + i) * 12;
    const op: u32 = load<u8>(at);
    const mode: u32 = load<u8>(at, 1);
    if (op >= <u32>Op.End || mode > 7) return false;
    if (!operandsHold(at, op, defined)) return false;
    if (op >= <u32>FIRST_VALUE_OP) {
      if (mode != 0 || load<u16>(at, 8) != 0 || i + 1 == count) return false;
      defined |= <u64>1 << <u64>(<u32>load<u16>(at, 2) - firstTemporary);
      continue;
    }
    const jump: u32 = load<u16>(at, 8);
    if (jump != JUMP_FAIL && jump != JUMP_MATCH) {
      if (i + 1 + jump >= count) return false;
      store<u8>(marks + i + 1 + jump, 1);
    }
    if (((mode & Mode.Last) != 0) != (i + 1 == count)) return false;
  }
  return true;
}

function readable(slot: u32, defined: u64): bool {
  if (slot >= image.fieldCount) return false;
  return slot < firstTemporary || ((defined >> <u64>(slot - firstTemporary)) & 1) != 0;
}

function operandsHold(at: u32, op: u32, defined: u64): bool {
  const a: u32 = load<u16>(at, 2);
  const b = load<u32>(at, 4);
  const c: u32 = load<u16>(at, 10);
  if (op >= <u32>FIRST_VALUE_OP) {
    if (a < firstTemporary || a >= image.fieldCount) return false;
  } else if (!readable(a, defined)) return false;
  switch (op) {
    case Op.Truth:
    case Op.Nil:
    case Op.EqNull: return b == 0 && c == 0;
    case Op.EqNumber:
    case Op.LtNumber:
    case Op.LeNumber:
    case Op.ContainsNumber:
    case Op.LoadNumber: return b < image.numberCount && c == 0;
    case Op.EqString:
    case Op.LtString:
    case Op.LeString:
    case Op.ContainsString:
    case Op.StartsString:
    case Op.EndsString:
    case Op.HasText:
    case Op.ListHasString:
    case Op.EqFolded:
    case Op.LoadString: return b < image.stringCount && c == 0;
    case Op.EqBool:
    case Op.ContainsBool:
    case Op.LoadBool: return b < 2 && c == 0;
    case Op.LoadNull: return b == 0 && c == 0;
    case Op.Look: return b < image.trackCount && c == 0;
    case Op.InSet: return b < image.setCount && c == 0;
    case Op.Matches:
    case Op.AnyMatches: return b < image.automataCount && c == 0;
    case Op.Equal:
    case Op.Less:
    case Op.LessEqual:
    case Op.InList:
    case Op.Contains:
    case Op.Starts:
    case Op.Ends: return b == 0 && readable(c, defined);
    case Op.Add:
    case Op.Subtract:
    case Op.Multiply:
    case Op.Divide:
    case Op.Remainder: return readable(b, defined) && readable(c, defined);
    case Op.Negate:
    case Op.Length:
    case Op.Count:
    case Op.Lower:
    case Op.Upper: return readable(b, defined) && c == 0;
    default: return false;
  }
}
