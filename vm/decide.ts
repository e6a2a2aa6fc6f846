// One decision: session bounds, model gates, deny! rules, rollout phases, workflow phase, rules, default; then, for what would be permitted,
// egress gates, limits and budgets. A pure function of image, counters, slots and time. Counters move at the very end, all
// together, and only for a permit.
import { beginPatterns } from "./automaton";
import { COUNTS } from "./counts";
import * as distinct from "./distinct";
import * as history from "./history";
import * as image from "./image";
import * as limits from "./limits";
import * as memoryMap from "./memory";
import * as meters from "./meters";
import * as sessions from "./sessions";
import * as value from "./value";
import { setResult, setResultNumber } from "./memory";
import { beginExecution, pauseTrace, resumeTrace, ruleMatches, starved, traceCount, traceEvent, tracing } from "./execute";
import { couldReserveRoom, reserveRoom, take } from "./take";
import { Asked, firstOfSieve, isAskedFor, sieveAt } from "./sieve";
import { fillTime } from "./time";
import { Cause, Result, TraceKind, VERDICT_CODE_SHIFT, VERDICT_DETAILS, VERDICT_RULE_SHIFT, VerdictCode } from "./shared/abi";
import { Budget, BUDGET_AUDIT, CostKind, Shape, SHAPE_ROW_BYTES, SHAPE_SESSION, SHAPE_TIME } from "./shared/image";
import { Kind, RuleEffect, SLOT_BYTES } from "./shared/isa";

/** 2^53 micro-dollars: what does not fit exactly has no known cost. */
const COST_MAX: f64 = 9007199254740992.0;

let approvedCount: u32 = 0;
let outcomeRule: i32 = -1;
/** The tool is not visible in the session's workflow phase. */
let hidden: bool = false;

export function shapeOf(plan: u32): u32 {
  return image.shapes + load<u32>(image.plans + plan * 12) * SHAPE_ROW_BYTES;
}

@inline
function cell(shape: u32, member: i32): u32 {
  return load<u32>(shape + (<u32>member << 2));
}

export function decidePlan(plan: u32, nowUs: f64, arenaUsed: u32, approved: u32, trace: bool): i32 {
  const shape = shapeOf(plan);
  beginExecution(arenaUsed, trace);
  value.setExhausted(false);
  beginPatterns();
  approvedCount = approved;
  if (!trace && isPlain(plan)) return decidePlain(plan, shape);
  if ((cell(shape, Shape.Flags) & SHAPE_TIME) != 0) fillTime(shape, <i64>nowUs);
  if (!COUNTS && isStateful(shape)) return verdictOf(RuleEffect.Deny, VerdictCode.StateFull, -1, false);
  const stateful = COUNTS && isStateful(shape);
  // Only a permit moves the counters' time: a denied call leaves the state as it was.
  const now = stateful ? max<i64>(meters.latest, <i64>nowUs) : <i64>nowUs;
  if (stateful) clearResult();
  const keepsSession = COUNTS && (cell(shape, Shape.Flags) & SHAPE_SESSION) != 0;
  if (keepsSession) {
    sessions.readSession(now);
    history.beginHistory(now);
  }
  outcomeRule = -1;
  hidden = false;
  const expired = keepsSession && boundsPassed(shape, now);
  const modelDenied = !expired && gateRefuses(cell(shape, Shape.ModelGatesStart), cell(shape, Shape.ModelGatesCount));
  const effect = modelDenied || expired ? <i32>RuleEffect.Deny : judge(plan, shape, now, stateful);
  const missing = effect == RuleEffect.Permit ? missingSelector(shape) : -1;
  const egressDenied = effect == RuleEffect.Permit && missing < 0 && gateRefuses(cell(shape, Shape.EgressGatesStart), cell(shape, Shape.EgressGatesCount));
  let verdict: i32;
  if (starved || value.exhausted) verdict = verdictOf(RuleEffect.Deny, VerdictCode.StepLimit, -1, false);
  else if (expired) verdict = verdictOf(RuleEffect.Deny, VerdictCode.SessionExpired, -1, true);
  else if (modelDenied) verdict = verdictOf(RuleEffect.Deny, VerdictCode.ModelDenied, -1, false);
  else if (keepsSession && history.unknown) verdict = verdictOf(RuleEffect.Deny, VerdictCode.StateFull, -1, true);
  else if (hidden) verdict = verdictOf(RuleEffect.Deny, VerdictCode.PhaseHidden, -1, true);
  else if (missing >= 0) verdict = verdictOf(effectOf(missing), VerdictCode.SelectorUnavailable, missing, stateful);
  else if (egressDenied) verdict = verdictOf(RuleEffect.Deny, VerdictCode.EgressDenied, -1, stateful);
  else if (effect == RuleEffect.Permit && stateful) verdict = meter(shape, now, trace);
  else verdict = verdictOf(effect, effect, outcomeRule, stateful);
  if (keepsSession && !trace && (verdict & 3) == RuleEffect.Deny) {
    history.feedDenials(image.pool + cell(shape, Shape.DenialsStart) * 4, cell(shape, Shape.DenialsCount), now);
  }
  setResult(Result.TraceEvents, <i32>traceCount);
  return verdict;
}

