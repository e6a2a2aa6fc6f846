// Tables that are made of a proved image when it is loaded, so that decisions look things up instead of going through lists:
// what each shape asks for, strings of large sets by hash, and sieves of long lists of rules. They say nothing that the
// image does not say; without them every answer is the same.
import * as image from "./image";
import * as memoryMap from "./memory";
import { areStrings, beginTable, putString, tableBytes } from "./strings";
import { buildSieves } from "./sieve-build";
import { SET_ROW_BYTES, Shape, SHAPE_ROW_BYTES, SHAPE_SESSION, SHAPE_TIME } from "./shared/image";

/** Sets with fewer members are gone through faster than a hash is made. */
const SET_MEMBERS_MIN: u32 = 9;

export function buildTables(): void {
  for (let i: u32 = 0; i < image.shapeCount; i++) store<u8>(memoryMap.plain + i, isPlain(image.shapes + i * SHAPE_ROW_BYTES) ? 1 : 0);
  buildSets();
  buildSieves();
}

@inline
function cell(shape: u32, member: i32): u32 {
  return load<u32>(shape + (<u32>member << 2));
}

function isPlain(shape: u32): bool {
  const asked = cell(shape, Shape.ModelGatesCount) | cell(shape, Shape.SelectorGatesCount) | cell(shape, Shape.EgressGatesCount) |
    cell(shape, Shape.MandatoryCount) | cell(shape, Shape.PhasesCount) | cell(shape, Shape.StagesCount) |
    cell(shape, Shape.LimitsCount) | cell(shape, Shape.BudgetsCount) | (cell(shape, Shape.Flags) & (SHAPE_TIME | SHAPE_SESSION));
  return asked == 0;
}

function buildSets(): void {
  for (let i: u32 = 0; i < image.setCount; i++) {
    const row = image.sets + i * SET_ROW_BYTES;
    const count = load<u32>(row, 4);
    const members = image.members + load<u32>(row) * 8;
    if (count < SET_MEMBERS_MIN || !areStrings(members, count)) continue;
    if (memoryMap.setTables == 0) memoryMap.setSetTables(memoryMap.claim(image.setCount * 4));
    const table = memoryMap.setTables == 0 ? 0 : memoryMap.claim(tableBytes(count));
    if (table == 0) return;
    beginTable(table, count);
    for (let m: u32 = 0; m < count; m++) putString(table, load<u32>(members + m * 8, 4), 0);
    store<u32>(memoryMap.setTables + i * 4, table);
  }
}
