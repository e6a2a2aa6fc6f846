// From the JSON of one request to a verdict: names, shapes and bounds of its members, then the plan of its tool. What does not
// fit is refused with a code. A member that is null counts as absent. It never reads one member in two ways.
import * as memoryMap from "./memory";
import * as meters from "./meters";
import { setResult } from "./memory";
import { decidePlan, isStateful, shapeOf } from "./decide";
import { lookupPlan } from "./dispatch";
import { note, recall } from "./recall";
import { fillSlots, setRequest } from "./fields";
import { after, kindAt, lengthAt, memberOf, PAYLOAD, readDocument } from "./json";
import { isWord, layOutWords, memberWord, Word, wordAt, wordBytes } from "./words";
import { sameBytes } from "./value";
import { JSON_COUNTS, JSON_PRINCIPAL, JsonCode, NAME_BYTES, Result } from "./shared/abi";
import { Kind } from "./shared/isa";

const TOOL_BYTES: u32 = 512;
const PURPOSE_BYTES: u32 = 1024;
const TAGS_MAX: u32 = 16;
const TAG_BYTES: u32 = 128;
/** Dollars. */
const COST_MAX: f64 = 1e9;
const PORT_MAX: u32 = 65535;
/** Latest time, in microseconds: those of 9,007,199,254,740 ms. */
const NOW_MAX_US: f64 = 9007199254740000.0;

/** The call that waits for a part of its URL. */
let plan: u32 = 0;
let now: f64 = 0;
let approved: u32 = 0;
let tool: u32 = 0;
let toolBytes: u32 = 0;
/** A bit for each word that a member of the request is. */
let present: u32 = 0;

@inline
function member(word: i32): u32 {
  return load<u32>(memoryMap.members + (<u32>word << 2));
}

@inline
function textAt(node: u32): u32 {
  return load<u32>(node, PAYLOAD);
}

@inline
function bit(word: i32): u32 {
  return 1 << word;
}

/** The verdict, or a JsonCode. */
export function decideRequest(bytes: u32, nowUs: f64, approvedCount: u32, flags: u32): i32 {
  if (bytes > memoryMap.requestBytes || !readDocument(bytes)) return JsonCode.BadRequest;
  layOutWords();
  noteMembers();
  const found = planOf();
  if (found < 0) return found;
  if (!(nowUs >= 0 && nowUs <= NOW_MAX_US)) return JsonCode.BadRequest;
  plan = <u32>found;
  const shape = shapeOf(plan);
  if (isStateful(shape)) {
    if ((flags & JSON_COUNTS) == 0) return JsonCode.StateUnavailable;
    setCaller();
  }
  if ((flags & JSON_PRINCIPAL) == 0) store<u32>(memoryMap.members + (Word.Principal << 2), 0);
  now = nowUs;
  approved = approvedCount;
  setResult(Result.Plan, found);
  setRequest(shape, tool, toolBytes);
  return decideFilled(0);
}

/** The plan for the members, and the tool's name for its fields; or a JsonCode. */
function planOf(): i32 {
  const agent = member(Word.AgentId);
  if (agent == 0 || !isId(Word.AgentId) || !isId(Word.SessionId)) return JsonCode.BadRequest;
  const id = member(Word.ToolId);
  const plain = id != 0 && kindAt(id) == Kind.String && (present & (bit(Word.Tool) | bit(Word.Operation))) == 0;
  if (plain) {
    const known = recall(textAt(agent), lengthAt(agent), textAt(id), lengthAt(id));
    if (known >= 0) {
      tool = textAt(id);
      toolBytes = lengthAt(id);
      return hasShape() ? known : <i32>JsonCode.BadRequest;
    }
  }
  if (!isAgentId(textAt(agent), lengthAt(agent))) return JsonCode.BadRequest;
  const named = nameTool();
  if (named != 0) return named;
  if (!hasShape()) return JsonCode.BadRequest;
  const found = lookupPlan(writeName(0, textAt(agent), lengthAt(agent)), toolBytes);
  if (found < 0) return JsonCode.UnknownAgent;
  // Not where the end of the name was dropped.
  if (plain && toolBytes == lengthAt(id)) note(textAt(agent), lengthAt(agent), textAt(id), toolBytes, found);
  return found;
}

