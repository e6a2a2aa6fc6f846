// The daemon's figures in Prometheus' text format. Labels are words of this code (effects, codes, routes, statuses), never of a
// caller: the number of series is bounded by it.
import { Counter, Gauge, Registry } from "prom-client";
import { statusOf } from "../../status.ts";
import type { Around } from "./asked.ts";

const prefix = "faramesh_";

export class Metrics {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #requests: Counter<"route" | "status">;

  constructor(around: Around) {
    this.contentType = this.#registry.contentType;
    this.#requests = new Counter({
      name: `${prefix}http_requests_total`,
      help: "Requests of the HTTP door by route and status",
      labelNames: ["route", "status"],
      registers: [this.#registry],
    });
    this.#decisions(around);
    const gauge = (name: string, help: string, value: () => number): void => {
      const made: Gauge = new Gauge({
        name: prefix + name,
        help,
        registers: [this.#registry],
        collect: () => made.set(value()),
      });
    };
    const { governor, house } = around;
    const now = () => governor.ledger.clock.now().wallUs;
    const wal = () => statusOf(house).daemon.wal;
    gauge("ready", "1 while calls are decided", () =>
      governor.state() === "READY" && governor.ledger.isUsable ? 1 : 0,
    );
    gauge("approvals_pending", "Deferred calls that wait for a person", () => governor.approvals.pending(now()).count);
    gauge("grants_active", "Standing grants in force", () => governor.grants.activeCount);
    gauge("policy_version", "Number of the policy in force; 0 without one", () =>
      Number(governor.policies.active?.version.slice(1) ?? 0),
    );
    gauge("wal_last_seq", "Last record of the log", () => wal().last_seq);
    gauge("wal_lag_records", "Records that are not on disk yet", () => wal().lag);
    gauge("wal_bytes", "Size of the log", () => wal().bytes);
    gauge("wal_latched", "1 when the log cannot be written any more", () => (wal().latched ? 1 : 0));
    gauge("connections", "Open connections of all doors of agents", () => house.connections());
    gauge("start_time_seconds", "Start of the daemon, seconds since 1970", () => house.startedUs / 1_000_000);
    gauge("resident_memory_bytes", "Resident memory of the daemon", () => process.memoryUsage.rss());
  }

  /** `route` is a path of the table of routes, or "none". */
  count(route: string, status: number): void {
    this.#requests.inc({ route, status: String(status) });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #decisions({ decider }: Around): void {
    const byEffect: Counter<"effect"> = new Counter({
      name: `${prefix}decisions_total`,
      help: "Answers since the start by effect",
      labelNames: ["effect"],
      registers: [this.#registry],
      collect: () => {
        byEffect.reset();
        for (const [effect, count] of Object.entries(decider.counts)) byEffect.inc({ effect }, count);
      },
    });
    const byCode: Counter<"code"> = new Counter({
      name: `${prefix}decision_codes_total`,
      help: "Answers since the start by code",
      labelNames: ["code"],
      registers: [this.#registry],
      collect: () => {
        byCode.reset();
        for (const [code, count] of decider.codeCounts) byCode.inc({ code }, count);
      },
    });
  }
}
