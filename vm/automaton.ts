// Runs automata over texts: tables of states, and positions of a pattern in words of 64. Both read every byte once; how much
// a byte costs is in the image, and what one decision may spend on positions is bounded here.
import * as image from "./image";
import * as memoryMap from "./memory";
import {
  POSITION_ARROW_BYTES, POSITION_FIRST_BYTES, POSITION_HEADER_BYTES, POSITION_ROW, POSITION_ROW_BYTES, POSITION_WORDS_MAX, PositionMask,
} from "./shared/image";
import { Kind, Tri } from "./shared/isa";
import { kindOf, lengthOf, pointerOf, setExhausted, tri } from "./value";

/** Words and arrows that the positions of one decision may take, some tenths of a second; then the step limit is reached. */
const POSITION_WORK: i64 = 1 << 27;

/** Positions that the last character reached, and those that the next one may. */
const reached: u32 = <u32>memory.data(POSITION_WORDS_MAX * 8, 8);
const allowed: u32 = <u32>memory.data(POSITION_WORDS_MAX * 8, 8);
let work: i64 = 0;
/** Counted, so that answers of an earlier decision are known as such. */
let decision: u64 = 0;

export function beginPatterns(): void {
  work = POSITION_WORK;
  decision++;
}

/** What the automaton says of a field, a string or a list. It runs once in a decision, however many rules ask in turn. */
export function askField(automaton: u32, slot: u32): i32 {
  const row = memoryMap.answers + (automaton << 4);
  if (load<u64>(row) == decision && load<u32>(row, 8) == slot) return load<i32>(row, 12);
  const answer = askSlot(automaton, slot);
  store<u64>(row, decision);
  store<u32>(row, slot, 8);
  store<i32>(row, answer, 12);
  return answer;
}

/** The same of any slot: what the code itself has written is another text each time. */
export function askSlot(automaton: u32, slot: u32): i32 {
  return kindOf(slot) == Kind.String ? tri(matches(automaton, pointerOf(slot), lengthOf(slot))) : anyMatches(automaton, slot);
}

/** Whether the automaton accepts the text; see the image's layout for its bytes. */
function matches(automaton: u32, text: u32, length: u32): bool {
  const at = image.automata + load<u32>(image.automataIndex + automaton * 4);
  const classes: u32 = load<u16>(at);
  if (classes == 0) return positionsMatch(at, text, length);
  const classOf = at + 8;
  const next = at + 264;
  const accepted = classes << 2;
  let row: u32 = <u32>load<u16>(at, 2) * accepted;
  const end = text + length;
  // Four bytes a turn: both final states lead to themselves, so that looking once is enough.
  while (end - text >= 4) {
    if (row <= accepted) return row == accepted;
    row = load<u32>(next + row + (<u32>load<u8>(classOf + load<u8>(text)) << 2));
    row = load<u32>(next + row + (<u32>load<u8>(classOf + load<u8>(text, 1)) << 2));
    row = load<u32>(next + row + (<u32>load<u8>(classOf + load<u8>(text, 2)) << 2));
    row = load<u32>(next + row + (<u32>load<u8>(classOf + load<u8>(text, 3)) << 2));
    text += 4;
  }
  while (text < end) {
    row = load<u32>(next + row + (<u32>load<u8>(classOf + load<u8>(text)) << 2));
    text++;
  }
  return load<u32>(next + row + ((classes - 1) << 2)) == accepted;
}

/** Some string of the list is accepted by the automaton; unknown unless it is a list. */
function anyMatches(automaton: u32, list: u32): i32 {
  if (kindOf(list) != Kind.List) return Tri.Unknown;
  let member = pointerOf(list);
  for (let i = lengthOf(list); i > 0; i--, member += 16) {
    if (kindOf(member) == Kind.String && matches(automaton, pointerOf(member), lengthOf(member))) return Tri.True;
  }
  return Tri.False;
}

/** Of the character that symbolAt has read. */
let symbol: u32 = 0;

/** Reads one character, whole or broken, into `symbol`; answers where the next one begins. Takes at least one byte. */
@inline
function symbolAt(first: u32, text: u32, end: u32): u32 {
  let entry: u32 = load<u16>(first + (<u32>load<u8>(text) << 1));
  text++;
  while (entry & POSITION_ROW) {
    if (text == end || (load<u8>(text) & 0xc0) != 0x80) {
      entry = 0;
      break;
    }
    const row = first + POSITION_FIRST_BYTES + (entry & 0x7fff) * POSITION_ROW_BYTES;
    entry = load<u16>(row + ((<u32>load<u8>(text) & 0x3f) << 1));
    if (entry != 0) text++;
  }
  symbol = entry;
  return text;
}

function positionsMatch(at: u32, text: u32, length: u32): bool {
  if (length == 0) return load<u32>(at, 20) != 0;
  const words: u32 = load<u16>(at, 2);
  const bytes = words << 3;
  const first = at + POSITION_HEADER_BYTES;
  const masks = first + POSITION_FIRST_BYTES + load<u32>(at, 8) * POSITION_ROW_BYTES;
  const reach = masks + bytes * PositionMask.End;
  const arrows = reach + bytes * load<u32>(at, 12);
  const end = text + length;
  memory.copy(allowed, masks + bytes * PositionMask.Start, bytes);
  while (text < end) {
    text = symbolAt(first, text, end);
    const taken = reach + bytes * symbol;
    let any: u64 = 0;
    let accepted: u64 = 0;
    for (let w: u32 = 0; w < bytes; w += 8) {
      const set = load<u64>(allowed + w) & load<u64>(taken + w);
      store<u64>(reached + w, set);
      any |= set;
      accepted |= set & load<u64>(masks + bytes * PositionMask.Accepts + w);
    }
    if (accepted != 0) return true;
    if (any == 0) return false;
    work -= words;
    advance(masks, bytes, arrows);
    if (work < 0) {
      setExhausted(true);
      return false;
    }
  }
  let ends: u64 = 0;
  for (let w: u32 = 0; w < bytes; w += 8) ends |= load<u64>(reached + w) & load<u64>(masks + bytes * PositionMask.Ends + w);
  return ends != 0;
}

/** From what is reached to what is allowed next. */
@inline
function advance(masks: u32, bytes: u32, index: u32): void {
  let carry: u64 = 0;
  for (let w: u32 = 0; w < bytes; w += 8) {
    const set = load<u64>(reached + w);
    const shifted = set & load<u64>(masks + bytes * PositionMask.Shift + w);
    store<u64>(allowed + w, (shifted << 1) | carry | (set & load<u64>(masks + bytes * PositionMask.Self + w)));
    carry = shifted >> 63;
  }
  // One more first arrow than positions, padded to 8.
  const arrows = index + (bytes << 5) + 8;
  for (let w: u32 = 0; w < bytes; w += 8) {
    let set = load<u64>(reached + w) & load<u64>(masks + bytes * PositionMask.Others + w);
    while (set != 0) {
      const position = index + (w << 5) + (<u32>ctz(set) << 2);
      set &= set - 1;
      const last = load<u32>(position, 4);
      for (let i = load<u32>(position); i < last; i++) {
        const arrow = arrows + i * POSITION_ARROW_BYTES;
        const to = allowed + (load<u32>(arrow) << 3);
        store<u64>(to, load<u64>(to) | load<u64>(arrow, 8));
        work--;
      }
    }
  }
}