/** Whose counters the call is about, and what it says that it costs. */
function setCaller(): void {
  const agent = member(Word.AgentId);
  const session = member(Word.SessionId);
  const sessionBytes =
    session == 0 ? writeName(1, wordAt(Word.Default), wordBytes(Word.Default)) : writeName(1, textAt(session), lengthAt(session));
  meters.setCaller(writeName(0, textAt(agent), lengthAt(agent)), sessionBytes);
  const cost = member(Word.CostUsd);
  store<f64>(memoryMap.costs, cost == 0 ? 0 : load<f64>(cost, PAYLOAD));
}

/** Goes on once the host has put a part of the URL in its slot, with `arenaUsed` bytes of the arena in use then. */
export function decideFilled(arenaUsed: u32): i32 {
  const used = fillSlots(arenaUsed);
  return used < 0 ? used : decidePlan(plan, now, <u32>used, approved, false);
}

function writeName(place: u32, text: u32, length: u32): u32 {
  // Eight bytes at a time: what is written behind a name is not beyond its place, whose size is a multiple of them.
  const to = memoryMap.names + place * NAME_BYTES;
  for (let i: u32 = 0; i < length; i += 8) store<u64>(to + i, load<u64>(text + i));
  return length;
}

function noteMembers(): void {
  const root = memoryMap.nodes;
  for (let i: u32 = 0; i < memoryMap.MEMBERS_BYTES; i += 8) store<u64>(memoryMap.members + i, 0);
  present = 0;
  let node = root + memoryMap.NODE_BYTES;
  for (let i = lengthAt(root); i > 0; i--, node = after(node)) {
    if (kindAt(node) == Kind.Null) continue;
    const word = memberWord(node);
    if (word < 0) continue;
    store<u32>(memoryMap.members + (<u32>word << 2), node);
    present |= bit(word);
  }
}

@inline
function isText(node: u32, limit: u32): bool {
  return node == 0 || (kindAt(node) == Kind.String && lengthAt(node) <= limit);
}

function isId(word: i32): bool {
  const node = member(word);
  return isText(node, NAME_BYTES) && (node == 0 || lengthAt(node) != 0);
}

@inline
function isObject(node: u32): bool {
  return node == 0 || kindAt(node) == Kind.Object;
}

/** No control characters, and no segment `.` or `..`. */
function isAgentId(text: u32, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(text + i);
    if (byte < 0x20 || byte == 0x7f) return false;
  }
  return hasGoodSegments(text, length, 1);
}

/** No segment of dots alone, from `least` of them to two. */
function hasGoodSegments(text: u32, length: u32, least: u32): bool {
  let dots: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(text + i);
    if (byte != 0x2f) dots = byte == 0x2e ? dots + 1 : 3;
    else if (dots - least <= 2 - least) return false;
    else dots = 0;
  }
  return dots - least > 2 - least;
}

function isToolName(text: u32, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    const byte: u32 = load<u8>(text + i);
    // - . / 0-9 :, then @ A-Z, then a-z and _.
    if (byte - 0x2d > 13 && byte - 0x40 > 26 && byte - 0x61 > 25 && byte != 0x5f) return false;
  }
  return length - 1 < <u32>NAME_BYTES && hasGoodSegments(text, length, 0);
}

/**
 * Writes the name that the policy sees. With `operation` it is `tool`, then `/operation` unless that is `invoke`, and a
 * `tool_id` beside them is not read; a final `/invoke` is dropped. 0, or a JsonCode.
 */
function nameTool(): i32 {
  const base = member(Word.Tool);
  const id = member(Word.ToolId);
  const operation = member(Word.Operation);
  if (!isText(base, TOOL_BYTES) || !isText(id, TOOL_BYTES) || !isText(operation, NAME_BYTES)) return JsonCode.BadRequest;
  let named = id != 0 ? id : base;
  if (named == 0) return JsonCode.BadRequest;
  const operationBytes: u32 = operation == 0 ? 0 : lengthAt(operation);
  if (operationBytes > 0) {
    if (base != 0) named = base;
  } else if (base != 0 && id != 0 && (lengthAt(base) != lengthAt(id) || !sameBytes(textAt(base), textAt(id), lengthAt(id)))) return JsonCode.BadRequest;
  const name = memoryMap.names + 2 * NAME_BYTES;
  let length = writeName(2, textAt(named), lengthAt(named));
  const invoke = wordAt(Word.Invoke);
  if (operationBytes > 0 && (operationBytes != 6 || !sameBytes(textAt(operation), invoke + 1, 6))) {
    store<u8>(name + length, 0x2f);
    memory.copy(name + length + 1, textAt(operation), operationBytes);
    length += operationBytes + 1;
  }
  if (length >= 7 && sameBytes(name + length - 7, invoke, 7)) length -= 7;
  if (!isToolName(name, length)) return JsonCode.BadToolName;
  tool = name;
  toolBytes = length;
  return 0;
}

