// Rows of an image that only explanations and the daemon look at.
import { Section, TRACK_ROW_BYTES } from "../../vm/shared/image.ts";
import { INSTRUCTION_BYTES } from "../../vm/shared/isa.ts";
import type { ImageReader } from "./image.ts";

export interface InstructionRow {
  readonly op: number;
  readonly mode: number;
  readonly a: number;
  readonly b: number;
  readonly jump: number;
  readonly c: number;
}

export function instructionAt(image: ImageReader, index: number): InstructionRow {
  const at = image.at(Section.Code) + index * INSTRUCTION_BYTES;
  return {
    op: image.view.getUint8(at),
    mode: image.view.getUint8(at + 1),
    a: image.view.getUint16(at + 2, true),
    b: image.u32(at + 4),
    jump: image.view.getUint16(at + 8, true),
    c: image.view.getUint16(at + 10, true),
  };
}

export function numberAt(image: ImageReader, index: number): number {
  return image.view.getFloat64(image.at(Section.Numbers) + index * 8, true);
}

/** What a condition looks back at, in words: "count stripe/*". */
export function trackText(image: ImageReader, index: number): string {
  return image.string(image.u32(image.at(Section.Tracks) + index * TRACK_ROW_BYTES));
}

/** One of a budget's amounts, by its offset in the row; -1 when there is none. */
export function budgetAmount(image: ImageReader, index: number, offset: number): number {
  return Number(image.view.getBigInt64(image.at(Section.Budgets) + index * 64 + offset, true));
}

export function budgetByte(image: ImageReader, index: number, offset: number): number {
  return image.view.getUint8(image.at(Section.Budgets) + index * 64 + offset);
}
