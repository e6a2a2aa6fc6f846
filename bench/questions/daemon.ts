// How long does a caller wait for the daemon? One call at a time over the Unix socket, beside a server that only sends the
// line back: the rest of the round trip is the decision, its record and its answer. With durability group also the sync
// of the record, beside one fdatasync of as many bytes in this process.
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { line, rightEffect } from "../payments/lines.ts";
import { policyText } from "../payments/workload.ts";
import { Caller } from "../peers/caller.ts";
import { daemon, directory, peer } from "../peers/server.ts";
import type { Question } from "../question.ts";
import { median } from "../timing.ts";

/** Bytes of a record of the workload. */
const RECORD_BYTES = 1300;
const WARMUP_CALLS = 3000;

export const question: Question = {
  asks: "one call at a time over the socket, against an echo",
  async measure({ short, bundles }) {
    const rounds = short ? 9 : 31;
    const calls = short ? 60 : 200;
    const servers = [
      await peer(bundles, "echo"),
      await daemon(bundles, policyText, "async"),
      await daemon(bundles, policyText, "group"),
    ];
    try {
      const [echo, relaxed, group] = (await Promise.all(servers.map(({ socket }) => Caller.open(socket)))) as [
        Caller,
        Caller,
        Caller,
      ];
      for (const caller of [relaxed, group]) await checkAnswers(caller);
      for (const caller of [echo, relaxed]) await waits(caller, short ? WARMUP_CALLS / 3 : WARMUP_CALLS);
      const sync = new Sync();
      const times: Record<"echo" | "async" | "group" | "sync", number[]> = { echo: [], async: [], group: [], sync: [] };
      for (let round = 0; round < rounds; round++) {
        times.echo.push(await waits(echo, calls));
        times.async.push(await waits(relaxed, calls));
        times.group.push(await waits(group, calls / 2));
        times.sync.push(sync.wait(calls / 4));
      }
      sync.close();
      for (const caller of [echo, relaxed, group]) caller.close();
      const each = (of: (round: number) => number): number => median(times.echo.map((_, round) => of(round)));
      const at = (name: keyof typeof times, round: number): number => times[name][round] ?? Number.NaN;
      const overEcho = each((round) => at("async", round) / at("echo", round));
      const inSyncs = each((round) => (at("group", round) - at("echo", round)) / at("sync", round));
      return [
        { id: "daemon.echo", value: median(times.echo), unit: "us" },
        { id: "daemon.async", value: median(times.async), unit: "us" },
        { id: "daemon.async-over-echo", value: overEcho, unit: "x", atMost: { must: 1.25, goal: 1.1 } },
        { id: "daemon.fdatasync", value: median(times.sync), unit: "us" },
        { id: "daemon.group", value: median(times.group), unit: "us" },
        { id: "daemon.group-beyond-echo", value: inSyncs, unit: "syncs", atMost: { must: 1.5, goal: 1.1 } },
      ];
    } finally {
      for (const server of servers) await server.remove();
    }
  },
};

/** Every call of the workload gets its right effect, before anything is timed. */
async function checkAnswers(caller: Caller): Promise<void> {
  for (let index = 0; index < 10; index++) {
    const { effect } = JSON.parse(await caller.ask(line(index))) as { readonly effect: string };
    if (effect !== rightEffect(index)) throw new Error(`call ${index} got ${effect}, right is ${rightEffect(index)}`);
  }
}

/** The median wait of so many calls, in microseconds. */
async function waits(caller: Caller, calls: number): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < calls; index++) {
    const text = line(index);
    const start = performance.now();
    await caller.ask(text);
    times.push((performance.now() - start) * 1000);
  }
  return median(times);
}

/** One record appended and synced, alone. */
class Sync {
  readonly #dir = directory();
  readonly #file = openSync(join(this.#dir, "log"), "a");
  readonly #bytes = Buffer.alloc(RECORD_BYTES, 0x61);

  wait(times: number): number {
    const taken: number[] = [];
    for (let index = 0; index < times; index++) {
      const start = performance.now();
      writeSync(this.#file, this.#bytes);
      fdatasyncSync(this.#file);
      taken.push((performance.now() - start) * 1000);
    }
    return median(taken);
  }

  close(): void {
    closeSync(this.#file);
    rmSync(this.#dir, { recursive: true });
  }
}