/** All other members. Leaves in the table of members what is to be judged: the arguments, the kind of action, the model. */
function hasShape(): bool {
  if (!isObject(member(Word.Args)) || !unwrapArguments()) return false;
  if ((present & ~(bit(Word.AgentId) | bit(Word.SessionId) | bit(Word.ToolId) | bit(Word.Args))) == 0) return true;
  if (!isObject(member(Word.Http)) || !isObject(member(Word.Principal)) || !isObject(member(Word.Delegation))) return false;
  if (!hasHttpShape(member(Word.Http)) || !isActionType(member(Word.ActionType))) return false;
  let model = member(Word.Model);
  if (model == 0) model = member(Word.ModelName);
  store<u32>(memoryMap.members + (Word.Model << 2), model);
  if (!isText(model, NAME_BYTES) || !isText(member(Word.Purpose), PURPOSE_BYTES)) return false;
  const cost = member(Word.CostUsd);
  if (cost != 0 && (kindAt(cost) != Kind.Number || !(load<f64>(cost, PAYLOAD) >= 0 && load<f64>(cost, PAYLOAD) <= COST_MAX))) return false;
  return isId(Word.CallId) && isId(Word.RequestId) && isId(Word.ApprovalId) && hasTags(member(Word.Tags));
}

/** Exactly {args, kwargs} means kwargs; what stands beside them is not judged. */
function unwrapArguments(): bool {
  const args = member(Word.Args);
  if (args == 0 || lengthAt(args) != 2) return true;
  const named = memberOf(args, wordAt(Word.Kwargs), wordBytes(Word.Kwargs));
  const positional = memberOf(args, wordAt(Word.Args), wordBytes(Word.Args));
  if (named == 0 || positional == 0) return true;
  const isNull = kindAt(named) == Kind.Null;
  store<u32>(memoryMap.members + (Word.Args << 2), isNull ? 0 : named);
  return (isNull || kindAt(named) == Kind.Object) && (kindAt(positional) == Kind.List || kindAt(positional) == Kind.Null);
}

function hasHttpShape(http: u32): bool {
  if (http == 0) return true;
  for (let word: i32 = Word.Host; word <= Word.Headers; word++) {
    const part = memberOf(http, wordAt(word), wordBytes(word));
    if (part != 0 && kindAt(part) != Kind.Null && kindAt(part) != (word <= Word.Path ? <i32>Kind.String : <i32>Kind.Object)) return false;
  }
  const port = memberOf(http, wordAt(Word.Port), wordBytes(Word.Port));
  return port == 0 || kindAt(port) == Kind.Null || (kindAt(port) == Kind.Number && isPort(load<f64>(port, PAYLOAD), lengthAt(port)));
}

/** Written as a port is: digits alone. `text` is the number's. */
function isPort(port: f64, text: u32): bool {
  let digits = text;
  while (<u32>load<u8>(digits) - 48 <= 9) digits++;
  const next: u32 = load<u8>(digits);
  return digits != text && next != 0x2e && (next | 0x20) != 0x65 && port <= PORT_MAX;
}

function isActionType(node: u32): bool {
  if (node == 0) return true;
  if (kindAt(node) != Kind.String) return false;
  for (let word: i32 = Word.ToolCall; word <= Word.ModelCall; word++) if (isWord(textAt(node), lengthAt(node), word)) return true;
  return false;
}

function hasTags(tags: u32): bool {
  if (tags == 0) return true;
  if (kindAt(tags) != Kind.List || lengthAt(tags) > TAGS_MAX) return false;
  let tag = tags + memoryMap.NODE_BYTES;
  for (let i = lengthAt(tags); i > 0; i--, tag += memoryMap.NODE_BYTES) {
    if (kindAt(tag) != Kind.String || lengthAt(tag) > TAG_BYTES) return false;
  }
  return true;
}
