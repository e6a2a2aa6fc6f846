// From an agent and a tool's name to a plan: the few rules that can match. Its cost depends on the length of the names only.
import * as image from "./image";
import * as memoryMap from "./memory";
import { hashBytes } from "./meters";
import { LOOKUP_UNKNOWN_AGENT, NAME_BYTES } from "./shared/abi";
import { DISPATCH_HEADER_BYTES, EXACT_PROBE_LIMIT } from "./shared/image";
import { sameBytes } from "./value";

/** The plan for the agent and tool in the names area, or LOOKUP_UNKNOWN_AGENT. */
export function lookupPlan(agentLength: u32, toolLength: u32): i32 {
  const agent = findAgent(agentLength);
  if (agent == 0) return LOOKUP_UNKNOWN_AGENT;
  const tool = memoryMap.names + 2 * NAME_BYTES;
  const mask = load<u32>(agent, 8);
  if (mask != 0xffffffff) {
    const home = load<u32>(agent, 4) + (hashBytes(tool, toolLength) & mask);
    for (let i: u32 = 0; i < <u32>EXACT_PROBE_LIMIT; i++) {
      const row = image.exact + (home + i) * 8;
      const name = load<u32>(row);
      if (name == 0) break;
      if (image.stringLength(name - 1) == toolLength && sameBytes(image.stringAt(name - 1), tool, toolLength)) return load<u32>(row, 4);
    }
  }
  const dispatch = load<u32>(agent, 12);
  return dispatch == 0 ? load<u32>(agent, 16) : runDispatch(image.dispatch + dispatch - 1, tool, toolLength);
}

/** Declared agents by id; the one with an empty id, where there is one, governs the others. */
function findAgent(length: u32): u32 {
  let anonymous: u32 = 0;
  for (let i: u32 = 0; i < image.agentCount; i++) {
    const row = image.agents + i * 24;
    const id = load<u32>(row);
    const idLength = image.stringLength(id);
    if (idLength == 0) anonymous = row;
    else if (idLength == length && sameBytes(image.stringAt(id), memoryMap.names, length)) return row;
  }
  return anonymous;
}

function runDispatch(at: u32, tool: u32, length: u32): i32 {
  const classes = load<u32>(at);
  const states = load<u32>(at, 4);
  const next = at + DISPATCH_HEADER_BYTES;
  let state = load<u32>(at, 8);
  for (let i: u32 = 0; i < length; i++) state = load<u32>(next + ((state * classes + load<u8>(at + 16 + load<u8>(tool + i))) << 2));
  return load<u32>(next + ((states * classes + state) << 2));
}