@inline
function isPlain(plan: u32): bool {
  return load<u8>(memoryMap.plain + load<u32>(image.plans + plan * 12)) != 0;
}

/** Rules and default are all: nothing is counted, nothing comes before or after. */
function decidePlain(plan: u32, shape: u32): i32 {
  const rule = firstOfPlan(plan);
  if (starved || value.exhausted) return verdictOf(RuleEffect.Deny, VerdictCode.StepLimit, -1, false);
  const effect = approve(rule >= 0 ? effectOf(rule) : <i32>cell(shape, Shape.DefaultEffect), rule);
  return verdictOf(effect, effect, rule, false);
}

function firstOfPlan(plan: u32): i32 {
  const row = image.plans + plan * 12;
  return firstOf(load<u32>(row, 4), load<u32>(row, 8), Asked.All);
}

/** The first match among a list's rules; by their sieve, where they have one, but for a trace, which tells of each rule. */
function firstOf(start: u32, count: u32, asked: Asked): i32 {
  const sieve = tracing ? 0 : sieveAt(start, count);
  if (sieve != 0) return firstOfSieve(sieve, image.pool + (start << 2), asked);
  return asked == Asked.All ? firstMatch(start, count) : firstMatchOf(start, count, asked);
}

/** Of the session that was read. */
function boundsPassed(shape: u32, now: i64): bool {
  const most = cell(shape, Shape.MaxDuration);
  const idle = cell(shape, Shape.IdleTimeout);
  return (most | idle) != 0 && sessions.isExpired(boundOf(most), boundOf(idle), now);
}

function boundOf(number: u32): f64 {
  return number == 0 ? 0 : load<f64>(image.numbers + (number - 1) * 8);
}

/** The same for a plan, where its sessions have bounds. */
export function isExpired(plan: u32, now: i64): bool {
  return boundsPassed(shapeOf(plan), now);
}

export function isStateful(shape: u32): bool {
  return (cell(shape, Shape.Flags) & SHAPE_SESSION) != 0 || cell(shape, Shape.PhasesCount) + cell(shape, Shape.LimitsCount) + cell(shape, Shape.BudgetsCount) > 0;
}

/** Whether some gate of the list matches: gates say what is refused. */
function gateRefuses(start: u32, count: u32): bool {
  return count > 0 && firstMatch(start, count) >= 0;
}

/** The gate of the first selector without a value, but for those whose defer a person has approved; -1 when there is none. */
function missingSelector(shape: u32): i32 {
  const start = cell(shape, Shape.SelectorGatesStart);
  for (let i: u32 = 0; i < cell(shape, Shape.SelectorGatesCount); i++) {
    const gate = firstMatch(start + i, 1);
    if (gate < 0 || (effectOf(gate) == RuleEffect.Defer && isApproved((gate << 2) | Cause.Rule))) continue;
    return gate;
  }
  return -1;
}

function verdictOf(effect: i32, code: i32, rule: i32, details: bool): i32 {
  return effect | (code << VERDICT_CODE_SHIFT) | (details ? VERDICT_DETAILS : 0) | ((rule + 1) << VERDICT_RULE_SHIFT);
}

