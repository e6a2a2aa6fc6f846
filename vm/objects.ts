// The machine's door for requests that the host reads: what it may call. No imports, no allocation after `load`; every call is
// bounded by the image and the names and values that the host wrote. The host is trusted to fill the areas that abi.ts
// describes. By itself it is the machine of those who only decide on objects; index.ts adds all else.
import * as image from "./image";
import * as memoryMap from "./memory";
import * as meters from "./meters";
import * as sessions from "./sessions";
import { firstTemporary, nameImage, verify } from "./load";
import { decidePlan, isExpired } from "./decide";
import { lookupPlan } from "./dispatch";
import { sha256Begin, sha256End, sha256Update } from "./sha256";
import { readSnapshot, writeSnapshot } from "./snapshot";
import { buildTables } from "./tables";
import { markUses } from "./uses";
import { setResultNumber } from "./memory";
import { LoadCode, Result } from "./shared/abi";

let loaded: bool = false;

/** Lays out memory for an image of `bytes`, and JSON of `requestBytes`; returns where to put it, or 0. Once for each instance. */
export function allocate(bytes: u32, arenaBytes: u32, requestBytes: u32): u32 {
  if (loaded || !memoryMap.layOut(bytes, arenaBytes, requestBytes)) return 0;
  return memoryMap.image;
}

/** Proves the image and makes it the one that decides. `capacity` meters, a power of two or 0. LoadCode. */
export function loadImage(capacity: u32): i32 {
  if (loaded) return LoadCode.BadTable;
  if ((capacity & (capacity - 1)) != 0 || capacity > 0x400000) return LoadCode.NoMemory;
  const code = verify(memoryMap.imageBytes);
  if (code != LoadCode.Ok) return code;
  if (!memoryMap.layOutState(image.fieldCount, firstTemporary, image.shapeCount, image.automataCount, capacity)) return LoadCode.NoMemory;
  meters.clearMeters();
  markUses();
  buildTables();
  loaded = true;
  return LoadCode.Ok;
}

/** Writes the image's hash, and that of the sections that decide, into the result area. */
export function hashes(): void {
  nameImage();
}

export function layout(area: i32): u32 {
  return memoryMap.areaAddress(area);
}

/** Room of Area.Arena. */
export function arenaBytes(): u32 {
  return memoryMap.arenaBytes;
}

/** Room of Area.Request. */
export function requestBytes(): u32 {
  return memoryMap.requestBytes;
}

/** Plan of an agent's tool, names in Area.Names; negative when the agent is unknown. */
export function lookup(agentBytes: u32, toolBytes: u32): i32 {
  return lookupPlan(agentBytes, toolBytes);
}

/** Whose counters the next decide, charge or explain is about: lengths of the names in Area.Names. */
export function caller(agentBytes: u32, sessionBytes: u32): void {
  meters.setCaller(agentBytes, sessionBytes);
}

/** Time in microseconds since 1970. The verdict as abi.ts packs it. */
export function decide(plan: u32, nowUs: f64, arenaUsed: u32, approvedCount: u32): i32 {
  return decidePlan(plan, nowUs, arenaUsed, approvedCount, false);
}

/** Starts a phase's clock: 1 started, 0 it runs already or waits for another, -1 no room. */
export function startPhase(phase: u32, nowUs: f64): i32 {
  return phase < image.phaseCount ? meters.startPhase(phase, meters.advance(<i64>nowUs)) : -1;
}

/** Moves the caller's session to a workflow phase of its agent: 1 moved, 0 it is there already, -1 no room. */
export function moveStage(stage: u32, nowUs: f64): i32 {
  return stage < image.stageCount ? sessions.moveStage(stage, <i64>nowUs) : -1;
}

/** The workflow phase that the caller's session is in, among those of the agent that `stage` is one of; -1 for no row. */
export function currentStage(stage: u32, nowUs: f64): i32 {
  return stage < image.stageCount ? <i32>sessions.currentStage(stage, max<i64>(meters.latest, <i64>nowUs)) : -1;
}

/** Begins the caller's session: 1 begun, 0 it had begun, -1 no room. */
export function openSession(nowUs: f64): i32 {
  return sessions.openSession(<i64>nowUs);
}

/** Forgets the caller's session, its phase and its history: 1 when there was anything to forget, else 0. */
export function closeSession(): i32 {
  return sessions.closeSession() ? 1 : 0;
}

/** Writes begin and latest activity of the caller's session to the result area; whether it has passed the bounds that hold for a plan. */
export function inspectSession(plan: u32, nowUs: f64): i32 {
  const now = max<i64>(meters.latest, <i64>nowUs);
  sessions.readSession(now);
  setResultNumber(Result.SessionBegun, <f64>sessions.begun);
  setResultNumber(Result.SessionActive, <f64>sessions.active);
  return plan < image.planCount && isExpired(plan, now) ? 1 : 0;
}

/** Bytes written to Area.Exchange; their SHA-256 is in the result area. */
export function snapshot(): u32 {
  const bytes = writeSnapshot();
  sha256Begin();
  sha256Update(memoryMap.exchange, bytes);
  sha256End(memoryMap.result + (Result.StateHash << 3));
  return bytes;
}

/** Reads `bytes` from Area.Exchange. RestoreCode. */
export function restore(bytes: u32): i32 {
  return readSnapshot(bytes);
}

export function exchangeBytes(): u32 {
  return memoryMap.exchangeBytes;
}
