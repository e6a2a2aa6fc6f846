// Runs one rule's condition. One switch, cases in the order of Op. Jumps go forward only, so a rule takes at most as many
// steps as it has instructions; that, and every index used here, is proved at load.
import { askField, askSlot } from "./automaton";
import { COUNTS } from "./counts";
import { readTrack } from "./history";
import * as image from "./image";
import * as memoryMap from "./memory";
import { FIRST_VALUE_OP, JUMP_FAIL, JUMP_MATCH, Kind, Mode, Op, Tri } from "./shared/isa";
import { TRACE_EVENTS_MAX, TRACE_EVENT_BYTES, TraceKind } from "./shared/abi";
import {
  codePoints, contains, containsScalar, containsString, endsBytes, equal, equalFolded, inList, inSet, kindOf, lengthOf, less, lowered,
  isConstant, numberOf, orderBytes, pointerOf, startsBytes, tri,
} from "./value";

/** Free room in the arena for strings that the code makes; set at the start of each decision, behind what the host wrote. */
let made: u32 = 0;
export let tracing: bool = false;
export let traceCount: u32 = 0;
/** Set when the arena had no room for a made string. */
export let starved: bool = false;

export function beginExecution(arenaUsed: u32, withTrace: bool): void {
  made = memoryMap.arena + arenaUsed;
  tracing = withTrace;
  traceCount = 0;
  starved = false;
}

export function pauseTrace(): void {
  tracing = false;
}

export function resumeTrace(): void {
  tracing = true;
}

export function traceEvent(kind: i32, index: u32, result: i32, a: u32, c: u32): void {
  if (traceCount >= <u32>TRACE_EVENTS_MAX) return;
  const at = memoryMap.trace + traceCount * TRACE_EVENT_BYTES;
  store<i32>(at, kind);
  store<u32>(at, index, 4);
  store<i32>(at, result, 8);
  store<u32>(at, 0, 12);
  if (a != 0) memory.copy(at + 16, a, 16);
  else memory.fill(at + 16, 0, 16);
  if (c != 0) memory.copy(at + 32, c, 16);
  else memory.fill(at + 32, 0, 16);
  traceCount++;
}

@inline
function slotAt(slots: u32, index: u32): u32 {
  return slots + (index << 4);
}

/** Whether the rule's condition holds. `strict`: unknown counts as holding, which lower has built into the code. */
export function ruleMatches(rule: u32): bool {
  const row = image.rules + (rule << 4);
  const start = load<u32>(row);
  if (start == 0) return true;
  const slots = memoryMap.slots;
  let at = image.code + (start - 1) * 12;
  while (true) {
    const op: i32 = load<u8>(at);
    const mode: i32 = load<u8>(at, 1);
    const a = slotAt(slots, load<u16>(at, 2));
    const b = load<u32>(at, 4);
    let answer: i32 = Tri.Unknown;
    switch (op) {
      case Op.Truth:
        if (kindOf(a) == Kind.Bool) answer = tri(load<u32>(a, 8) != 0);
        break;
      case Op.Nil:
        answer = tri(kindOf(a) <= Kind.Null || kindOf(a) == Kind.Unknown);
        break;
      case Op.EqNumber:
        if (kindOf(a) == Kind.Number) answer = tri(numberOf(a) == load<f64>(image.numbers + (b << 3)));
        break;
      case Op.LtNumber:
        if (kindOf(a) == Kind.Number) answer = tri(numberOf(a) < load<f64>(image.numbers + (b << 3)));
        break;
      case Op.LeNumber:
        if (kindOf(a) == Kind.Number) answer = tri(numberOf(a) <= load<f64>(image.numbers + (b << 3)));
        break;
      case Op.EqString:
        if (kindOf(a) == Kind.String) answer = tri(isConstant(a, b));
        break;
      case Op.LtString:
        if (kindOf(a) == Kind.String) answer = tri(orderBytes(pointerOf(a), lengthOf(a), image.stringAt(b), image.stringLength(b)) < 0);
        break;
      case Op.LeString:
        if (kindOf(a) == Kind.String) answer = tri(orderBytes(pointerOf(a), lengthOf(a), image.stringAt(b), image.stringLength(b)) <= 0);
        break;
      case Op.EqBool:
        if (kindOf(a) == Kind.Bool) answer = tri(load<u32>(a, 8) == b);
        break;
      case Op.EqNull:
        if (kindOf(a) == Kind.Null) answer = Tri.True;
        break;
      case Op.InSet:
        answer = inSet(a, b);
        break;
      case Op.ContainsString:
        answer = containsString(a, b);
        break;
      case Op.ContainsNumber:
        answer = containsScalar(a, Kind.Number, load<f64>(image.numbers + (b << 3)), 0);
        break;
      case Op.ContainsBool:
        answer = containsScalar(a, Kind.Bool, 0, b);
        break;
      case Op.StartsString:
        if (kindOf(a) == Kind.String) answer = tri(startsBytes(pointerOf(a), lengthOf(a), image.stringAt(b), image.stringLength(b)));
        break;
      case Op.EndsString:
        if (kindOf(a) == Kind.String) answer = tri(endsBytes(pointerOf(a), lengthOf(a), image.stringAt(b), image.stringLength(b)));
        break;
      case Op.Matches:
        if (kindOf(a) == Kind.String) answer = a < memoryMap.temporaries ? askField(b, a) : askSlot(b, a);
        break;
      case Op.EqFolded:
        answer = equalFolded(a, b);
        break;
      case Op.HasText:
        if (kindOf(a) == Kind.String) answer = containsString(a, b);
        break;
      case Op.ListHasString:
        if (kindOf(a) == Kind.List) answer = containsString(a, b);
        break;
      case Op.AnyMatches:
        if (kindOf(a) == Kind.List) answer = askField(b, a);
        break;
      case Op.Equal:
        answer = equal(a, slotAt(slots, load<u16>(at, 10)));
        break;
      case Op.Less:
        answer = less(a, slotAt(slots, load<u16>(at, 10)), false);
        break;
      case Op.LessEqual:
        answer = less(a, slotAt(slots, load<u16>(at, 10)), true);
        break;
      case Op.InList:
        answer = inList(a, slotAt(slots, load<u16>(at, 10)));
        break;
      case Op.Contains:
        answer = contains(a, slotAt(slots, load<u16>(at, 10)));
        break;
      case Op.Starts:
      case Op.Ends: {
        const c = slotAt(slots, load<u16>(at, 10));
        if (kindOf(a) == Kind.String && kindOf(c) == Kind.String) {
          answer = tri(
            op == Op.Starts
              ? startsBytes(pointerOf(a), lengthOf(a), pointerOf(c), lengthOf(c))
              : endsBytes(pointerOf(a), lengthOf(a), pointerOf(c), lengthOf(c)),
          );
        }
        break;
      }
      default:
        computeValue(op, a, b, slotAt(slots, load<u16>(at, 10)));
        at += 12;
        continue;
    }
    if (tracing) traceEvent(TraceKind.Test, (at - image.code) / 12, answer, a, op >= Op.Equal ? slotAt(slots, load<u16>(at, 10)) : 0);
    const kept = mode & 3;
    const want: i32 = kept < Mode.NeedFalse ? Tri.True : Tri.False;
    const hit = answer == want;
    if ((kept & 1) == 0 ? hit : !hit) {
      if (mode & Mode.Last) return true;
      at += 12;
      continue;
    }
    const jump: u32 = load<u16>(at, 8);
    if (jump == JUMP_FAIL) return false;
    if (jump == JUMP_MATCH) return true;
    at += 12 + jump * 12;
  }
}

