// The words that a request is made of: names of its members, and values that the rules may see without their being written.
// Laid out once in memory as bytes, with a small table by hash for the names.
import * as memoryMap from "./memory";
import { KEY, KEY_BYTES, KEY_HEAD } from "./json";
import { sameBytes } from "./value";

/** In the order of TEXT. */
export const enum Word {
  AgentId,
  SessionId,
  ToolId,
  Tool,
  Operation,
  Args,
  Http,
  ActionType,
  Principal,
  Delegation,
  Model,
  ModelName,
  Purpose,
  CostUsd,
  Tags,
  CallId,
  RequestId,
  ApprovalId,
  /** The last name; what follows are other words. */
  Members,
  ToolCall = 18,
  Delegate,
  CompletionEvent,
  ModelCall,
  Default,
  Kwargs,
  Url,
  Host,
  Method,
  Path,
  Query,
  Headers,
  Port,
  /** With its slash. */
  Invoke,
  End,
}

const TEXT = "agent_id session_id tool_id tool operation args http action_type principal delegation model model_name purpose cost_usd tags call_id request_id approval_id tool_call delegate completion_event model_call default kwargs url host method path query headers port /invoke ";

/** Rows: place u32, bytes u32. Behind them the table of the members' hashes, then the text of each word, zeros up to eight bytes. */
const TABLE: u32 = <u32>Word.End * 8;
const TABLE_BYTES: u32 = 64;

@inline
export function wordAt(word: i32): u32 {
  return load<u32>(memoryMap.words + (<u32>word << 3));
}

@inline
export function wordBytes(word: i32): u32 {
  return load<u32>(memoryMap.words + (<u32>word << 3), 4);
}

/** The row of the table where a name with these first eight bytes belongs. */
@inline
function homeOf(head: u64): u32 {
  return <u32>((head * 0x9e3779b97f4a7c15) >> 58);
}

/** Once, before the first request. */
export function layOutWords(): void {
  const table = memoryMap.words + TABLE;
  if (load<u32>(memoryMap.words) != 0) return;
  let start = table + TABLE_BYTES;
  let at = start;
  let word: u32 = 0;
  for (let i = 0; i < TEXT.length; i++) {
    const letter = TEXT.charCodeAt(i);
    if (letter != 32) {
      store<u8>(at++, <u8>letter);
      continue;
    }
    const row = memoryMap.words + (word << 3);
    store<u32>(row, start);
    store<u32>(row, at - start, 4);
    if (word < <u32>Word.Members) {
      let place = homeOf(load<u64>(start));
      while (load<u8>(table + place) != 0) place = (place + 1) & (TABLE_BYTES - 1);
      store<u8>(table + place, <u8>(word + 1));
    }
    word++;
    at = (at + 7) & ~7;
    start = at;
  }
}

/** Which of the members' names a node's key is, or -1. None of them is longer than its first and its last eight bytes. */
export function memberWord(node: u32): i32 {
  const table = memoryMap.words + TABLE;
  const head = load<u64>(node, KEY_HEAD);
  const bytes = load<u32>(node, KEY_BYTES);
  let place = homeOf(head);
  while (true) {
    const word = <i32>load<u8>(table + place) - 1;
    if (word < 0) return -1;
    const text = wordAt(word);
    if (load<u64>(text) == head && wordBytes(word) == bytes && (bytes <= 8 || load<u64>(text + bytes - 8) == load<u64>(load<u32>(node, KEY) + bytes - 8))) return word;
    place = (place + 1) & (TABLE_BYTES - 1);
  }
}

/** A text is this word. */
export function isWord(text: u32, length: u32, word: i32): bool {
  return length == wordBytes(word) && sameBytes(text, wordAt(word), length);
}
