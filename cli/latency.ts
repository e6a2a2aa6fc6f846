// What `faramesh bench` measured, as a table with a histogram for people and as data for programs. It measures nothing.
import { availableParallelism, cpus } from "node:os";
import type { Policy } from "../runtime/evaluator/index.ts";
import type { Bar, Times } from "../runtime/measure/histogram.ts";
import type { Measured, Part } from "../runtime/measure/measure.ts";
import { requestsMax, type Traffic } from "../runtime/measure/traffic.ts";
import { columns, countText, numberText, visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";

/** Where the requests came from. */
export type Source = "file" | "log" | "policy";

export interface LatencyReport {
  readonly file: string;
  readonly policy: Policy;
  readonly source: Source;
  readonly traffic: Traffic;
  readonly measured: Measured;
}

/** Rows of a table; the rest is counted. */
const rowsMax = 20;
const barColumns = 40;
/** Part of all decisions that the last bar has at most. */
const tailShare = 0.001;

export function jsonOf({ file, policy, source, traffic, measured }: LatencyReport): object {
  const { info } = policy;
  const part = ({ name, requests, times }: Part): object => ({ name, requests, ...timesOf(times) });
  return {
    policy: { file, policy_hash: info.policy_hash, image_hash: info.image_hash, rules: info.rules },
    requests: {
      source,
      count: traffic.samples.length,
      not_replayable: traffic.notReplayable,
      left_out: traffic.leftOut,
      codes: measured.codes,
    },
    host: {
      node: process.version,
      platform: process.platform,
      arch: process.arch,
      cpu: cpuName(),
      cpus: availableParallelism(),
    },
    rounds: measured.rounds,
    clock_ns: measured.clockNs,
    decide: timesOf(measured.object.times()),
    decide_json: timesOf(measured.json.times()),
    floor: { empty_policy: timesOf(measured.emptyPolicy), json_parse: timesOf(measured.jsonParse) },
    tools: measured.tools.map((one) => part(one)),
    rules: measured.rules.map((one) => ({
      rule: one.rule === null ? null : one.rule + 1,
      rule_ref: one.rule === null ? null : one.name,
      code: one.code,
      text: one.rule === null ? null : (policy.rules()[one.rule]?.text ?? null),
      requests: one.requests,
      ...timesOf(one.times),
    })),
    steps: {
      worst_case: info.worst_case_steps,
      tests_typical: measured.tests.typical,
      tests_most: measured.tests.most,
    },
    memory: { heap_growth_bytes: measured.heapGrowthBytes, image_bytes: info.image_bytes },
    histogram: measured.object.bars().map(({ fromNs, toNs, count }) => ({ from_ns: fromNs, to_ns: toNs, count })),
  };
}

function timesOf(times: Times): object {
  const { count, meanNs, p50Ns, p90Ns, p99Ns, p999Ns, maxNs } = times;
  return { count, mean_ns: meanNs, p50_ns: p50Ns, p90_ns: p90Ns, p99_ns: p99Ns, p999_ns: p999Ns, max_ns: maxNs };
}

export function tell(io: Terminal, report: LatencyReport): void {
  const { file, policy, measured } = report;
  io.line(
    `${file}: ${countText(policy.info.rules, "rule")}, ${countText(report.traffic.samples.length, "request")} ${originOf(report)}`,
  );
  for (const remark of remarksOf(report)) io.line(`  ${remark}`);
  io.line();
  table(io, "", [
    ["decide, a parsed request", measured.object.times()],
    ["decideJson, its bytes", measured.json.times()],
    ["floor: a policy without conditions", measured.emptyPolicy],
    ["floor: JSON.parse of the bytes", measured.jsonParse],
  ]);
  table(
    io,
    "by tool",
    measured.tools.map((part) => [labelOf(part), part.times]),
  );
  const texts = policy.rules();
  table(
    io,
    "by rule",
    measured.rules.map((part) => {
      const text = part.rule === null ? null : texts[part.rule]?.text;
      return [labelOf({ ...part, name: text ? `${part.name} ${text}` : part.name }), part.times];
    }),
  );
  io.line("decide");
  for (const line of histogramOf(measured.object.bars(), measured.object.count)) io.line(`  ${line}`);
  io.line();
  const codes = Object.entries(measured.codes).map(([code, count]) => `${code} ${numberText(count)}`);
  const heap = `${measured.heapGrowthBytes < 0 ? "−" : "+"}${(Math.abs(measured.heapGrowthBytes) / 2 ** 20).toFixed(1)} MiB`;
  const rows: (readonly [string, string])[] = [
    ["outcomes", codes.join(", ")],
    [
      "conditions",
      `${countText(measured.tests.typical, "test")} typical, ${numberText(measured.tests.most)} most; a decision takes at most ${countText(policy.info.worst_case_steps, "step")}`,
    ],
    [
      "memory",
      `image ${numberText(policy.info.image_bytes)} bytes; heap ${heap} over ${countText(measured.object.count * 2, "decision")}`,
    ],
    ["clock", `${nsText(measured.clockNs)} for a reading, taken off each time; percentiles are at most 3 % above`],
    ["host", `${cpuName()}, ${countText(availableParallelism(), "core")}, Node ${process.version.slice(1)}`],
  ];
  for (const line of columns(rows.map(([name, value]) => [`  ${io.paint.dim(name)}`, visible(value)]))) io.line(line);
}

function originOf({ source }: LatencyReport): string {
  const words: Record<Source, string> = {
    file: "of the file",
    log: "of the log",
    policy: "made from the policy's own words",
  };
  return words[source];
}

function remarksOf({ source, traffic }: LatencyReport): string[] {
  const remarks: string[] = [];
  if (source === "policy")
    remarks.push("no call is recorded here: these reach the rules, and say nothing of your traffic. See --requests");
  if (traffic.notReplayable > 0) {
    remarks.push(
      `${countText(traffic.notReplayable, "recorded call")} left out: what the rules read of them was not kept, or the policy does not govern the agent`,
    );
  }
  if (traffic.leftOut > 0) {
    const kept = source === "log" ? "newest" : "first";
    remarks.push(`${countText(traffic.leftOut, "request")} beyond the ${kept} ${numberText(requestsMax)} left out`);
  }
  return remarks;
}

function labelOf({ name, requests }: Part): string {
  const shown = visible(name);
  return `${shown.length > 60 ? `${shown.slice(0, 59)}…` : shown} (${numberText(requests)})`;
}

function table(io: Terminal, title: string, rows: readonly (readonly [string, Times])[]): void {
  const shown = rows
    .slice(0, rowsMax)
    .map(([name, times]) => [
      `  ${name}`,
      ...[times.p50Ns, times.p90Ns, times.p99Ns, times.p999Ns, times.maxNs].map((ns) => nsText(ns).padStart(8)),
    ]);
  const head = [title, ...["p50", "p90", "p99", "p99.9", "max"].map((word) => word.padStart(8))];
  for (const [index, line] of columns([head, ...shown]).entries()) io.line(index === 0 ? io.paint.bold(line) : line);
  if (rows.length > rowsMax) io.line(`  and ${numberText(rows.length - rowsMax)} more: --format json has them all`);
  io.line();
}

/**
 * A line for each bar, the longest times together in the last. Lengths grow with the logarithm of the count, so that few slow
 * decisions can be seen beside many quick ones.
 */
export function histogramOf(bars: readonly Bar[], total: number): string[] {
  const most = Math.max(...bars.map(({ count }) => count), 1);
  const line = (name: string, count: number): string => {
    const length = count === 0 ? 0 : Math.max(1, Math.round((Math.log1p(count) / Math.log1p(most)) * barColumns));
    const share = total === 0 ? 0 : (count / total) * 100;
    const words = count === 0 ? "" : `${share >= 0.1 ? share.toFixed(1) : share.toPrecision(1)} %`;
    return `${name.padStart(9)} ${"█".repeat(length).padEnd(barColumns)} ${words}`.trimEnd();
  };
  const lines: string[] = [];
  let left = total;
  for (const { fromNs, count } of bars) {
    if (left <= total * tailShare) {
      lines.push(line(`≥ ${nsText(fromNs)}`, left));
      break;
    }
    lines.push(line(nsText(fromNs), count));
    left -= count;
  }
  return lines;
}

/** 182 → "182 ns", 12_345 → "12.3 µs". */
export function nsText(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns < 1_000_000) return `${(ns / 1000).toPrecision(3)} µs`;
  return `${(ns / 1_000_000).toPrecision(3)} ms`;
}

function cpuName(): string {
  return cpus()[0]?.model.trim() ?? "unknown";
}
