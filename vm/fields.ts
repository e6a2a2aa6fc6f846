// Puts the values that a plan reads from the nodes of a request into its slots: strings stay where they stand, lists become
// members in the arena. The arena is counted as the host's marshalling counts it, so that both refuse the same requests.
import * as image from "./image";
import * as memoryMap from "./memory";
import { setResult } from "./memory";
import { after, elementOf, KEY, KEY_BYTES, kindAt, lengthAt, memberOf, PAYLOAD } from "./json";
import { Word, wordAt, wordBytes } from "./words";
import { lowered } from "./value";
import { JsonCode, Result } from "./shared/abi";
import { PART_INDEX, Shape } from "./shared/image";
import { Kind, NUMBER_TEXT_MAX, Root, SIZE_OF_NUMBER, SLOT_BYTES } from "./shared/isa";

/** 2^53 - 1: what lies beyond may be another integer than was written. */
const SAFE_MAX: f64 = 9007199254740991.0;

let at: u32 = 0;
let end: u32 = 0;
let used: u32 = 0;
let tool: u32 = 0;
let toolBytes: u32 = 0;

/** Whose fields are to be filled, and the tool's name; the other names are those of the members. */
export function setRequest(shape: u32, toolAt: u32, toolLength: u32): void {
  at = image.pool + (load<u32>(shape, Shape.FieldsStart << 2) << 2);
  end = at + (load<u32>(shape, Shape.FieldsCount << 2) << 2);
  tool = toolAt;
  toolBytes = toolLength;
}

@inline
function member(word: i32): u32 {
  return load<u32>(memoryMap.members + (<u32>word << 2));
}

/** Goes on with the next field. Bytes of the arena in use, or JsonCode.BadRequest, or JsonCode.Url with its cells. */
export function fillSlots(arenaUsed: u32): i32 {
  used = arenaUsed;
  while (at < end) {
    const field = load<u32>(at);
    at += 4;
    const row = image.fields + (field << 3);
    const parts: u32 = load<u16>(row, 2);
    const path = image.pool + (load<u32>(row, 4) << 2);
    const slot = memoryMap.slots + (field << 4);
    let node: u32 = 0;
    let text: u32 = 0;
    let length: u32 = 0;
    switch (<i32>load<u8>(row)) {
      case Root.Args: node = follow(member(Word.Args), path, parts); break;
      case Root.Tool: text = tool; length = toolBytes; break;
      case Root.Agent: node = member(Word.AgentId); break;
      case Root.Action:
        node = member(Word.ActionType);
        if (node == 0) {
          text = wordAt(Word.ToolCall);
          length = wordBytes(Word.ToolCall);
        }
        break;
      case Root.Model: node = member(Word.Model); break;
      case Root.Principal: node = follow(member(Word.Principal), path, parts); break;
      case Root.Session:
        node = member(Word.SessionId);
        if (node == 0) {
          text = wordAt(Word.Default);
          length = wordBytes(Word.Default);
        }
        break;
      case Root.Delegation: node = follow(member(Word.Delegation), path, parts); break;
      case Root.Purpose: node = member(Word.Purpose); break;
      case Root.Http:
        node = httpPart(path, parts);
        if (node == 0 && asksUrl(field)) return JsonCode.Url;
        break;
      case Root.Size:
        store<i32>(slot, Kind.Number);
        store<f64>(slot, <f64>sizeOf(member(Word.Args)), 8);
        continue;
      // What an agent sends holds none: values of selectors come from the host, and are missing here.
      case Root.Selectors: break;
      default: continue;
    }
    if (!(text == 0 ? put(slot, node) : putText(slot, text, length))) return JsonCode.BadRequest;
  }
  return <i32>used;
}

/** As SIZE_OF_NUMBER says. The document is as deep as JSON_DEPTH_MAX at most. */
function sizeOf(node: u32): u32 {
  const kind: i32 = node == 0 ? <i32>Kind.Object : kindAt(node);
  if (kind == Kind.String) return lengthAt(node);
  if (kind == Kind.Number) return numberSize(lengthAt(node));
  let size: u32 = 1;
  if (kind < Kind.List || node == 0) return size;
  let part = node + memoryMap.NODE_BYTES;
  for (let i = lengthAt(node); i > 0; i--, part = after(part)) {
    if (kind == Kind.Object) size += load<u32>(part, KEY_BYTES);
    size += sizeOf(part);
  }
  return size;
}

