// Times several systems on the same requests: each answers every request rightly first, then they take turns in rounds, so
// that what else the machine does falls on all of them. It knows no system and no workload.

/** A decision as all systems can give it. `rule` is the index of the rule in the policy's text, null for the default. */
export interface Answer {
  readonly effect: "permit" | "deny" | "defer";
  readonly rule: number | null;
}

/** One system with its requests in the form that it takes, made beforehand. */
export interface Contender<Request = unknown, Result = unknown> {
  readonly name: string;
  readonly requests: readonly Request[];
  /** What is timed. Called as a bare function, without `this`. */
  decide(request: Request): Result;
  /** Its result as an answer; not timed. */
  answer(result: Result): Answer;
}

export interface Pace {
  /** Most rounds in which a system takes its turn; a slow one takes fewer, at least ROUNDS_MIN. */
  readonly rounds: number;
  /** Time of one turn. */
  readonly turnMs: number;
  readonly warmupMs: number;
}

export const FULL: Pace = { rounds: 41, turnMs: 10, warmupMs: 300 };
export const SHORT: Pace = { rounds: 11, turnMs: 4, warmupMs: 80 };
const ROUNDS_MIN = 3;
/** A system takes no more than this in all, but for ROUNDS_MIN turns of one pass each. */
const SYSTEM_MS_MAX = 3000;

/** Nanoseconds a request, by system: one figure for each round. */
export type Samples = ReadonlyMap<string, readonly number[]>;

interface Runner {
  readonly name: string;
  readonly loop: (passes: number) => number;
  readonly requests: number;
  passes: number;
  rounds: number;
  readonly samples: number[];
}

/** Throws when a system answers a request otherwise than expected. Systems that differ in requests pass their own list. */
export function verify(contender: Contender, expected: readonly Answer[]): void {
  if (contender.requests.length !== expected.length)
    throw new Error(`${contender.name}: not as many answers as requests`);
  contender.requests.forEach((request, index) => {
    const answer = contender.answer(contender.decide(request));
    const right = expected[index];
    if (answer.effect !== right?.effect || answer.rule !== right.rule) {
      throw new Error(
        `${contender.name} answers request ${index} with ${JSON.stringify(answer)}, right is ${JSON.stringify(right)}`,
      );
    }
  });
}

export function time(contenders: readonly Contender[], pace: Pace): Samples {
  const runners = contenders.map((contender) => runnerOf(contender, pace));
  for (let round = 0; round < pace.rounds; round++) {
    for (const runner of runners) if (round < runner.rounds) runner.samples.push(turn(runner));
  }
  return new Map(runners.map(({ name, samples }) => [name, samples]));
}

function runnerOf(contender: Contender, pace: Pace): Runner {
  const runner: Runner = {
    name: contender.name,
    loop: loopOf(contender),
    requests: contender.requests.length,
    passes: 1,
    rounds: pace.rounds,
    samples: [],
  };
  const end = performance.now() + pace.warmupMs;
  let passMs = 0;
  do {
    passMs = (turn(runner) * runner.passes * runner.requests) / 1e6 / runner.passes;
    runner.passes = Math.max(1, Math.round(pace.turnMs / 4 / passMs));
  } while (performance.now() < end);
  runner.passes = Math.max(1, Math.round(pace.turnMs / passMs));
  runner.rounds = Math.min(pace.rounds, Math.max(ROUNDS_MIN, Math.floor(SYSTEM_MS_MAX / (passMs * runner.passes))));
  return runner;
}

/** What loops return goes here, so that no loop can be left out as useless. */
export let sink = 0;

function turn(runner: Runner): number {
  const start = process.hrtime.bigint();
  sink += runner.loop(runner.passes);
  return Number(process.hrtime.bigint() - start) / (runner.passes * runner.requests);
}

/**
 * A loop of its own for each system, from text: systems that share a loop share what V8 learns in it, and the second would
 * be called through the slow path that the first left behind.
 */
function loopOf(contender: Contender): (passes: number) => number {
  const make = new Function(
    "decide",
    "requests",
    `return function (passes) {
      let seen = 0;
      for (let pass = 0; pass < passes; pass++) {
        for (let i = 0; i < requests.length; i++) if (decide(requests[i]) !== requests) seen++;
      }
      return seen;
    };`,
  );
  return make(contender.decide, contender.requests);
}

/** Something that answers with promises. */
export interface Waiter<Request> {
  readonly name: string;
  readonly requests: readonly Request[];
  ask(request: Request): Promise<Answer>;
}

/** Throws when an answer is not the expected one. */
export async function verifyWaiter<Request>(waiter: Waiter<Request>, expected: readonly Answer[]): Promise<void> {
  for (const [index, request] of waiter.requests.entries()) {
    const answer = await waiter.ask(request);
    const right = expected[index];
    if (answer.effect !== right?.effect || answer.rule !== right.rule) {
      throw new Error(
        `${waiter.name} answers request ${index} with ${JSON.stringify(answer)}, right is ${JSON.stringify(right)}`,
      );
    }
  }
}

/** A waiter by turns with a contender: nanoseconds a request of both, by name. */
export async function timeWaiter<Request>(waiter: Waiter<Request>, beside: Contender, pace: Pace): Promise<Samples> {
  const runner = runnerOf(beside, pace);
  const waited: number[] = [];
  const passes = 20;
  for (let round = -2; round < pace.rounds; round++) {
    const start = process.hrtime.bigint();
    for (let pass = 0; pass < passes; pass++) for (const request of waiter.requests) await waiter.ask(request);
    const ns = Number(process.hrtime.bigint() - start) / (passes * waiter.requests.length);
    const own = turn(runner);
    if (round < 0) continue;
    waited.push(ns);
    runner.samples.push(own);
  }
  return new Map([
    [waiter.name, waited],
    [beside.name, runner.samples],
  ]);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function medianNs(samples: Samples, name: string): number {
  return median(samples.get(name) ?? []);
}

/** How many times longer `slow` takes than `fast`: the median over the rounds in which both took a turn. */
export function ratio(samples: Samples, slow: string, fast: string): number {
  const other = samples.get(fast) ?? [];
  return median((samples.get(slow) ?? []).slice(0, other.length).map((ns, round) => ns / (other[round] ?? Number.NaN)));
}