function clearResult(): void {
  memory.fill(memoryMap.result, 0, Result.TraceEvents * 8);
  setResult(Result.Stage, 0);
}

/** Effect of the rules alone; outcomeRule is the rule, or -1 for the default. */
function judge(plan: u32, shape: u32, now: i64, stateful: bool): i32 {
  outcomeRule = -1;
  if (cell(shape, Shape.MandatoryCount) > 0) {
    const mandatory = firstOf(cell(shape, Shape.MandatoryStart), cell(shape, Shape.MandatoryCount), Asked.All);
    if (mandatory >= 0) {
      outcomeRule = mandatory;
      return RuleEffect.Deny;
    }
  }
  const phased = stateful && cell(shape, Shape.PhasesCount) > 0;
  let phaseRule: i32 = phased ? judgePhaseRules(shape, now, true) : -1;
  const stage = stateful && cell(shape, Shape.StagesCount) > 0 ? stageOf(shape) : 0;
  const isHidden = cell(shape, Shape.StagesCount) > 0 && stage == 0;
  if (phaseRule < 0 && stage != 0) {
    const mandatory = firstOf(load<u32>(stage, 4), load<u32>(stage, 8), Asked.Mandatory);
    if (mandatory >= 0) {
      outcomeRule = mandatory;
      return RuleEffect.Deny;
    }
  }
  if (phaseRule < 0 && isHidden) {
    hidden = true;
    return RuleEffect.Deny;
  }
  if (phaseRule < 0 && phased) phaseRule = judgePhaseRules(shape, now, false);
  if (phaseRule < 0) return approve(judgeRest(plan, shape, stage, false), outcomeRule);
  const wasTracing = tracing;
  pauseTrace();
  const effect = isHidden ? <i32>RuleEffect.Deny : judgeRest(plan, shape, stage, true);
  if (wasTracing) resumeTrace();
  setResult(Result.ShadowEffect, effect + 1);
  setResult(Result.ShadowRule, outcomeRule + 1);
  outcomeRule = phaseRule;
  return approve(effectOf(phaseRule), phaseRule);
}

/** Effect of the workflow phase's rules, the agent's and the default; outcomeRule is the rule. `deny!` of the phase come first if asked for. */
function judgeRest(plan: u32, shape: u32, stage: u32, mandatory: bool): i32 {
  outcomeRule = -1;
  if (stage != 0) {
    if (mandatory) outcomeRule = firstOf(load<u32>(stage, 4), load<u32>(stage, 8), Asked.Mandatory);
    if (outcomeRule < 0) outcomeRule = firstOf(load<u32>(stage, 4), load<u32>(stage, 8), Asked.Others);
  }
  if (outcomeRule < 0) outcomeRule = firstOfPlan(plan);
  return outcomeRule >= 0 ? effectOf(outcomeRule) : <i32>cell(shape, Shape.DefaultEffect);
}

/** The triple of the session's workflow phase among those that name the tool; 0 when it is not visible there. */
function stageOf(shape: u32): u32 {
  const first = image.pool + cell(shape, Shape.StagesStart) * 4;
  const current = sessions.stageOfRead(load<u32>(first));
  setResult(Result.Stage, <i32>current + 1);
  for (let i: u32 = 0; i < cell(shape, Shape.StagesCount); i++) {
    if (load<u32>(first + i * 12) != current) continue;
    if (tracing) traceEvent(TraceKind.StageBegins, current, 0, 0, 0);
    return first + i * 12;
  }
  if (tracing) traceEvent(TraceKind.StageHides, current, 0, 0, 0);
  return 0;
}

/** The first match among the rules of the active rollout phases that are deny!, or among those that are not; or -1. */
function judgePhaseRules(shape: u32, now: i64, mandatory: bool): i32 {
  const start = cell(shape, Shape.PhasesStart);
  for (let i: u32 = 0; i < cell(shape, Shape.PhasesCount); i++) {
    const triple = image.pool + (start + i * 3) * 4;
    const phase = load<u32>(triple);
    const begun = meters.phaseStart(phase);
    if (begun < 0 || now < begun || now - begun >= <i64>load<f64>(image.phases + phase * 32, 16)) continue;
    if (tracing && !mandatory) traceEvent(TraceKind.PhaseBegins, phase, 0, 0, 0);
    const rule = firstOf(load<u32>(triple, 4), load<u32>(triple, 8), mandatory ? Asked.Mandatory : Asked.Others);
    if (rule >= 0) {
      setResult(Result.Phase, <i32>phase + 1);
      return rule;
    }
  }
  return -1;
}

