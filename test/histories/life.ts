// One honest life of a daemon: agents call, people resolve, policies come and go, values are redacted and erased, keys change, segments
// are pruned, and it stops or is killed at any moment. All of it follows from one seed. After each stretch the log must verify against
// every anchor that was given out, each decision must come out again, and a start must make the state that was there before.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SystemClock } from "../../runtime/clock.ts";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import { askOperator, OperatorRefused } from "../../runtime/doors/client.ts";
import type { OperatorErrorCode } from "../../runtime/doors/protocol.ts";
import { loadPolicy, loadPolicySync } from "../../runtime/evaluator/index.ts";
import type { JsonObject } from "../../runtime/json.ts";
import type { VerifierKey } from "../../runtime/log/note.ts";
import { readRecords } from "../../runtime/log/read.ts";
import type { Anchor } from "../../runtime/log/tree-fault.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { evaluator, type Machine } from "../../runtime/machine.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { verifyReplay } from "../../runtime/verify-replay.ts";
import { Random } from "../generate/random.ts";
import { imageOf, StackUnderTest } from "../runtime/stack-under-test.ts";
import { policyOf } from "./policies.ts";

const stretches = 4;
const stepsMax = 20;
const agents = ["bot", "clerk", "stranger"] as const;
const tools = ["search", "pay", "card/charge", "refund", "ask", "read", "write", "note", "unnamed"] as const;
const anchorsMax = 12;
/** With little room, as the calls of a life are small: a life opens dozens, and large memories would be most of its work. */
const room = { state: "volatile", requestBytes: 0, arenaBytes: 1 << 20, meterCapacity: 4096 } as const;
const machine: Machine = {
  load: (image) => loadPolicy(image, room),
  loadSync: (image) => loadPolicySync(image, room),
  loadRule: evaluator.loadRule,
};

export interface Tally {
  records: number;
  decisions: number;
  replayed: number;
  notReplayable: number;
  kills: number;
  prunes: number;
  erasures: number;
}

export const emptyTally = (): Tally => ({
  records: 0,
  decisions: 0,
  replayed: 0,
  notReplayable: 0,
  kills: 0,
  prunes: 0,
  erasures: 0,
});

/** An alarm where all was honest, or something that a start did not bring back. */
export class Violation extends Error {}

export class Life {
  readonly #random: Random;
  readonly #tally: Tally;
  #wallMs = Date.UTC(2026, 2, 1, 12);
  #stack: StackUnderTest;
  #pinned: VerifierKey | null = null;
  #anchors: Anchor[] = [];
  /** calls that were deferred, to be made again */
  #deferred: Record<string, unknown>[] = [];
  #actions: string[] = [];
  #isStarted = false;

  constructor(seed: number, tally: Tally) {
    this.#random = new Random(seed);
    this.#tally = tally;
    this.#stack = this.#newStack();
  }

