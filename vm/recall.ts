// Plans found before, by the names as requests write them: names that were checked and looked up once are not again. A row
// that another takes is only found anew; what an image says about a name never changes, so that no row is ever wrong.
import { headOf } from "./json";
import { sameBytes } from "./value";

const ROWS: u32 = 64;
/** Bytes of the agent's id u32, of the tool's name u32, the plan u32, 4 left; then the names, NAME_ROOM each. */
const ROW_BYTES: u32 = 128;
const AGENT: u32 = 16;
const TOOL: u32 = 72;
/** Longer names are looked up each time. */
const NAME_ROOM: u32 = 56;

const rows: u32 = <u32>memory.data(ROWS * ROW_BYTES, 16);

@inline
function rowOf(agent: u32, agentBytes: u32, tool: u32, toolBytes: u32): u32 {
  const mixed = (lastOf(agent, agentBytes) * 0x9e3779b97f4a7c15) ^ lastOf(tool, toolBytes);
  return rows + <u32>((mixed * 0x9e3779b97f4a7c15) >> 58) * ROW_BYTES;
}

/** The last eight bytes of a name, zeros where it is shorter. */
@inline
function lastOf(name: u32, bytes: u32): u64 {
  return bytes >= 8 ? load<u64>(name + bytes - 8) : headOf(name, bytes);
}

/** The plan that was noted for these names, or -1. */
export function recall(agent: u32, agentBytes: u32, tool: u32, toolBytes: u32): i32 {
  if (agentBytes > NAME_ROOM || toolBytes > NAME_ROOM) return -1;
  const row = rowOf(agent, agentBytes, tool, toolBytes);
  if (load<u32>(row) != agentBytes || load<u32>(row, 4) != toolBytes) return -1;
  return sameBytes(row + AGENT, agent, agentBytes) && sameBytes(row + TOOL, tool, toolBytes) ? load<i32>(row, 8) : -1;
}

/** Notes the plan of names that are good, where there is room for them. Both must stand before seven bytes that may be read. */
export function note(agent: u32, agentBytes: u32, tool: u32, toolBytes: u32, plan: i32): void {
  if (agentBytes > NAME_ROOM || toolBytes > NAME_ROOM) return;
  const row = rowOf(agent, agentBytes, tool, toolBytes);
  store<u32>(row, agentBytes);
  store<u32>(row, toolBytes, 4);
  store<i32>(row, plan, 8);
  for (let i: u32 = 0; i < agentBytes; i += 8) store<u64>(row + AGENT + i, load<u64>(agent + i));
  for (let i: u32 = 0; i < toolBytes; i += 8) store<u64>(row + TOOL + i, load<u64>(tool + i));
}
