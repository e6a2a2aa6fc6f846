// The daemon's state in the words of `faramesh status --format json`. It reads and never changes anything.
import { budgetView } from "./budget-view.ts";
import { formatTime, parseTime } from "./clock.ts";
import { shortcomings } from "./declarations.ts";
import { type Door, doorBypass } from "./doors/kinds.ts";
import type { DoorView, StatusAnswer, WalStatus } from "./doors/views.ts";
import type { PhaseState } from "./evaluator/types.ts";
import type { Governor } from "./governor.ts";
import { everyAgent, holdView } from "./holds.ts";
import type { DaemonState, SocketPlaces } from "./stack.ts";
import type { DecisionCounts } from "./turn.ts";

export interface StatusSources {
  readonly governor: Governor;
  readonly places: SocketPlaces;
  readonly walDir: string;
  readonly startedUs: number;
  readonly durability: string;
  readonly decider: { readonly counts: DecisionCounts };
  state(): DaemonState;
  connections(): number;
  httpAddress(): string | null;
  signing(): "local" | "external";
  doorsOfPolicy(): readonly (readonly [Door, string])[];
  serversBehind(): StatusAnswer["providers"];
  /** Sentences about alerts that wait or cannot be delivered, and values that cannot be asked for. */
  outsideNotices(): readonly string[];
}

export function statusOf(sources: StatusSources): StatusAnswer {
  const { governor, places } = sources;
  const { policies, approvals, ledger } = governor;
  const reading = ledger.clock.now();
  const nowMs = reading.wallUs / 1000;
  const { active } = policies;
  const pending = approvals.pending(reading.wallUs);
  const highest = policies.history.highest;
  const blocks = active?.declarations.blocks ?? [];
  return {
    ok: true,
    daemon: {
      state: sources.state(),
      pid: process.pid,
      uptime_seconds: Math.floor((reading.wallUs - sources.startedUs) / 1_000_000),
      started_at: formatTime(sources.startedUs),
      socket: places.agent,
      operator_socket: places.operator,
      http: sources.httpAddress(),
      operator_auth: "same-uid",
      signing: sources.signing(),
      agent_ids: !governor.dev && blocks.some(({ keyword }) => keyword === "identity") ? "verified" : "claimed",
      dev: governor.dev,
      policy_version: active?.version ?? null,
      policy_hash: active?.activation.policyHash ?? null,
      image_hash: active?.activation.imageHash ?? null,
      policy_source: active?.source ?? { file: null, source_hash: null, files: [] },
      applied_at: active === null ? null : formatTime(active.activation.timeUs),
      applied_by: active?.activation.actor ?? null,
      rolled_back: active?.activation.change === "rollback",
      highest_version: highest === 0 ? null : `v${highest}`,
      runtime_mode: active?.mode ?? null,
      durability: sources.durability,
      time_regression: reading.timeRegression,
      connections: sources.connections(),
      decisions: { ...sources.decider.counts },
      wal: walOf(sources, reading.wallUs),
    },
    doors: doorsOf(places.agent, sources.httpAddress(), sources.doorsOfPolicy()),
    providers: [...governor.providers.views(), ...sources.serversBehind()],
    notices: [...shortcomings(blocks), ...sources.outsideNotices()],
    budgets: (active?.policy.budgets(nowMs) ?? []).map((budget) => ({ agent: budget.agent, ...budgetView(budget) })),
    approvals: {
      pending: pending.count,
      oldest_age_seconds:
        pending.oldestUs === null ? null : Math.floor((reading.wallUs - pending.oldestUs) / 1_000_000),
    },
    grants: { active: governor.grants.activeCount },
    stopped: stoppedOf(sources),
    limits: active?.policy.info.limits ?? [],
    phases: (active?.policy.phases(nowMs) ?? []).map((phase) => phaseView(phase, nowMs)),
  };
}

/** Every door so far asks an agent that could also act without asking: none of them holds it in. */
function doorsOf(
  socket: string,
  http: string | null,
  ofPolicy: readonly (readonly [Door, string])[],
): readonly DoorView[] {
  const view = (door: Door, address: string): DoorView => {
    return { door, address, can_be_bypassed: true, bypass: doorBypass[door] };
  };
  return [
    view("socket", socket),
    ...(http === null ? [] : [view("http", http), view("authzen", `${http}/access/v1`)]),
    ...ofPolicy.map(([door, address]) => view(door, address)),
  ];
}

/** The holds, and the switch that the policy has on from the start. */
function stoppedOf({ governor }: StatusSources): StatusAnswer["stopped"] {
  const { holds, policies } = governor;
  const known = holds.list();
  const all = holds.of(everyAgent, policies.active?.declarations.killedByDefault ?? false);
  return (all === null || known.includes(all) ? known : [all, ...known]).map(holdView);
}

function phaseView(phase: PhaseState, nowMs: number): StatusAnswer["phases"][number] {
  const { name, agent, ends_at, next } = phase;
  const left = ends_at === null ? null : Math.max(0, Math.ceil((ends_at - nowMs) / 1000));
  return {
    name,
    agent,
    ends_in_seconds: left,
    next,
    state: left === null ? "waiting" : left > 0 ? "running" : "spent",
  };
}

function walOf({ governor, walDir }: StatusSources, nowUs: number): WalStatus {
  const stats = governor.ledger.log.stats();
  const syncedUs = stats.lastSyncTime === null ? undefined : parseTime(stats.lastSyncTime);
  return {
    dir: walDir,
    last_seq: stats.lastSeq,
    last_sync_ms: syncedUs === undefined ? null : Math.max(0, Math.round((nowUs - syncedUs) / 1000)),
    lag: stats.lagRecords,
    bytes: stats.totalBytes,
    segments: stats.segments,
    latched: stats.state === "latched",
    degraded: stats.headFailures + stats.checkpointFailures > 0,
    checkpoint_size: stats.checkpointSize,
    first_seq: stats.prunedBefore ?? 1,
  };
}
