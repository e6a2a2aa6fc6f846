// What holds of every soak, however long: nothing unanswered, nothing overdrawn, no approval used twice, a log that verifies, machines
// that neither grow nor stay.
import * as assert from "uvu/assert";
import { meanOf, riseOf, type Sample } from "./memory.ts";
import { ceilingUsd, type SoakOutcome } from "./soak.ts";

/** Everything that a daemon in health may answer to these agents. */
const expected: ReadonlySet<string> = new Set([
  "PERMIT POLICY_PERMIT",
  "PERMIT BUDGET_WARNING",
  "DENY POLICY_DENY",
  "DENY PHASE_HIDDEN",
  "DENY RATE_EXCEEDED",
  "DENY BUDGET_EXCEEDED",
  "DENY APPROVAL_DENIED",
  "DENY FLOODED",
  "DEFER POLICY_DEFER",
  "session",
  "status",
  "report",
  "cost",
]);

/** Smaller ones hold the one rule of a standing grant. */
const policyMachineBytes = 4 * 1024 * 1024;
/** The machine in force, one that a swap is about to put in force, and one that no collection has seen go yet. */
const machinesMax = 3;
/** Grants end after a minute, and one is given every few seconds. */
const ruleMachinesMax = 24;

export function assertSoak(outcome: SoakOutcome): void {
  const { tally, samples, verified, ended } = outcome;
  assert.equal(tally.faults, []);
  assert.equal(
    [...tally.kinds.keys()].filter((kind) => !expected.has(kind)),
    [],
  );
  assert.equal(
    [...tally.uses].filter(([, uses]) => uses > 1),
    [],
  );
  assert.ok(tally.uses.size > 0, "no approval was used");
  assert.ok(outcome.spentMostUsd > 0 && outcome.spentMostUsd <= ceilingUsd, `${outcome.spentMostUsd} spent`);
  for (const order of ["approve_defer", "deny", "swap", "grant"]) assert.ok((outcome.orders[order] ?? 0) > 0, order);
  assert.equal(ended, [0, null]);
  assert.ok(verified.ok, JSON.stringify(verified.fault));
  assert.ok(outcome.stateIsTheSame, "another state after the restart");
  assert.ok(samples.length > 0, "the daemon was not looked at");
  const machines = samples.map(({ machineBytes }) => machineBytes.filter((bytes) => bytes >= policyMachineBytes));
  for (const { machineBytes } of samples) {
    const rules = machineBytes.filter((bytes) => bytes < policyMachineBytes).length;
    assert.ok(rules <= ruleMachinesMax, `the rules of ${rules} grants are alive`);
  }
  for (const alive of machines) assert.ok(alive.length <= machinesMax, `${alive.length} policies are alive`);
  assert.is(new Set(machines.flat()).size, 1, `machines of ${[...new Set(machines.flat())].join(", ")} bytes`);
}

/** One line to read: rates, and what the daemon held. */
export function wordsOf({ tally, samples, orders, records, spentMostUsd }: SoakOutcome): string {
  const heldOf = (of: (sample: Sample) => number): string => {
    const [first, last] = [samples[0], samples.at(-1)];
    const ends = `${mib(first === undefined ? 0 : of(first))} → ${mib(last === undefined ? 0 : of(last))}`;
    return `${ends}, mean ${mib(meanOf(samples.map(of)))}, rise ${mib(riseOf(samples, of))}`;
  };
  return [
    `${tally.answers} answers on ${tally.connections} connections, ${records} records, at most $${spentMostUsd} spent`,
    JSON.stringify(Object.fromEntries(tally.kinds)),
    JSON.stringify(orders),
    `rss ${heldOf(({ rssBytes }) => rssBytes)}`,
    `heap ${heldOf(({ heapBytes }) => heapBytes)}`,
    `${samples.at(-1)?.machineBytes.length} machines, ${samples.length} samples`,
  ].join("\n");
}

const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
