// Which fields' texts are only ever compared with whole constants. Of those a host may say which constant it is, by a tag
// in the slot, instead of writing the bytes. Every instruction of the image is asked: one that is not known to do without
// the bytes needs them.
import * as image from "./image";
import * as memoryMap from "./memory";
import { Budget, BUDGET_THIRD_FIELD, CostKind } from "./shared/image";
import { FIRST_VALUE_OP, INSTRUCTION_BYTES, Op } from "./shared/isa";

/** Fills Area.Uses, a byte for each field: 1 when the bytes of its text are read. */
export function markUses(): void {
  memory.fill(memoryMap.uses, 0, image.fieldCount);
  for (let i: u32 = 0; i < image.codeCount; i++) {
    const at = image.code + i * INSTRUCTION_BYTES;
    const op: u32 = load<u8>(at);
    if (op < <u32>FIRST_VALUE_OP) {
      if (!looksAtWhole(op)) mark(load<u16>(at, 2));
      if (op >= <u32>Op.Equal) mark(load<u16>(at, 10));
    } else if (op == Op.Lower || op == Op.Upper) {
      // Texts that are made take what requests leave of the arena: then each byte must be there, so that all hosts leave the same.
      memory.fill(memoryMap.uses, 1, image.fieldCount);
    } else if (op >= <u32>Op.Add && op != Op.Look && op != Op.Count) {
      mark(load<u32>(at, 4));
      mark(load<u16>(at, 10));
    }
  }
  for (let i: u32 = 0; i < image.budgetCount; i++) {
    const row = image.budgets + i * 64;
    if (load<u8>(row, Budget.CostKind) != CostKind.Distinct) continue;
    mark(load<u32>(row, Budget.CostField));
    // Past the last field where there is none.
    mark(load<u32>(row, Budget.SecondField) - 1);
    mark(load<u32>(row, BUDGET_THIRD_FIELD) - 1);
  }
}

/** Tests of slot `a` that ask for its kind, its number, or which constant it is. */
function looksAtWhole(op: u32): bool {
  switch (op) {
    case Op.Truth:
    case Op.Nil:
    case Op.EqNumber:
    case Op.LtNumber:
    case Op.LeNumber:
    case Op.EqString:
    case Op.EqBool:
    case Op.EqNull:
    case Op.InSet:
    case Op.ContainsNumber:
    case Op.ContainsBool:
    case Op.ListHasString:
    case Op.AnyMatches: return true;
    default: return false;
  }
}

/** Operations without a second slot have 0 there: marking that field costs its bytes' copying and nothing else. */
function mark(slot: u32): void {
  if (slot < image.fieldCount) store<u8>(memoryMap.uses + slot, 1);
}
