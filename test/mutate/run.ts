// So many mutated requests through the policy with every part and generated ones, for the everyday test and the slow one.
import * as assert from "uvu/assert";
import { explainTrace } from "../../runtime/evaluator/explain.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { Machine } from "../../runtime/evaluator/machine.ts";
import { wholeMachine } from "../../runtime/evaluator/whole-machine.ts";
import { WholePolicy } from "../../runtime/evaluator/whole-policy.ts";
import { Random } from "../generate/random.ts";
import { noon } from "../vm/policies.ts";
import { judgeMutants } from "./request.ts";
import { type Subject, subjects } from "./subjects.ts";

const GENERATED = 20;
const REQUEST_BYTES = 65_536;
const METERS = 1024;

/** Half of them objects, half bytes. How often each code came up, by way and code. Throws, with seed, where one has no verdict. */
export function mutateRequests(mutants: number, seed: number): ReadonlyMap<string, number> {
  const random = new Random(seed);
  const codes = new Map<string, number>();
  const opened = subjects(GENERATED, seed).map(opening);
  for (let i = 0; i < mutants / 2; i++) {
    // Half of all go to the policy with every part.
    const at = i % 2 === 0 ? 0 : 1 + (i % GENERATED);
    const subject = opened[at];
    const request = subject?.calls[i % subject.calls.length];
    if (subject === undefined || request === undefined) throw new Error(`there is no policy ${at}`);
    try {
      judgeMutants(subject.policy, random, request, noon + i, codes);
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`mutant ${i} of seed ${seed}: ${what}`);
    }
  }
  for (const one of opened) checkAfterwards(one, noon + mutants);
  return codes;
}

type Opened = ReturnType<typeof opening>;

function opening({ image, calls }: Subject) {
  const machine = new Machine(wholeMachine.module(), image, METERS, REQUEST_BYTES, REQUEST_BYTES);
  const policy = new WholePolicy(machine, true, explainTrace);
  return { machine, image, calls, memoryBytes: machine.bytes.length, policy };
}

/** Its memory is what it was, and nothing but its counters tells it from a machine that saw no mutant. */
function checkAfterwards({ machine, memoryBytes, policy, calls, image }: Opened, now: number): void {
  assert.is(machine.calls.memory.buffer.byteLength, memoryBytes);
  assert.is(machine.bytes.length, memoryBytes, "the memory was never moved");
  const fresh = loadPolicySync(image, { state: "volatile", meterCapacity: METERS, requestBytes: 0 });
  fresh.restore(policy.snapshot());
  for (const call of calls) assert.equal(policy.decide(call, { now }), fresh.decide(call, { now }));
}

export function printed(codes: ReadonlyMap<string, number>): string {
  return JSON.stringify(Object.fromEntries([...codes].sort(([a], [b]) => (a < b ? -1 : 1))));
}
