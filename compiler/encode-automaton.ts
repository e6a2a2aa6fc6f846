// Automata to bytes, by the layout of vm/shared/image.ts: tables as rows of offsets, positions as sets in words.
import {
  AUTOMATON_HEADER_BYTES,
  POSITION_ARROWS_MAX,
  POSITION_HEADER_BYTES,
  POSITION_ROWS_MAX,
  POSITION_SYMBOLS_MAX,
  POSITION_WORDS_MAX,
} from "../vm/shared/image.ts";
import { type Automaton, masksOf, type Positions, type Table } from "./automaton/index.ts";
import type { Bytes } from "./bytes.ts";

export function writeAutomaton(section: Bytes, automaton: Automaton): void {
  if (automaton.kind === "table") writeTable(section, automaton);
  else writePositions(section, automaton);
  section.align();
}

function writeTable(section: Bytes, table: Table): void {
  const start = section.length;
  section.u16(table.classCount).u16(table.start).u32(table.stateCount).raw(table.classOf);
  if (section.length - start !== AUTOMATON_HEADER_BYTES) throw new Error("an automaton needs 256 classes of bytes");
  for (const state of table.next) section.u32(state * table.classCount * 4);
}

function writePositions(section: Bytes, positions: Positions): void {
  const start = section.length;
  const { decoder, symbolCount, places, matchesEmpty } = positions;
  const masks = masksOf(positions);
  const fits =
    masks.words <= POSITION_WORDS_MAX &&
    decoder.rows.length <= POSITION_ROWS_MAX &&
    symbolCount <= POSITION_SYMBOLS_MAX &&
    masks.arrows.length <= POSITION_ARROWS_MAX;
  if (!fits) throw new Error("an automaton of positions is larger than the machine takes");
  section.u16(0).u16(masks.words).u32(places.length).u32(decoder.rows.length).u32(symbolCount);
  section.u32(masks.arrows.length).u32(matchesEmpty ? 1 : 0);
  if (section.length - start !== POSITION_HEADER_BYTES) throw new Error("a header of positions has another length");
  for (const row of [decoder.first, ...decoder.rows]) for (const entry of row) section.u16(entry);
  const { shift, self, others, accepts, endsMatch, reach } = masks;
  for (const set of [masks.start, shift, self, others, accepts, endsMatch, reach])
    for (const word of set) section.u64(word);
  for (const first of masks.first) section.u32(first);
  section.align();
  for (const { word, mask } of masks.arrows) section.u32(word).u32(0).u64(mask);
}
