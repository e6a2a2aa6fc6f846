// A soak: a daemon in a process of its own under all the load that the machine gives, while its operators approve, deny, stop and let go
// agents, grant, swap and prune. Gives what was counted and what the daemon held; the tests judge it.
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { askOperator } from "../../runtime/doors/client.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import type { VerifyReport } from "../../runtime/log/verify-report.ts";
import { socketPlaces, stackPaths } from "../../runtime/stack.ts";
import { Random } from "../generate/random.ts";
import { DaemonProcess } from "../runtime/daemon-process.ts";
import { imageOf } from "../runtime/stack-under-test.ts";
import { SoakAgents, type Tally } from "./agents.ts";
import { type Sample, samplerOf, samplesOf } from "./memory.ts";

/** Ceiling of a budget whose window is over now and then, so that it is met again and again. */
export const ceilingUsd = 500;

const policyOf = (turn: number): string => `agent "bot" {
  default deny
  session { idle_timeout = 2h }
  permit pay if amount < ${10 + (turn % 2) * 5}
  permit search
  permit note if session.count(pay) >= 0
  ${turn % 3 === 0 ? "defer ask if n >= 0" : "defer ask"}
  phase intake { permit read }
  phase work { permit write }
  rate_limit "search": 600 per minute
  redact pay args: ["card"]
  budget spend { max = $${ceilingUsd} tools = ["pay"] cost = amount window = "10s" warn_at = 0.8 }
  budget notes { max = $1000000 tools = ["note"] cost = 0.01 }
}
agent "stray" { default permit }`;

export interface SoakOptions {
  readonly durationMs: number;
  readonly sampleMs: number;
  readonly seed: number;
  /** How often operators do what they do. */
  readonly deskMs: number;
  readonly swapMs: number;
  /** Absent: nothing is pruned. */
  readonly pruneMs?: number;
}

export interface SoakOutcome {
  readonly tally: Tally;
  readonly samples: readonly Sample[];
  readonly orders: Readonly<Record<string, number>>;
  /** the most that the budget was seen to hold */
  readonly spentMostUsd: number;
  readonly records: number;
  readonly verified: VerifyReport;
  /** exit code and signal of the daemon, which was asked to stop */
  readonly ended: readonly unknown[];
  readonly stateIsTheSame: boolean;
}

const connections = 8;
const keepBytes = 256 * 1024 * 1024;

export async function soak(options: SoakOptions): Promise<SoakOutcome> {
  const daemon = new DaemonProcess();
  const file = join(daemon.dir, "memory.jsonl");
  try {
    await daemon.again({ preload: samplerOf(file, options.sampleMs), node: ["--expose-gc"] });
    await daemon.apply(policyOf(0));
    const random = new Random(options.seed);
    const agents = new SoakAgents(socketPlaces(stackPaths(daemon.dir), {}, undefined).agent, random, connections);
    const operators = new Operators(daemon.dir, random);
    await operators.work(options);
    await agents.end();
    const { budgets, daemon: last } = await askOperator(daemon.dir, "status", {});
    await askOperator(daemon.dir, "stop", { actor: "tester" });
    const ended = await daemon.ended;
    const verified = await verifyLog(stackPaths(daemon.dir).defaultWalDir);
    await daemon.again();
    const after = await askOperator(daemon.dir, "status", {});
    const stateIsTheSame =
      after.daemon.policy_version === last.policy_version &&
      JSON.stringify(idsOf(after.budgets)) === JSON.stringify(idsOf(budgets));
    return {
      tally: agents.tally,
      samples: samplesOf(file),
      orders: operators.orders,
      spentMostUsd: operators.spentMostUsd,
      records: last.wal.last_seq,
      verified,
      ended,
      stateIsTheSame,
    };
  } finally {
    await daemon.remove();
  }
}

const idsOf = (budgets: readonly { readonly id: string; readonly agent: string }[]): readonly string[] =>
  budgets.map(({ id, agent }) => `${agent} ${id}`);

class Operators {
  readonly orders: Record<string, number> = {};
  spentMostUsd = 0;
  readonly #dir: string;
  readonly #random: Random;

  constructor(dir: string, random: Random) {
    this.#dir = dir;
    this.#random = random;
  }

  async work({ durationMs, deskMs, swapMs, pruneMs }: SoakOptions): Promise<void> {
    const beganMs = performance.now();
    let [swaps, prunes] = [0, 0];
    for (;;) {
      const passedMs = performance.now() - beganMs;
      if (passedMs >= durationMs) return;
      await this.#answerApprovals();
      await this.#standing();
      if (passedMs >= (swaps + 1) * swapMs) await this.#swap(++swaps);
      if (pruneMs !== undefined && passedMs >= (prunes + 1) * pruneMs) {
        prunes++;
        await this.#prune();
      }
      await wait(deskMs);
    }
  }

  async #answerApprovals(): Promise<void> {
    const { approvals } = await askOperator(this.#dir, "approvals_list", { status: "pending" });
    for (const { id } of approvals.slice(0, 16)) {
      const order = this.#random.oneIn(3) ? "deny" : "approve_defer";
      await askOperator(this.#dir, order, { id, actor: "tester", reason: "soak" });
      this.#count(order);
    }
    const { budgets } = await askOperator(this.#dir, "status", {});
    for (const { id, spent_usd } of budgets) {
      if (id.endsWith("spend")) this.spentMostUsd = Math.max(this.spentMostUsd, spent_usd);
    }
  }

  async #standing(): Promise<void> {
    const agent = { agent_id: "stray", actor: "tester" };
    const order = this.#random.pick(["kill", "unkill", "quiesce", "resume"] as const);
    await askOperator(this.#dir, order, agent);
    this.#count(order);
  }

  async #swap(turn: number): Promise<void> {
    if (turn % 5 === 0) {
      await askOperator(this.#dir, "rollback", { actor: "tester" });
      this.#count("rollback");
      return;
    }
    const text = policyOf(turn);
    const sources = [{ file: "governance.fms", text }];
    const { changed } = await askOperator(this.#dir, "apply", { image: imageOf(text), sources, actor: "tester" });
    this.#count(changed ? "swap" : "same");
    const { image, ...grant } = {
      image: imageOf('agent "bot" {\n  permit ask if n < 4\n}'),
      ttl_seconds: 60,
      uses_max: 20,
    };
    await askOperator(this.#dir, "grants_add", { agent_id: "bot", image, ...grant, actor: "tester" });
    this.#count("grant");
  }

  async #prune(): Promise<void> {
    const { pruned } = await askOperator(this.#dir, "prune", { keep_bytes: keepBytes, actor: "tester" });
    this.#count(pruned === null ? "nothing to prune" : "prune");
  }

  #count(order: string): void {
    this.orders[order] = (this.orders[order] ?? 0) + 1;
  }
}
