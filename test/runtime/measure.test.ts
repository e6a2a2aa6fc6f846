// What `faramesh bench` measures with: percentiles against a sorted list, requests of a file with their faults, and
// requests made from a policy. Nothing here is asserted of a time that was measured.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { derivedRequests } from "../../runtime/measure/derive.ts";
import { Histogram } from "../../runtime/measure/histogram.ts";
import { measure } from "../../runtime/measure/measure.ts";
import { requestsMax, requestsOf, sampleOf, TrafficFailure } from "../../runtime/measure/traffic.ts";
import { Random } from "../generate/random.ts";
import { everyCall, everyPart, imageOf, noon, open } from "../vm/policies.ts";

const empty = loadPolicySync(imageOf("permit *"), { state: "volatile" });

test("percentiles are those of the sorted list, at most a thirty-second above", () => {
  const random = new Random(5);
  for (let turn = 0; turn < 40; turn++) {
    const histogram = new Histogram();
    const all = random.list(1, 800, () => random.below(2 ** (1 + random.below(31))));
    for (const ns of all) histogram.add(ns);
    all.sort((a, b) => a - b);
    for (const share of [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
      const right = all[Math.max(0, Math.ceil(all.length * share) - 1)] ?? 0;
      const found = histogram.percentile(share);
      assert.ok(
        found >= right && found <= right + Math.max(0, right / 32),
        `${share} of ${all.length}: ${found}, ${right}`,
      );
    }
    assert.is(histogram.times().maxNs, all.at(-1));
    assert.is(histogram.count, all.length);
  }
});

test("bars hold every time once, in its place", () => {
  const histogram = new Histogram();
  const times = [0, 7, 8, 31, 32, 33, 63, 64, 1000, 123_456_789];
  for (const ns of times) histogram.add(ns);
  const bars = histogram.bars();
  for (const { fromNs, toNs, count } of bars)
    assert.is(count, times.filter((ns) => ns >= fromNs && ns < toNs).length, `${fromNs} to ${toNs}`);
  assert.is(
    bars.reduce((sum, { count }) => sum + count, 0),
    times.length,
  );
  assert.equal(
    bars.slice(1).map(({ fromNs }) => fromNs),
    bars.slice(0, -1).map(({ toNs }) => toNs),
  );
  assert.equal(new Histogram().bars(), []);
  assert.is(new Histogram().times().p99Ns, 0);
});

test("times beyond every class, and below nothing, are counted at the edges", () => {
  const histogram = new Histogram();
  for (const ns of [-5, 1e15]) histogram.add(ns);
  assert.is(histogram.count, 2);
  assert.is(histogram.percentile(0.5), 0);
  assert.is(histogram.times().maxNs, 1e15);
});

test("a file of requests is read line by line, and its faults are named by line", () => {
  const { samples } = requestsOf(
    '{"agent_id":"a","tool_id":"t","args":{"n":1.0}}\n\n  \n{"agent_id":"a","tool":"u"}\n',
    noon,
  );
  assert.equal(
    samples.map(({ request }) => [request.agent_id, request.tool_id]),
    [
      ["a", "t"],
      ["a", "u"],
    ],
  );
  assert.is(samples[0]?.now, noon);
  assert.is(samples[1]?.now, noon + 1000);
  for (const [text, words] of [
    ["{", /no JSON/],
    ['{"agent_id":"a","agent_id":"b","tool_id":"t"}', /no JSON/],
    ["[1]", /an object/],
    ["null", /an object/],
    ['{"agent_id":"a"}', /BAD_/],
    ['{"agent_id":"a","tool_id":"../x"}', /BAD_TOOL_NAME/],
  ] as const) {
    try {
      requestsOf(`{"agent_id":"a","tool_id":"t"}\n${text}`, noon);
      assert.unreachable(text);
    } catch (error) {
      assert.instance(error, TrafficFailure, text);
      if (!(error instanceof TrafficFailure)) throw error;
      assert.is(error.line, 2, text);
      assert.match(error.message, words);
    }
  }
});

test("a file beyond the limit is cut, and what was left out is counted", () => {
  const text = '{"agent_id":"a","tool_id":"t"}\n'.repeat(requestsMax + 3);
  const { samples, leftOut } = requestsOf(text, noon);
  assert.equal([samples.length, leftOut], [requestsMax, 3]);
});

test("requests made from a policy reach its rules", () => {
  const text = `
agent "pay" {
  default deny
  deny! stripe/wipe
  permit stripe/refund if amount <= 100 and currency == "USD" and card.kind in ["debit", "credit"]
  defer mail/**
}
permit help`;
  const policy = open(text);
  const samples = derivedRequests(policy, noon);
  const decided = new Set(samples.map(({ request, now }) => policy.decide(request, { now }).rule));
  assert.equal([...decided].filter((rule) => rule !== null).sort(), [0, 1, 2, 3]);
  assert.ok(samples.every(({ request }) => policy.decide(request, { now: noon }).code !== "BAD_REQUEST"));
  assert.ok(derivedRequests(open('agent "a" { default permit }'), noon).length > 0);
});

test("every request is measured by itself, by tool and by rule, and the counters are as before", () => {
  const policy = open(everyPart);
  const before = policy.stateHash();
  const samples = everyCall.map((call, i) => sampleOf(call, noon + i));
  const right = everyCall.map((call, i) => policy.decide(call, { now: noon + i }));
  const fresh = open(everyPart);
  const measured = measure({ policy: fresh, empty, samples, iterations: samples.length * 3, durationMs: 1 });
  assert.is(fresh.stateHash(), before);
  assert.is(measured.object.count, measured.rounds * samples.length);
  assert.is(measured.json.count, measured.object.count);
  assert.is(measured.rounds, 3);
  for (const parts of [measured.tools, measured.rules]) {
    assert.is(
      parts.reduce((sum, { requests }) => sum + requests, 0),
      samples.length,
    );
    for (const { requests, times } of parts) assert.is(times.count, requests * measured.rounds);
  }
  const codes: Record<string, number> = {};
  for (const { code } of right) codes[code] = (codes[code] ?? 0) + 1;
  assert.equal(measured.codes, codes);
  assert.ok(measured.tests.most >= measured.tests.typical && measured.tests.most > 0);
  assert.throws(() => measure({ policy, empty, samples: [], iterations: 1, durationMs: 1 }), /no requests/);
});

test.run();