function firstMatchOf(start: u32, count: u32, asked: Asked): i32 {
  for (let i: u32 = 0; i < count; i++) {
    const rule = load<u32>(image.pool + (start + i) * 4);
    if (isAskedFor(rule, asked) && firstMatch(start + i, 1) >= 0) return <i32>rule;
  }
  return -1;
}

function firstMatch(start: u32, count: u32): i32 {
  let at = image.pool + start * 4;
  for (let i: u32 = 0; i < count; i++, at += 4) {
    const rule = load<u32>(at);
    if (tracing) traceEvent(TraceKind.RuleBegins, rule, 0, 0, 0);
    const hit = ruleMatches(rule);
    if (tracing) traceEvent(hit ? TraceKind.RuleMatches : TraceKind.RuleFails, rule, 0, 0, 0);
    if (hit) return <i32>rule;
  }
  return -1;
}

function effectOf(rule: i32): i32 {
  const effect: i32 = load<u8>(image.rules + (<u32>rule << 4), 6);
  return effect == RuleEffect.Mandatory ? RuleEffect.Deny : effect;
}

/** A defer whose cause a person has approved is a permit at that step. */
function approve(effect: i32, rule: i32): i32 {
  if (effect != RuleEffect.Defer) return effect;
  const cause: i32 = rule >= 0 ? (rule << 2) | Cause.Rule : Cause.Default;
  return isApproved(cause) ? RuleEffect.Permit : effect;
}

function isApproved(cause: i32): bool {
  for (let i: u32 = 0; i < approvedCount; i++) if (load<i32>(memoryMap.approved + i * 4) == cause) return true;
  return false;
}

/** Limits, then budgets, then everything is taken at once. */
function meter(shape: u32, now: i64, trace: bool): i32 {
  const beyond = checkBudgets(shape, now, true);
  if (beyond >= 0) return beyond;
  const limited = checkLimits(shape, now);
  if (limited) return verdictOf(RuleEffect.Deny, VerdictCode.RateExceeded, -1, true);
  const refused = checkBudgets(shape, now, false);
  if (refused >= 0) return refused;
  history.findAmounts(image.pool + cell(shape, Shape.TracksStart) * 4, cell(shape, Shape.TracksCount));
  if (!(trace ? couldReserveRoom(shape, now) : reserveRoom(shape, now))) return verdictOf(RuleEffect.Deny, VerdictCode.StateFull, -1, true);
  if (!trace) take(shape, now);
  setResult(Result.LimitsTaken, <i32>cell(shape, Shape.LimitsCount));
  setResult(Result.BudgetsCharged, <i32>cell(shape, Shape.BudgetsCount));
  return verdictOf(RuleEffect.Permit, VerdictCode.PolicyPermit, outcomeRule, true);
}

function checkLimits(shape: u32, now: i64): bool {
  const start = image.pool + cell(shape, Shape.LimitsStart) * 4;
  for (let i: u32 = 0; i < cell(shape, Shape.LimitsCount); i++) {
    const limit = load<u32>(start + i * 4);
    meters.keyOfLimit(limit);
    const wait = limits.waitOf(limit, now);
    if (tracing) traceEvent(TraceKind.Limit, limit, wait > 0 ? 1 : 0, 0, 0);
    if (wait > 0) {
      setResultNumber(Result.RetryAfterUs, <f64>wait);
      return true;
    }
  }
  return false;
}

