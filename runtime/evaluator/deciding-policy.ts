// A loaded policy for those who ask it and keep nothing: requests as objects in, verdicts out. It checks names, finds the plan of a
// tool, has the needed values written into the machine and reads the answer. Whatever goes wrong on the way is a deny with a
// code; nothing throws at a request.
import { APPROVED_MAX, Cause } from "../../vm/shared/abi.ts";
import { ImageReader } from "./image.ts";
import { infoOf } from "./info.ts";
import { type Machine, NOW_MAX_MS } from "./machine.ts";
import { Marshal } from "./marshal.ts";
import { isIdentifier } from "./names.ts";
import { type Plan, Plans } from "./plans.ts";
import type { EvaluationOptions, EvaluationRequest, PolicyInfo, StatelessPolicy, Verdict } from "./types.ts";
import { refusals, Verdicts } from "./verdicts.ts";

export class DecidingPolicy implements StatelessPolicy {
  readonly info: PolicyInfo;
  protected readonly machine: Machine;
  protected readonly image: ImageReader;
  protected readonly marshal: Marshal;
  /** The latest that was looked at: calls of one session come together. */
  #session: string | undefined = undefined;
  /** Whether counters have a home here. */
  protected readonly counts: boolean;
  protected readonly plans: Plans;
  protected readonly verdicts: Verdicts;

  constructor(machine: Machine, counts: boolean) {
    this.machine = machine;
    this.image = new ImageReader(machine.image);
    this.marshal = new Marshal(machine);
    this.counts = counts;
    const image = this.image;
    this.plans = new Plans(machine, image);
    this.verdicts = new Verdicts(machine, image, this.plans);
    this.info = infoOf(machine, image);
  }

  decide(request: EvaluationRequest, options: EvaluationOptions): Verdict {
    try {
      const plan = this.plans.of(request.agent_id, request.tool_id);
      if (typeof plan === "string") return refusals[plan];
      const prepared = this.prepare(plan, request, options, false);
      if (prepared < 0) return unprepared(prepared);
      const approved = options.approved === undefined ? 0 : this.writeApproved(options.approved);
      return this.verdicts.read(
        this.machine.decide(plan.index, Math.floor(options.now * 1000), prepared, approved),
        plan,
      );
    } catch {
      return refusals.MACHINE_FAULT;
    }
  }

  decideBatch(requests: readonly EvaluationRequest[], options: EvaluationOptions): readonly Verdict[] {
    return requests.map((request) => this.decide(request, options));
  }

  /** Writes what the plan needs; bytes of the arena, or below zero when it cannot be judged. */
  protected prepare(plan: Plan, request: EvaluationRequest, options: EvaluationOptions, whole: boolean): number {
    if (!(options.now >= 0 && options.now <= NOW_MAX_MS)) return BAD_REQUEST;
    const session = request.session_id;
    if (session !== this.#session) {
      if (session !== undefined && !isIdentifier(session)) return BAD_REQUEST;
      this.#session = session;
    }
    if (plan.stateful) {
      if (!this.counts) return STATE_UNAVAILABLE;
      const cost = request.cost_usd ?? 0;
      if (typeof cost !== "number" || !(cost >= 0) || !Number.isFinite(cost)) return BAD_REQUEST;
      this.writeCaller(request.agent_id, request.session_id ?? "default");
      this.machine.numbers[this.machine.costs >> 3] = cost;
    }
    return this.marshal.write(plan.readers, request, whole);
  }

  protected writeCaller(agentId: string, sessionId: string): void {
    const machine = this.machine;
    machine.calls.caller?.(machine.writeName(0, agentId), machine.writeName(1, sessionId));
  }

  protected writeApproved(causes: readonly string[] | undefined): number {
    if (causes === undefined || causes.length === 0) return 0;
    const budgetIndex = (id: string): number[] => {
      const found: number[] = [];
      for (let i = 0; i < this.image.budgetCount; i++) if (this.image.budgetId(i) === id) found.push(i);
      return found;
    };
    const packed = causes.flatMap((cause) => {
      if (cause === "default") return [Cause.Default as number];
      const at = cause.indexOf(":");
      const [kind, value] = [cause.slice(0, at), cause.slice(at + 1)];
      // Rows behind the rules are gates, which only their own causes approve.
      if (kind === "rule" && /^\d{1,6}$/.test(value))
        return Number(value) < this.image.ruleCount ? [(Number(value) << 2) | Cause.Rule] : [];
      if (kind === "selector") return this.#selectorGates(value).map((row) => (row << 2) | Cause.Rule);
      return kind === "budget" ? budgetIndex(value).map((i) => (i << 2) | Cause.Budget) : [];
    });
    const count = Math.min(packed.length, APPROVED_MAX);
    for (let i = 0; i < count; i++) this.machine.words[(this.machine.approved >> 2) + i] = packed[i] ?? 0;
    return count;
  }

  /** Rows of the gates of selectors with that id, of whichever agent. */
  #selectorGates(id: string): number[] {
    const rows: number[] = [];
    for (let row = this.image.ruleCount; row < this.image.rowCount; row++) {
      const { pattern, reason } = this.image.rule(row);
      if (pattern === "selector" && reason === id) rows.push(row);
    }
    return rows;
  }
}

/** What cannot be prepared; the first is what Marshal answers too. */
const BAD_REQUEST = -1;
const STATE_UNAVAILABLE = -2;

/** The answer to what `prepare` refused. */
export function unprepared(why: number): Verdict {
  return why === STATE_UNAVAILABLE ? refusals.STATE_UNAVAILABLE : refusals.BAD_REQUEST;
}
