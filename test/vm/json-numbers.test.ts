// Numbers of JSON as the machine reads them against Number(): millions of texts when asked (FARAMESH_NUMBERS), a part of them
// always. The machine's nodes are read where they lie, since no rule sees a number beyond ±2^53.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Machine } from "../../runtime/evaluator/machine.ts";
import { wholeMachine } from "../../runtime/evaluator/whole-machine.ts";
import { numberText } from "../generate/number.ts";
import { Random } from "../generate/random.ts";
import { imageOf } from "./policies.ts";

const NUMBERS_DEFAULT = 200_000;
const REQUEST_BYTES = 1_048_576;
/** See vm/json.ts. */
const NODE_BYTES = 32;
const PAYLOAD = 24;
/** Zeros behind a request, then the nodes, at a multiple of 16. */
const END_BYTES = 32;

const machine = new Machine(wholeMachine.module(), imageOf("permit *"), 0, 64, REQUEST_BYTES);
const nodes = (machine.request + REQUEST_BYTES + END_BYTES + 15) & ~15;
const encoder = new TextEncoder();

/** The numbers of a list as the machine reads them; those behind one that it refuses are NaN. */
function read(texts: readonly string[]): number[] {
  const bytes = encoder.encode(`{"n":[${texts.join(",")}]}`);
  const at = (i: number): number => (nodes + (i + 2) * NODE_BYTES + PAYLOAD) >> 3;
  for (let i = 0; i < texts.length; i++) machine.numbers[at(i)] = Number.NaN;
  machine.bytes.set(bytes, machine.request);
  machine.decideJson?.(bytes.length, 0, 0, 0);
  return texts.map((_, i) => machine.numbers[at(i)] ?? Number.NaN);
}

function check(texts: readonly string[]): void {
  const finite = texts.filter((text) => Number.isFinite(Number(text)));
  read(finite).forEach((value, i) => {
    const text = finite[i] ?? "";
    if (!Object.is(value, Number(text))) assert.is(value, Number(text), text);
  });
  for (const text of texts) if (!Number.isFinite(Number(text))) assert.ok(Number.isNaN(read([text])[0]), text);
}

test("D08 numbers by chance are the doubles that JavaScript reads", () => {
  const count = Number(process.env.FARAMESH_NUMBERS ?? NUMBERS_DEFAULT);
  const random = new Random(Number(process.env.FARAMESH_SEED ?? 1));
  for (let done = 0; done < count; done += 500) check(Array.from({ length: 500 }, () => numberText(random)));
});

test("D08 numbers at the edges", () => {
  const greatest = 2n ** 1024n - 2n ** 970n;
  check([
    "0",
    "-0",
    "0e0",
    "-0.0e-0",
    "5e-324",
    "2.4703282292062327e-324",
    "2.4703282292062328e-324",
    "1e-325",
    "-1e-343",
    "1e-344",
    "1e308",
    "1e309",
    "-1e310",
  ]);
  check([
    String(greatest),
    String(greatest - 1n),
    `${greatest - 1n}.${"9".repeat(900)}`,
    "17976931348623157e292",
    "1.7976931348623158079e308",
    "1.7976931348623158080e308",
  ]);
  check([
    "9007199254740993",
    "9007199254740993.0000000000000000000000000001",
    "9007199254740992.9999999999999999999999999999",
    "18446744073709551615",
    "18446744073709551616",
    "36893488147419103233",
  ]);
  check([
    `0.${"0".repeat(400)}1e401`,
    `1${"0".repeat(400)}e-400`,
    `${"1".repeat(1000)}e-1000`,
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "0e99999999999999999999",
    `0.${"0".repeat(300_000)}1e300000`,
  ]);
  check([
    "2.2250738585072011e-308",
    "2.2250738585072012e-308",
    "2.2250738585072014e-308",
    "4.9406564584124654e-324",
    "7.4109846876186981626485318930233205854758970392148714663837852375101326e-324",
  ]);
});

test.run();