/** Of a number whose text begins there. */
function numberSize(text: u32): u32 {
  let end = text;
  for (let byte: u32 = load<u8>(end); byte - 48 <= 9 || byte == 0x2d || byte == 0x2b || byte == 0x2e || (byte | 0x20) == 0x65; ) byte = load<u8>(++end);
  return end - text > <u32>NUMBER_TEXT_MAX ? end - text : SIZE_OF_NUMBER;
}

/** The node at a path from another, or 0. */
function follow(node: u32, path: u32, parts: u32): u32 {
  for (; parts > 0 && node != 0; parts--, path += 4) {
    const part = load<u32>(path);
    node = part >= PART_INDEX ? elementOf(node, part - PART_INDEX) : memberOf(node, image.stringAt(part), image.stringLength(part));
  }
  return node;
}

/** Of the http part; where there is none, of the arguments. */
function httpPart(path: u32, parts: u32): u32 {
  const http = member(Word.Http);
  const holder = http == 0 ? member(Word.Args) : http;
  const first = load<u32>(path);
  let node = memberOf(holder, image.stringAt(first), image.stringLength(first));
  const isHeader = parts > 1 && load<u32>(path, 4) < PART_INDEX && image.stringLength(first) == wordBytes(Word.Headers);
  if (!isHeader) node = follow(node, path + 4, parts - 1);
  else node = follow(header(node, load<u32>(path, 4)), path + 8, parts - 2);
  return http != 0 && parts == 1 && node != 0 && kindAt(node) == Kind.Null ? 0 : node;
}

/** Header names ignore case; one that stands there in two spellings has no value. */
function header(headers: u32, name: u32): u32 {
  if (headers == 0 || kindAt(headers) != Kind.Object) return 0;
  const wanted = image.stringAt(name);
  const length = image.stringLength(name);
  let found: u32 = 0;
  let node = headers + memoryMap.NODE_BYTES;
  for (let i = lengthAt(headers); i > 0; i--, node = after(node)) {
    if (load<u32>(node, KEY_BYTES) != length) continue;
    const key = load<u32>(node, KEY);
    let same: u32 = 0;
    while (same < length && lowered(load<u8>(key + same)) == lowered(load<u8>(wanted + same))) same++;
    if (same < length) continue;
    if (found != 0) return 0;
    found = node;
  }
  return found;
}

/** Without http part, what no argument says may stand in `args.url`: its reading is the host's. */
function asksUrl(field: u32): bool {
  if (member(Word.Http) != 0) return false;
  const url = memberOf(member(Word.Args), wordAt(Word.Url), wordBytes(Word.Url));
  if (url == 0 || kindAt(url) != Kind.String) return false;
  setResult(Result.UrlField, <i32>field);
  setResult(Result.UrlText, load<i32>(url, PAYLOAD));
  setResult(Result.UrlBytes, lengthAt(url));
  setResult(Result.ArenaUsed, used);
  return true;
}

function putText(slot: u32, text: u32, length: u32): bool {
  if (length > memoryMap.arenaBytes - used) return false;
  used += length;
  store<i32>(slot, Kind.String);
  store<u32>(slot, length, 4);
  store<u32>(slot, text, 8);
  store<u32>(slot, 0, 12);
  return true;
}

function put(slot: u32, node: u32): bool {
  const kind: i32 = node == 0 ? <i32>Kind.Missing : kindAt(node);
  store<i32>(slot, kind);
  switch (kind) {
    case Kind.Bool:
      store<u32>(slot, load<u32>(node, PAYLOAD), 8);
      return true;
    case Kind.Number: {
      const number = load<f64>(node, PAYLOAD);
      store<f64>(slot, number, 8);
      return abs(number) <= SAFE_MAX;
    }
    case Kind.String: return putText(slot, load<u32>(node, PAYLOAD), lengthAt(node));
    case Kind.List: return putList(slot, node);
    default: return true;
  }
}

/** Members of lists within lists are known by kind only. */
function putList(slot: u32, list: u32): bool {
  const start = (used + 15) & ~15;
  const count = lengthAt(list);
  if (start > memoryMap.arenaBytes || count * SLOT_BYTES > memoryMap.arenaBytes - start) return false;
  used = start + count * SLOT_BYTES;
  let at = memoryMap.arena + start;
  store<u32>(slot, count, 4);
  store<u32>(slot, at, 8);
  let node = list + memoryMap.NODE_BYTES;
  for (let i = count; i > 0; i--, node = after(node), at += SLOT_BYTES) {
    if (kindAt(node) == Kind.List) {
      store<i32>(at, Kind.List);
      store<u32>(at, 0, 4);
    } else if (!put(at, node)) return false;
  }
  return true;
}
