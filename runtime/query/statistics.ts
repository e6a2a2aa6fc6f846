// What `audit stats` tells, as questions to the log: counts, latency, approvals, money, calls over time. It asks and adds nothing.
import type { DuckDBValue } from "@duckdb/node-api";
import { formatTime } from "../clock.ts";
import type { Duck } from "./duck.ts";
import { type Period, periodSql, storeName } from "./view-sql.ts";

export interface Counted {
  readonly name: string;
  readonly count: number;
}

export interface Statistics {
  readonly decisions: number;
  /** RFC 3339; null without a decision */
  readonly first: string | null;
  readonly last: string | null;
  readonly effects: readonly Counted[];
  readonly codes: readonly Counted[];
  readonly tools: readonly Counted[];
  readonly agents: readonly Counted[];
  /** `tool code` that were denied, or would have been, most often */
  readonly denied: readonly { readonly tool: string; readonly code: string; readonly count: number }[];
  /** calls that ran in audit mode; null where none did */
  readonly audit: {
    readonly decisions: number;
    readonly would_deny: number;
    readonly would_defer: number;
    /** what enforcing would have stopped, by what decided, most first */
    readonly stopped: readonly {
      readonly tool: string;
      readonly effect: string;
      readonly code: string;
      readonly rule_ref: string | null;
      readonly count: number;
    }[];
  } | null;
  readonly latency_us: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  readonly approvals: {
    readonly opened: number;
    readonly approved: number;
    readonly denied: number;
    readonly waited_seconds: { readonly p50: number; readonly max: number } | null;
  };
  /** what permitted calls cost when they were decided, in US dollars */
  readonly spent_usd: string;
  /** decisions in equal spans of time from the first to the last */
  readonly rate: { readonly span_seconds: number; readonly counts: readonly number[] };
}

/** Most lines of a list. */
const listedMax = 10;

/** Most lines of what enforcing would have stopped. */
const stoppedMax = 100;

/** Spans of time that calls are counted in. */
const spansMax = 60;

/** Lengths of a span that people read easily, in minutes. */
const spanMinutes = [1, 5, 10, 30, 60, 180, 360, 720, 1440, 10_080, 43_200];

/** Throws what `Duck.run` throws. */
export async function statistics(duck: Duck, period: Period, signal?: AbortSignal): Promise<Statistics> {
  const rows = await duck.rowsOf(statisticsSql(periodSql(period)), signal);
  const of = (kind: string): Rows => rows.filter(([name]) => name === kind);
  const [, , , , , count, first, last, p50, p99, max, spent] = of("all")[0] ?? [];
  const groups = of("group").map((row) => row.slice(1, 6));
  const decisions = numberOf(count);
  const isAny = decisions > 0;
  const minutes = of("minute").map((row): [number, number] => [numberOf(row[1]), numberOf(row[5])]);
  return {
    decisions,
    first: isAny ? formatTime(microsOf(first)) : null,
    last: isAny ? formatTime(microsOf(last)) : null,
    effects: counted(groups, 0),
    codes: counted(groups, 1),
    tools: counted(groups, 2),
    agents: counted(groups, 3),
    denied: deniedOf(groups),
    audit: auditOf(of("group")),
    latency_us: isAny ? { p50: numberOf(p50), p99: numberOf(p99), max: numberOf(max) } : null,
    approvals: approvalsOf(of("approvals")[0] ?? []),
    spent_usd: spent === null || spent === undefined ? "0" : String(spent),
    rate: ratesOf(minutes),
  };
}

/**
 * One walk over the files, of which all figures are made: an answer for each of several questions costs as many walks. Rows
 * are {kind, four names, count, first, last, p50, p99, longest, spent, whether in audit mode, the rule that would have stopped it}; the groups are those that a policy bounds.
 */
const statisticsSql = (period: string): string => `
WITH rows AS (
  SELECT "type" = 'decision' AS is_call, coalesce("would", "effect") AS effect, "code", "tool", "agent_id",
    CAST("time" AS TIMESTAMP) AS time, "latency_us", TRY_CAST("cost_usd" AS DECIMAL(18,6)) AS cost,
    "effect" = 'permit' AS is_permit, "change",
    "would" IS NOT NULL AS is_audit, CASE WHEN "would" <> 'permit' THEN "rule_ref" END AS stopped_by,
    CASE WHEN "type" = 'approval' THEN "approval_id" END AS approval
  FROM ${storeName} WHERE "type" IN ('decision', 'approval')${period}
), sets AS MATERIALIZED (
  SELECT grouping(effect, minute, approval) AS kind, effect, code, tool, agent_id, is_audit, stopped_by, minute, approval,
    count(*) AS count, min(time) AS first, max(time) AS last,
    quantile_disc(latency_us, [0.5, 0.99]) AS latency, max(latency_us) AS longest,
    sum(cost) FILTER (is_permit) AS spent,
    min(time) FILTER (change = 'opened') AS opened,
    min(time) FILTER (change IN ('approved', 'denied')) AS resolved,
    count(*) FILTER (change = 'opened') AS opens,
    count(*) FILTER (change = 'approved') AS approves,
    count(*) FILTER (change = 'denied') AS denies
  FROM (SELECT *, epoch(time)::BIGINT // 60 AS minute FROM rows)
  GROUP BY GROUPING SETS ((is_call), (is_call, effect, code, tool, agent_id, is_audit, stopped_by),
    (is_call, minute), (is_call, approval))
  HAVING is_call OR (NOT is_call AND grouping(approval) = 0)
)
SELECT 'all' AS name, NULL, NULL, NULL, NULL, count, first, last, latency[1], latency[2], longest, spent, NULL, NULL
  FROM sets WHERE kind = 7
UNION ALL SELECT 'group', effect, code, tool, agent_id, count, NULL, NULL, NULL, NULL, NULL, NULL, is_audit, stopped_by
  FROM sets WHERE kind = 3
UNION ALL SELECT 'minute', CAST(minute AS VARCHAR), NULL, NULL, NULL, count, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM sets WHERE kind = 5
UNION ALL SELECT 'approvals', CAST(sum(opens) AS VARCHAR), CAST(sum(approves) AS VARCHAR), CAST(sum(denies) AS VARCHAR),
  CAST(quantile_disc(epoch(resolved - opened), 0.5) AS VARCHAR), NULL, NULL, NULL,
  NULL, NULL, CAST(max(epoch(resolved - opened)) AS BIGINT), NULL, NULL, NULL
  FROM sets WHERE kind = 6 AND approval IS NOT NULL`;

