// Where the loaded image's sections stand. Written by load once everything is proved; read everywhere else without checks.
import * as memoryMap from "./memory";
import { HEADER_BYTES, OFFSET_ROW_BYTES, Section, SHAPE_ROW_BYTES, STAGE_ROW_BYTES, TABLE_ROW_BYTES, TRACK_ROW_BYTES } from "./shared/image";

export let strings: u32 = 0;
export let stringText: u32 = 0;
export let stringCount: u32 = 0;
export let numbers: u32 = 0;
export let numberCount: u32 = 0;
export let fields: u32 = 0;
export let fieldCount: u32 = 0;
export let pool: u32 = 0;
export let poolCount: u32 = 0;
export let sets: u32 = 0;
export let setCount: u32 = 0;
export let members: u32 = 0;
export let memberCount: u32 = 0;
export let automataIndex: u32 = 0;
export let automataCount: u32 = 0;
export let automata: u32 = 0;
export let automataBytes: u32 = 0;
export let code: u32 = 0;
export let codeCount: u32 = 0;
export let rules: u32 = 0;
export let ruleCount: u32 = 0;
export let shapes: u32 = 0;
export let shapeCount: u32 = 0;
export let plans: u32 = 0;
export let planCount: u32 = 0;
export let agents: u32 = 0;
export let agentCount: u32 = 0;
export let exact: u32 = 0;
export let exactCount: u32 = 0;
export let dispatch: u32 = 0;
export let dispatchBytes: u32 = 0;
export let limits: u32 = 0;
export let limitCount: u32 = 0;
export let budgets: u32 = 0;
export let budgetCount: u32 = 0;
export let phases: u32 = 0;
export let phaseCount: u32 = 0;
export let stages: u32 = 0;
export let stageCount: u32 = 0;
export let tracks: u32 = 0;
export let trackCount: u32 = 0;
export let offsets: u32 = 0;
export let offsetCount: u32 = 0;

export function sectionOffset(section: i32): u32 {
  return load<u32>(memoryMap.image + HEADER_BYTES + <u32>section * TABLE_ROW_BYTES);
}

export function sectionBytes(section: i32): u32 {
  return load<u32>(memoryMap.image + HEADER_BYTES + <u32>section * TABLE_ROW_BYTES + 4);
}

export function sectionAddress(section: i32): u32 {
  return memoryMap.image + sectionOffset(section);
}

/** After the section table is proved. Returns false when a section is no whole number of rows. */
export function bindSections(): bool {
  strings = sectionAddress(Section.Strings) + 8;
  if (sectionBytes(Section.Strings) < 8) return false;
  stringCount = load<u32>(strings - 8);
  if (stringCount > (sectionBytes(Section.Strings) - 8) / 8) return false;
  stringText = strings + stringCount * 8;
  numbers = sectionAddress(Section.Numbers);
  numberCount = sectionBytes(Section.Numbers) / 8;
  fields = sectionAddress(Section.Fields);
  fieldCount = sectionBytes(Section.Fields) / 8;
  pool = sectionAddress(Section.Pool);
  poolCount = sectionBytes(Section.Pool) / 4;
  sets = sectionAddress(Section.Sets);
  setCount = sectionBytes(Section.Sets) / 8;
  members = sectionAddress(Section.Members);
  memberCount = sectionBytes(Section.Members) / 8;
  automataIndex = sectionAddress(Section.AutomataIndex);
  const indexRows = sectionBytes(Section.AutomataIndex) / 4;
  if (indexRows == 0) return false;
  automataCount = indexRows - 1;
  automata = sectionAddress(Section.Automata);
  automataBytes = sectionBytes(Section.Automata);
  code = sectionAddress(Section.Code);
  codeCount = sectionBytes(Section.Code) / 12;
  rules = sectionAddress(Section.Rules);
  ruleCount = sectionBytes(Section.Rules) / 16;
  shapes = sectionAddress(Section.Shapes);
  shapeCount = sectionBytes(Section.Shapes) / SHAPE_ROW_BYTES;
  plans = sectionAddress(Section.Plans);
  planCount = sectionBytes(Section.Plans) / 12;
  agents = sectionAddress(Section.Agents);
  agentCount = sectionBytes(Section.Agents) / 24;
  exact = sectionAddress(Section.Exact);
  exactCount = sectionBytes(Section.Exact) / 8;
  dispatch = sectionAddress(Section.Dispatch);
  dispatchBytes = sectionBytes(Section.Dispatch);
  limits = sectionAddress(Section.Limits);
  limitCount = sectionBytes(Section.Limits) / 16;
  budgets = sectionAddress(Section.Budgets);
  budgetCount = sectionBytes(Section.Budgets) / 64;
  phases = sectionAddress(Section.Phases);
  phaseCount = sectionBytes(Section.Phases) / 32;
  stages = sectionAddress(Section.Stages);
  stageCount = sectionBytes(Section.Stages) / STAGE_ROW_BYTES;
  tracks = sectionAddress(Section.Tracks);
  trackCount = sectionBytes(Section.Tracks) / TRACK_ROW_BYTES;
  offsets = sectionAddress(Section.Offsets);
  offsetCount = sectionBytes(Section.Offsets) / OFFSET_ROW_BYTES;
  return true;
}

@inline
export function stringAt(index: u32): u32 {
  return stringText + load<u32>(strings + (index << 3));
}

@inline
export function stringLength(index: u32): u32 {
  return load<u32>(strings + (index << 3), 4);
}