function computeValue(op: i32, a: u32, b: u32, c: u32): void {
  const slots = memoryMap.slots;
  switch (op) {
    case Op.LoadNumber:
      setNumber(a, load<f64>(image.numbers + (b << 3)));
      break;
    case Op.LoadString:
      setString(a, image.stringAt(b), image.stringLength(b));
      break;
    case Op.LoadBool:
      store<i32>(a, Kind.Bool);
      store<u32>(a, b, 8);
      break;
    case Op.LoadNull:
      store<i32>(a, Kind.Null);
      break;
    case Op.Add:
    case Op.Subtract:
    case Op.Multiply:
    case Op.Divide:
    case Op.Remainder:
      arithmetic(op, a, slotAt(slots, b), c);
      break;
    case Op.Negate:
      if (kindOf(slotAt(slots, b)) == Kind.Number) setNumber(a, -numberOf(slotAt(slots, b)));
      else store<i32>(a, Kind.Unknown);
      break;
    case Op.Length:
    case Op.Count: {
      const from = slotAt(slots, b);
      if (kindOf(from) == Kind.List) setNumber(a, <f64>lengthOf(from));
      else if (kindOf(from) == Kind.String && op == Op.Length) setNumber(a, <f64>codePoints(pointerOf(from), lengthOf(from)));
      else store<i32>(a, Kind.Unknown);
      break;
    }
    case Op.Look:
      if (COUNTS) readTrack(b, a);
      else store<i32>(a, Kind.Unknown);
      break;
    default:
      recase(a, slotAt(slots, b), op == Op.Lower);
  }
}

function setNumber(slot: u32, value: f64): void {
  store<i32>(slot, Kind.Number);
  store<f64>(slot, value, 8);
}

function setString(slot: u32, text: u32, length: u32): void {
  store<i32>(slot, Kind.String);
  store<u32>(slot, length, 4);
  store<u32>(slot, text, 8);
  store<u32>(slot, 0, 12);
}

function arithmetic(op: i32, a: u32, left: u32, right: u32): void {
  if (kindOf(left) != Kind.Number || kindOf(right) != Kind.Number) {
    store<i32>(a, Kind.Unknown);
    return;
  }
  const x = numberOf(left);
  const y = numberOf(right);
  let value: f64 = NaN;
  if (op == Op.Add) value = x + y;
  else if (op == Op.Subtract) value = x - y;
  else if (op == Op.Multiply) value = x * y;
  else if (op == Op.Divide) value = y == 0 ? NaN : x / y;
  else value = y == 0 ? NaN : x % y;
  if (isFinite(value)) setNumber(a, value);
  else store<i32>(a, Kind.Unknown);
}

/** ASCII only; other bytes stay, so UTF-8 stays UTF-8. */
function recase(a: u32, from: u32, lower: bool): void {
  if (kindOf(from) != Kind.String) {
    store<i32>(a, Kind.Unknown);
    return;
  }
  const length = lengthOf(from);
  if (length > memoryMap.arena + memoryMap.arenaBytes - made) {
    starved = true;
    store<i32>(a, Kind.Unknown);
    return;
  }
  const text = pointerOf(from);
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(text + i);
    store<u8>(made + i, lower ? lowered(byte) : byte >= 97 && byte <= 122 ? byte - 32 : byte);
  }
  setString(a, made, length);
  made += length;
}