  async run(): Promise<void> {
    try {
      await this.#stack.start();
      this.#isStarted = true;
      this.#pinned = this.#stack.daemon.governor.ledger.log.signer?.key ?? null;
      await this.#apply();
      for (let stretch = 0; stretch < stretches; stretch++) {
        const steps = 3 + this.#random.below(stepsMax);
        for (let step = 0; step < steps; step++) await this.#step();
        await this.#check(`stretch ${stretch}`);
        await (this.#random.oneIn(2) ? this.#restart() : this.#kill());
      }
      await this.#stack.stop();
      this.#isStarted = false;
      const { records, decisions } = await this.#check("the end");
      this.#tally.records += records;
      this.#tally.decisions += decisions;
    } finally {
      await this.#stack.remove();
    }
  }

  #newStack(): StackUnderTest {
    const clock = new SystemClock({ wallMs: () => this.#wallMs, monoUs: () => this.#wallMs * 1000 });
    return new StackUnderTest({ clock, machine, segmentBytes: 6000 + this.#random.below(40_000) });
  }

  async #step(): Promise<void> {
    const random = this.#random;
    this.#wallMs += random.oneIn(10) ? random.below(7_200_000) : random.below(2000);
    const kind = random.below(26);
    if (kind < 10) return this.#call();
    if (kind < 12) return this.#again();
    switch (kind) {
      case 12:
        return this.#resolve();
      case 13:
        return this.#grant();
      case 14:
        return this.#hold();
      case 15:
        return this.#apply();
      case 16:
        return this.#order(["NO_EARLIER_VERSION"], "rollback", { actor: "ana" });
      case 17:
        return this.#settle();
      case 18:
        return this.#session();
      case 19:
        return this.#stack.daemon.snapshot();
      case 20:
        await askOperator(this.#stack.dir, "checkpoint", {});
        return;
      case 21:
        return this.#order([], "rotate_key", { actor: "ana" });
      case 22:
        return this.#erase();
      case 23:
        return this.#prune();
      case 24:
        return this.#revoke();
      default:
        this.#wallMs += random.below(40) * 3_600_000;
    }
  }

  #args(): Record<string, unknown> {
    const random = this.#random;
    return {
      amount: random.pick([0, 1, 9.5, 49.99, 50, 120, 499, 500.01, 1e3, "7", null]),
      query: random.pick(["x", "a secret", "ünï©ode", ""]),
      card: { number: `4242-${random.below(4)}`, kind: random.pick(["visa", "amex"]) },
      ...(random.oneIn(12) ? { filler: "f".repeat(random.below(3000)) } : {}),
    };
  }

  async #call(): Promise<void> {
    const random = this.#random;
    const line = {
      type: "govern",
      agent_id: random.oneIn(3) ? random.pick(agents) : "bot",
      tool_id: random.oneIn(30) ? "../bad" : random.pick(tools),
      args: this.#args(),
      session_id: `s${random.below(2)}`,
      ...(random.oneIn(4) ? { call_id: `c${random.below(6)}` } : {}),
      ...(random.oneIn(5) ? { cost_usd: random.below(300) / 100 } : {}),
      ...(random.oneIn(6) ? { request_id: `run-${random.below(2)}` } : {}),
    };
    await this.#send(random.oneIn(5) ? [line, line] : [line]);
  }

  /** A call that was deferred, made again: pending, approved, denied, or refused by another policy. */
  async #again(): Promise<void> {
    const [line] = this.#deferred;
    if (line === undefined) return this.#call();
    if (this.#random.oneIn(3)) this.#deferred.shift();
    await this.#send([line]);
  }

  async #send(lines: readonly Record<string, unknown>[]): Promise<void> {
    const answers = await this.#stack.send(...lines);
    if (answers.length !== lines.length) throw new Violation(`${lines.length} calls, ${answers.length} answers`);
    for (const [at, answer] of answers.entries()) this.#keep(lines[at] ?? {}, answer);
  }

  #keep(line: Record<string, unknown>, answer: GovernAnswer): void {
    const { call_id: _, ...asked } = line;
    if (answer.effect === "DEFER") this.#deferred.push(asked);
    if (answer.effect === "PERMIT" && answer.action_id !== undefined) this.#actions.push(answer.action_id);
    const { receipt } = answer;
    if (receipt === undefined || receipt.size === 0) return;
    const { seq, leaf, size, root } = receipt;
    this.#anchors.push({ name: `receipt of ${seq}`, size, root, record: { seq, leaf } });
    if (this.#anchors.length > anchorsMax) this.#anchors.splice(this.#random.below(anchorsMax), 1);
  }

  async #resolve(): Promise<void> {
    const [approval] = this.#stack.daemon.governor.approvals.pendingOf("bot", 1);
    if (approval === undefined) return;
    const random = this.#random;
    const order = { id: approval, actor: "ana", reason: "seen" };
    const narrowed = random.oneIn(4) ? { args: { amount: 1 } } : {};
    // It may have expired meanwhile.
    if (random.oneIn(3)) await this.#order(["ALREADY_RESOLVED"], "deny", order);
    else await this.#order(["ALREADY_RESOLVED"], "approve_defer", { ...order, ...narrowed });
  }

