// Images changed by chance, and what the machine makes of them: refused with a code, or run within its bounds. Changes are
// named by section and place, so that a saved one still means something after the format has moved.
import { createHash } from "node:crypto";
import { explainTrace } from "../../runtime/evaluator/explain.ts";
import { Machine } from "../../runtime/evaluator/machine.ts";
import { type EvaluationRequest, LoadFailure } from "../../runtime/evaluator/types.ts";
import { wholeMachine } from "../../runtime/evaluator/whole-machine.ts";
import { WholePolicy } from "../../runtime/evaluator/whole-policy.ts";
import { HEADER_BYTES, HEADER_DIGEST, Section, TABLE_ROW_BYTES } from "../../vm/shared/image.ts";
import { noon } from "../vm/policies.ts";
import { Prover } from "./prover.ts";

/** Small memories, so that loading costs what the image costs. */
const METERS = 16;
const ARENA_BYTES = 4096;
const REQUEST_BYTES = 4096;
/** Every so many-th mutant gets every call, and an explanation. */
const THOROUGH_EVERY = 8;
const CHANGES_MAX = 3;

/** The codes under which an image may be refused. */
export const refusals: ReadonlySet<string> = new Set(["BAD_IMAGE", "BAD_DIGEST", "UNSUPPORTED_IMAGE", "NO_MEMORY"]);

/** Bytes written over an image: `at` counts from the beginning of the section, of the whole image for "Image". */
export interface Change {
  readonly section: string;
  readonly at: number;
  readonly bytes: readonly number[];
}

/** Values that lie at edges of what rows hold. */
const edges = [0, 1, 2, 7, 0x7f, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];

/** `below` gives whole numbers from 0 to one less than asked. */
export function changesByChance(image: Uint8Array, below: (bound: number) => number): Change[] {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  return Array.from({ length: 1 + below(CHANGES_MAX) }, (): Change => {
    const section = below(4) === 0 ? Section.End : below(Section.End);
    const [start, length] = boundsOf(view, section);
    const at = below(Math.max(length, 1));
    const name = section === Section.End ? "Image" : (Section[section] ?? "Image");
    if (below(2) === 0) return { section: name, at, bytes: [below(256)] };
    const word = edges[below(edges.length)] ?? 0;
    const aligned = Math.max(((start + at) & ~3) - start, -start);
    return { section: name, at: aligned, bytes: [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24] };
  });
}

/** First byte and length of a section; of the whole image for Section.End. */
function boundsOf(view: DataView, section: number): [number, number] {
  if (section === Section.End) return [0, view.byteLength];
  const row = HEADER_BYTES + section * TABLE_ROW_BYTES;
  return [view.getUint32(row, true), view.getUint32(row + 4, true)];
}

/** The image with changes written over it; what would fall behind its end is left out. */
export function changed(image: Uint8Array, changes: readonly Change[]): Uint8Array {
  const bytes = image.slice();
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (const { section, at, bytes: written } of changes) {
    const [start] = boundsOf(view, section === "Image" ? Section.End : sectionNamed(section));
    for (const [i, byte] of written.entries()) if (start + at + i < bytes.length) bytes[start + at + i] = byte;
  }
  return bytes;
}

function sectionNamed(name: string): number {
  const section = Object.entries(Section).find(([key]) => key === name)?.[1];
  if (typeof section !== "number") throw new Error(`there is no section ${name}`);
  return section;
}

/** The words of a refusal, or "runs". Throws where the machine traps, grows, or refuses without a known code. */
export function trial(bytes: Uint8Array, calls: readonly EvaluationRequest[], turn = 0): string {
  let machine: Machine;
  try {
    machine = new Machine(wholeMachine.module(), bytes, METERS, ARENA_BYTES, REQUEST_BYTES);
    run(machine, calls, turn);
  } catch (error) {
    if (error instanceof LoadFailure && refusals.has(error.code)) return `${error.code} ${error.message}`;
    throw error;
  }
  return "runs";
}

function run(machine: Machine, calls: readonly EvaluationRequest[], turn: number): void {
  const memoryBytes = machine.calls.memory.buffer.byteLength;
  const policy = new WholePolicy(machine, true, explainTrace);
  const thorough = turn % THOROUGH_EVERY === 0;
  const one = calls[turn % Math.max(calls.length, 1)];
  for (const call of thorough || one === undefined ? calls : [one]) {
    const { code } = policy.decide(call, { now: noon + turn });
    if (code === "MACHINE_FAULT") throw new Error(`the machine traps at ${JSON.stringify(call)}`);
    if (thorough) policy.explain(call, { now: noon + turn });
  }
  for (const to of ["intake", "work"]) policy.movePhase({ agent_id: "desk", to }, { now: noon + turn });
  policy.restore(policy.snapshot());
  if (machine.calls.memory.buffer.byteLength !== memoryBytes) throw new Error("the machine's memory grew");
}

/** As resealed of policies.ts, by Node's own hash: a million of them. */
function sealFast(bytes: Uint8Array): void {
  bytes.set(createHash("sha256").update(bytes.subarray(HEADER_BYTES)).digest(), HEADER_DIGEST);
}

export interface Tally {
  refused: number;
  ran: number;
}

/** `count` mutants of the images in turn, with fitting digests or the old ones. Throws at the first that is not bounded. */
export function runMutants(
  subjects: readonly { readonly image: Uint8Array; readonly calls: readonly EvaluationRequest[] }[],
  count: number,
  below: (bound: number) => number,
  digest: "renewed" | "kept",
  loader: "fresh" | "reused" = "fresh",
  seen?: (outcome: string, subject: number, changes: readonly Change[]) => void,
): Tally {
  const tally = { refused: 0, ran: 0 };
  const prover = new Prover();
  for (let i = 0; i < count; i++) {
    const subject = subjects[i % subjects.length];
    if (subject === undefined) throw new Error("there is no image to change");
    const changes = changesByChance(subject.image, below);
    const bytes = changed(subject.image, changes);
    if (digest === "kept" && Buffer.compare(bytes, subject.image) === 0)
      bytes[i % bytes.length] = ~(bytes[i % bytes.length] ?? 0);
    try {
      if (digest === "renewed") sealFast(bytes);
      const isRefused = loader === "reused" && !prover.passes(bytes);
      const outcome = isRefused ? "BAD_IMAGE" : trial(bytes, subject.calls, i);
      tally[outcome === "runs" ? "ran" : "refused"]++;
      seen?.(outcome, i % subjects.length, changes);
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`mutant ${i} of image ${i % subjects.length}, ${JSON.stringify(changes)}: ${what}`);
    }
  }
  return tally;
}