function approvalsOf(row: readonly DuckDBValue[]): Statistics["approvals"] {
  const [, opened, approved, denied, p50] = row;
  const isWaited = p50 !== null && p50 !== undefined;
  return {
    opened: numberOf(opened),
    approved: numberOf(approved),
    denied: numberOf(denied),
    waited_seconds: isWaited ? { p50: numberOf(p50), max: numberOf(row[10]) } : null,
  };
}

type Rows = readonly (readonly DuckDBValue[])[];

function counted(groups: Rows, column: number): readonly Counted[] {
  const sums = new Map<string, number>();
  for (const row of groups) {
    const name = String(row[column]);
    sums.set(name, (sums.get(name) ?? 0) + numberOf(row[4]));
  }
  const found = [...sums].map(([name, count]) => ({ name, count }));
  return found.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)).slice(0, listedMax);
}

function deniedOf(groups: Rows): Statistics["denied"] {
  const denied = groups.filter(([effect]) => effect === "deny");
  const pairs = denied.map(([, code = null, tool = null, , count = null]) => {
    return [JSON.stringify([tool, code]), null, null, null, count];
  });
  return counted(pairs, 0).map(({ name, count }) => {
    const [tool = "", code = ""] = JSON.parse(name) as string[];
    return { tool, code, count };
  });
}

/** Of rows of groups, whole. */
function auditOf(rows: Rows): Statistics["audit"] {
  const audited = rows.filter((row) => row[12] === true);
  if (audited.length === 0) return null;
  const sums = new Map<string, number>();
  for (const [, effect, code, tool, , count, , , , , , , , ruleRef] of audited) {
    if (effect === "permit") continue;
    const key = JSON.stringify([tool, effect, code, ruleRef ?? null]);
    sums.set(key, (sums.get(key) ?? 0) + numberOf(count));
  }
  const stopped = [...sums].map(([key, count]) => {
    const [tool, effect, code, rule_ref] = JSON.parse(key) as [string, string, string, string | null];
    return { tool, effect, code, rule_ref, count, key };
  });
  stopped.sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
  const sumOf = (list: readonly { readonly count: number }[]): number =>
    list.reduce((sum, { count }) => sum + count, 0);
  return {
    decisions: audited.reduce((sum, row) => sum + numberOf(row[5]), 0),
    would_deny: sumOf(stopped.filter(({ effect }) => effect === "deny")),
    would_defer: sumOf(stopped.filter(({ effect }) => effect === "defer")),
    stopped: stopped.slice(0, stoppedMax).map(({ key: _key, ...one }) => one),
  };
}

/** `minutes`: since 1970, with how many calls. */
function ratesOf(minutes: readonly (readonly [number, number])[]): Statistics["rate"] {
  const begin = minutes.reduce((least, [minute]) => Math.min(least, minute), Number.POSITIVE_INFINITY);
  const end = minutes.reduce((most, [minute]) => Math.max(most, minute), Number.NEGATIVE_INFINITY);
  if (minutes.length === 0) return { span_seconds: 60, counts: [] };
  const span = spanMinutes.find((one) => (end - begin) / one < spansMax) ?? Math.ceil((end - begin + 1) / spansMax);
  const counts = Array.from({ length: Math.floor((end - begin) / span) + 1 }, () => 0);
  for (const [minute, count] of minutes) {
    const index = Math.floor((minute - begin) / span);
    counts[index] = (counts[index] ?? 0) + count;
  }
  return { span_seconds: span * 60, counts };
}

function numberOf(value: DuckDBValue | undefined): number {
  return value === null || value === undefined ? 0 : Number(value);
}

function microsOf(value: DuckDBValue | undefined): number {
  const micros: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "micros") : undefined;
  return typeof micros === "bigint" ? Number(micros) : 0;
}