  #grant(): Promise<void> {
    const image = imageOf(`agent "bot" {\n  default deny\n  permit ask\n}`);
    const uses = this.#random.oneIn(2) ? { uses_max: 1 + this.#random.below(2) } : {};
    return this.#order([], "grants_add", { agent_id: "bot", image, ttl_seconds: 3600, actor: "ana", ...uses });
  }

  async #revoke(): Promise<void> {
    const { grants } = await askOperator(this.#stack.dir, "grants_list", {});
    const [grant] = grants;
    if (grant !== undefined) await this.#order(["ALREADY_RESOLVED"], "grants_revoke", { id: grant.id, actor: "ana" });
  }

  async #hold(): Promise<void> {
    const agent_id = this.#random.oneIn(6) ? "*" : "clerk";
    const order = { agent_id, actor: "ana", reason: "looking" };
    const types = ["kill", "unkill", "quiesce", "resume"] as const;
    const type = types[this.#random.below(types.length)] ?? "resume";
    await this.#order([], type, order);
    if (agent_id === "*") await this.#order([], type === "kill" ? "unkill" : "resume", order);
  }

  async #apply(): Promise<void> {
    await this.#stack.apply(policyOf(this.#random));
  }

  async #settle(): Promise<void> {
    const action_id = this.#actions.pop();
    if (action_id === undefined) return;
    const random = this.#random;
    const status = random.pick(["ok", "error", "credential_failure"]);
    if (random.oneIn(2)) {
      await this.#stack.send({ type: "report", agent_id: "bot", action_id, status, result: { card: "4242" } });
    } else await this.#order(["NOT_FOUND"], "cost", { action_id, cost_usd: random.below(900) / 100, actor: "ana" });
  }

  async #session(): Promise<void> {
    const session_id = `s${this.#random.below(2)}`;
    const op = this.#random.pick(["open", "close", "reset", "inspect"]);
    await this.#stack.send({ type: "session", agent_id: "bot", session_id, op });
    await this.#stack.send({ type: "phase", agent_id: "bot", session_id, to: this.#random.pick(["intake", "work"]) });
  }

  async #erase(): Promise<void> {
    const commitments: string[] = [];
    for await (const { value } of readRecords(this.#stack.daemon.walDir)) commitments.push(...commitmentsIn(value));
    const some = commitments.filter(() => this.#random.oneIn(3)).slice(0, 5);
    if (some.length === 0) return;
    await this.#order(["NOT_FOUND"], "erase_salts", { commitments: some, actor: "ana", reason: "asked to" });
    this.#tally.erasures++;
  }

  async #prune(): Promise<void> {
    await this.#stack.daemon.snapshot();
    const { pruned } = await askOperator(this.#stack.dir, "prune", { keep_bytes: 8000, actor: "ana", reason: "old" });
    if (pruned !== null) this.#tally.prunes++;
  }

  /** An order that may be refused for `expected` reasons alone. */
  async #order<T extends Parameters<typeof askOperator>[1]>(
    expected: readonly OperatorErrorCode[],
    type: T,
    request: Parameters<typeof askOperator<T>>[2],
  ): Promise<void> {
    try {
      await askOperator(this.#stack.dir, type, request);
    } catch (error) {
      if (!(error instanceof OperatorRefused) || !expected.includes(error.code)) throw error;
    }
  }

  async #restart(): Promise<void> {
    const before = this.#stack.daemon.stateDigest();
    await this.#stack.restart();
    this.#sameState(before, "a stop");
  }

  /** What a kill leaves is a copy of the files of a daemon that runs. */
  async #kill(): Promise<void> {
    // What nobody was told of may be lost, an approval's expiry that is being written.
    const { log } = this.#stack.daemon.governor.ledger;
    while (!log.isDurable(log.lastSeq)) await log.durable(log.lastSeq);
    const before = this.#stack.daemon.stateDigest();
    const killed = this.#stack;
    const next = this.#newStack();
    rmSync(next.dir, { recursive: true });
    cpSync(killed.dir, next.dir, { recursive: true, filter: (path) => !path.includes(".sock") });
    this.#stack = next;
    await killed.remove();
    await next.start();
    this.#tally.kills++;
    this.#sameState(before, "a kill");
  }

  #sameState(before: string, after: string): void {
    if (this.#stack.daemon.stateDigest() !== before) throw new Violation(`the state is another one after ${after}`);
  }

  async #check(when: string): Promise<{ records: number; decisions: number }> {
    const walDir = join(this.#stack.dir, "faramesh-wal");
    const pinned = this.#pinned === null ? [] : [this.#pinned];
    const report = await verifyLog(walDir, { pinned, against: this.#anchors });
    if (!report.ok) throw new Violation(`${when}: ${JSON.stringify(report.fault)}`);
    if (report.notes.length > 0) throw new Violation(`${when}: ${report.notes.join("; ")}`);
    if (!this.#isStarted && report.signedRecords !== report.lastSeq) {
      throw new Violation(`${when}: ${report.signedRecords} of ${report.lastSeq} records are signed`);
    }
    const replay = await verifyReplay({ walDir, policiesDir: stackPaths(this.#stack.dir).policies });
    if (replay.mismatched > 0 || replay.stopped !== null) {
      throw new Violation(`${when}: ${replay.stopped ?? JSON.stringify(replay.first)}`);
    }
    this.#tally.replayed += replay.matched;
    this.#tally.notReplayable += replay.notReplayable;
    return { records: report.records, decisions: replay.decisions };
  }
}

function commitmentsIn(value: JsonObject): string[] {
  return [...JSON.stringify(value).matchAll(/"\$redacted":"([^"]+)"/g)].map(([, commitment]) => commitment ?? "");
}
