// Token buckets and budgets: what each holds against a time, and what a permit takes from it. The table they stand in is that of
// meters; the key of the limit or budget is made before anything here is asked.
import * as image from "./image";
import * as meters from "./meters";
import { endOfWindow } from "./zone";
import { SESSION_IDLE_US } from "./shared/abi";
import { Budget, BudgetWindow } from "./shared/image";

// Token buckets. A bucket's level is what was taken and has not flowed back, in tokens times the window in microseconds:
// one token is `window`, and `count` flows back each microsecond, so that all is exact in integers.

function limitWindow(limit: u32): i64 {
  return <i64>load<f64>(image.limits + limit * 16, 8);
}

function levelAt(meter: u32, limit: u32, now: i64): i64 {
  const window = limitWindow(limit);
  const tokens: i64 = load<u32>(image.limits + limit * 16, 4);
  let level = load<i64>(meter, meters.A);
  const before = load<i64>(meter, meters.B);
  const elapsed = now - load<i64>(meter, meters.C);
  // After either window it is stale or empty; a policy's change of the window must not wake what snapshots leave out.
  if (elapsed >= window || elapsed >= before) return 0;
  if (before != window) {
    const rest = level % before;
    level = min<i64>(level / before, tokens) * window + <i64>Math.ceil((<f64>rest / <f64>before) * <f64>window);
  }
  return max<i64>(0, min<i64>(level, tokens * window) - elapsed * tokens);
}

/** Microseconds until the limit whose key was just made has a token; 0 when it has one. */
export function waitOf(limit: u32, now: i64): i64 {
  const meter = meters.find();
  if (meter == 0) return 0;
  const window = limitWindow(limit);
  const tokens: i64 = load<u32>(image.limits + limit * 16, 4);
  const over = levelAt(meter, limit, now) + window - tokens * window;
  return over <= 0 ? 0 : (over + tokens - 1) / tokens;
}

export function takeToken(limit: u32, now: i64): void {
  const meter = meters.findOrAdd();
  const level = levelAt(meter, limit, now);
  const window = limitWindow(limit);
  const tokens: i64 = load<u32>(image.limits + limit * 16, 4);
  store<i64>(meter, min<i64>(level + window, tokens * window), meters.A);
  store<i64>(meter, window, meters.B);
  store<i64>(meter, now, meters.C);
}

// Budgets

/** What a budget holds against the time: a window that has passed counts as empty. */
export let spent: i64 = 0;
export let calls: i64 = 0;
export let daySpent: i64 = 0;
export let warned: bool = false;

export function readBudget(budget: u32, now: i64): void {
  const meter = meters.find();
  spent = 0;
  calls = 0;
  daySpent = 0;
  warned = false;
  if (meter == 0) return;
  const end = load<i64>(meter, meters.C);
  const open = end == 0 ? now - load<i64>(meter, meters.F) < <i64>SESSION_IDLE_US : now < end;
  if (open && (end == 0) == (load<u8>(image.budgets + budget * 64, Budget.Window) == BudgetWindow.Session)) {
    spent = load<i64>(meter, meters.A);
    calls = load<i64>(meter, meters.B);
    warned = load<u8>(meter, meters.WARNED) != 0;
  }
  if (now < load<i64>(meter, meters.E)) daySpent = load<i64>(meter, meters.D);
}

/** End of the budget's window that holds `now`; 0 for a session's. */
export function windowEnd(budget: u32, now: i64): i64 {
  const row = image.budgets + budget * 64;
  if (load<u8>(row, Budget.Window) == BudgetWindow.Session) return 0;
  return endOfWindow(<i64>load<f64>(row, Budget.WindowUs), now);
}

export function dayEnd(now: i64): i64 {
  return endOfWindow(meters.DAY_US, now);
}

/** Charges the budget whose key was just made. Returns whether it crossed its warning mark. */
export function takeBudget(budget: u32, cost: i64, count: i64, now: i64): bool {
  readBudget(budget, now);
  const row = image.budgets + budget * 64;
  const meter = meters.findOrAdd();
  const mark = load<i64>(row, Budget.WarnAt);
  const after = meters.addCapped(spent, cost);
  const crosses = mark >= 0 && !warned && after >= mark;
  store<i64>(meter, after, meters.A);
  store<i64>(meter, calls + count, meters.B);
  store<i64>(meter, windowEnd(budget, now), meters.C);
  store<u8>(meter, warned || crosses ? 1 : 0, meters.WARNED);
  if (load<i64>(row, Budget.Daily) >= 0 || daySpent > 0) {
    store<i64>(meter, meters.addCapped(daySpent, cost), meters.D);
    store<i64>(meter, dayEnd(now), meters.E);
  } else {
    store<i64>(meter, 0, meters.D);
    store<i64>(meter, 0, meters.E);
  }
  store<i64>(meter, now, meters.F);
  return crosses;
}

/**
 * Corrects what the budget whose key was just made holds of a call of that time: its cost, and whether it counts. False where the
 * window that the call was in is over, and nothing of it is held any more.
 */
export function settleBudget(budget: u32, called: i64, delta: i64, count: i64): bool {
  const meter = meters.find();
  if (meter == 0) return false;
  const isOpen = load<i64>(meter, meters.C) == windowEnd(budget, called);
  if (isOpen) {
    store<i64>(meter, corrected(load<i64>(meter, meters.A), delta), meters.A);
    store<i64>(meter, max<i64>(load<i64>(meter, meters.B) + count, 0), meters.B);
  }
  if (load<i64>(meter, meters.E) != dayEnd(called)) return isOpen;
  store<i64>(meter, corrected(load<i64>(meter, meters.D), delta), meters.D);
  return true;
}

function corrected(held: i64, delta: i64): i64 {
  return max<i64>(meters.addCapped(held, delta), 0);
}