/** -1 when every budget of that kind has room, else the verdict. Leaves their costs in the costs area, from its second cell. */
function checkBudgets(shape: u32, now: i64, ambient: bool): i32 {
  const start = image.pool + cell(shape, Shape.BudgetsStart) * 4;
  for (let i: u32 = 0; i < cell(shape, Shape.BudgetsCount); i++) {
    const budget = load<u32>(start + i * 4);
    if ((load<u8>(image.budgets + budget * 64, Budget.Ambient) != 0) != ambient) continue;
    const cost = distinct.counts(budget) ? distinct.noteValue(budget, i) : costOf(budget);
    if (cost < 0) {
      setResult(Result.Budget, <i32>budget + 1);
      return verdictOf(RuleEffect.Deny, VerdictCode.CostUnknown, -1, true);
    }
    store<f64>(memoryMap.costs + ((i + 1) << 3), <f64>cost);
    meters.keyOfBudget(budget);
    limits.readBudget(budget, now);
    const isCounted = distinct.counts(budget) && (cost == 0 || distinct.isKnown(budget, i, now));
    const resets = isCounted ? -1 : exceeds(budget, cost, now);
    if (tracing) traceEvent(TraceKind.Budget, budget, resets >= 0 ? 1 : 0, 0, 0);
    if (resets < 0) continue;
    const action: i32 = load<u8>(image.budgets + budget * 64, Budget.OnExceed);
    const cause: i32 = (<i32>budget << 2) | Cause.Budget;
    if (action == BUDGET_AUDIT || (action == RuleEffect.Defer && isApproved(cause))) continue;
    setResult(Result.Budget, <i32>budget + 1);
    setResultNumber(Result.ResetsAtUs, <f64>resets);
    if (action == RuleEffect.Defer) setResult(Result.Cause, cause);
    return verdictOf(action, ambient ? VerdictCode.AmbientExceeded : VerdictCode.BudgetExceeded, -1, true);
  }
  return -1;
}

/** -1 when there is room, else when the exceeded window ends (0: a session's). */
function exceeds(budget: u32, cost: i64, now: i64): i64 {
  const row = image.budgets + budget * 64;
  const ceiling = load<i64>(row, Budget.Max);
  const most = load<i64>(row, Budget.MaxCalls);
  const daily = load<i64>(row, Budget.Daily);
  if (ceiling >= 0 && meters.addCapped(limits.spent, cost) > ceiling) return limits.windowEnd(budget, now);
  if (most >= 0 && limits.calls + 1 > most) return limits.windowEnd(budget, now);
  if (daily >= 0 && meters.addCapped(limits.daySpent, cost) > daily) return limits.dayEnd(now);
  return -1;
}

/** Micro-dollars, rounded up, or bytes; -1 when it cannot be known. */
function costOf(budget: u32): i64 {
  const row = image.budgets + budget * 64;
  const kind: i32 = load<u8>(row, Budget.CostKind);
  if (kind == CostKind.Constant) return load<i64>(row, Budget.CostConstant);
  let dollars = load<f64>(memoryMap.costs);
  if (kind == CostKind.Size) return <i64>load<f64>(memoryMap.slots + load<u32>(row, Budget.CostField) * SLOT_BYTES, 8);
  if (kind == CostKind.Field) {
    const slot = memoryMap.slots + load<u32>(row, Budget.CostField) * SLOT_BYTES;
    if (load<i32>(slot) != Kind.Number) return -1;
    dollars = load<f64>(slot, 8);
  }
  if (!(dollars >= 0)) return -1;
  // A billionth of a cent is noise of the binary form of a decimal price; it must not round up to a micro-dollar.
  const micro = Math.ceil(Math.floor(dollars * 1e6 * 1000 + 0.5) / 1000);
  if (micro > COST_MAX) return -1;
  return dollars > 0 ? max<i64>(<i64>micro, 1) : 0;
}

/** Takes what a recorded permit took; its costs and amounts stand in the costs area, from its second cell. 0 when there is no room. */
export function chargePlan(plan: u32, nowUs: f64): i32 {
  const shape = shapeOf(plan);
  // As decide: a tool that nothing counts leaves the state as it is.
  if (!isStateful(shape)) return 1;
  const now = max<i64>(meters.latest, <i64>nowUs);
  if (!reserveRoom(shape, now)) return 0;
  take(shape, now);
  return 1;
}

/** Notes what a recorded denial noted. */
export function chargeDenial(plan: u32, nowUs: f64): void {
  const shape = shapeOf(plan);
  history.feedDenials(image.pool + cell(shape, Shape.DenialsStart) * 4, cell(shape, Shape.DenialsCount), max<i64>(meters.latest, <i64>nowUs));
}
