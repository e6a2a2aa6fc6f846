// The machine built with SIMD from the same sources, against the one that is shipped: on the corpora, on requests by chance and
// spoiled, and on every length and place of a string, since sixteen bytes are read where eight were.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadPolicySync, type Policy } from "../../runtime/evaluator/index.ts";
import { told } from "../differential/json.ts";
import { jsonText, spoiled } from "../generate/json.ts";
import { Random } from "../generate/random.ts";
import { callDrafts } from "../generate/request.ts";
import { everyPart, imageOf, noon } from "./policies.ts";

const REQUESTS = 20_000;
const corpora = process.env.FARAMESH_CORPORA ?? fileURLToPath(new URL("../../../shared/corpora", import.meta.url));
if (!existsSync(corpora)) {
  if (process.env.CI) throw new Error(`test data is absent: ${corpora}`);
  console.log("skipped: JSONTestSuite (340 files): no corpora");
}

const encoder = new TextEncoder();
const simd = await simdMachine();

async function simdMachine(): Promise<WebAssembly.Module> {
  const folder = mkdtempSync(join(tmpdir(), "faramesh-simd-"));
  try {
    const file = join(folder, "vm.wasm");
    const { error } = await asc.main([
      "vm/index.ts",
      "--config",
      "asconfig.json",
      "--enable",
      "simd",
      "--outFile",
      file,
    ]);
    if (error) throw error;
    return new WebAssembly.Module(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function openBoth(text: string): [Policy, Policy] {
  const image = imageOf(text);
  const options = { state: "volatile", meterCapacity: 1024, requestBytes: 1_048_576 } as const;
  return [loadPolicySync(image, options), loadPolicySync(image, { ...options, module: simd })];
}

function same([scalar, wide]: readonly [Policy, Policy], bytes: Uint8Array, now = noon): void {
  const expected = told(scalar.decideJson(bytes, { now }));
  const found = told(wide.decideJson(bytes, { now }));
  if (found !== expected) assert.is(found, expected, new TextDecoder().decode(bytes.subarray(0, 400)));
}

test("D01 D02 D03 D15 both builds agree on JSONTestSuite", () => {
  if (!existsSync(corpora)) return;
  const both = openBoth('agent "a" { default deny permit t if v != nil }');
  for (const folder of ["test_parsing", "test_transform"]) {
    for (const name of readdirSync(join(corpora, "json", folder))) {
      const document = readFileSync(join(corpora, "json", folder, name));
      same(both, document);
      same(
        both,
        Buffer.concat([encoder.encode('{"agent_id":"a","tool_id":"t","args":{"v":'), document, encoder.encode("}}")]),
      );
    }
  }
});

test("both builds agree on requests by chance and spoiled ones, and on the state that these leave", () => {
  const random = new Random(Number(process.env.FARAMESH_SEED ?? 1));
  const both = openBoth(everyPart);
  for (const { request, options } of callDrafts(random, REQUESTS, "forward", true)) {
    const renamed = {
      ...request,
      agent_id: "pay",
      tool_id: random.pick(["stripe/charge", "mail/send", "stripe/refund", "x/read"]),
    };
    const written = encoder.encode(jsonText(random, renamed));
    same(both, random.oneIn(3) ? spoiled(random, written) : written, options.now);
  }
  assert.is(both[0].stateHash(), both[1].stateHash());
});

test("D02 D14 both builds see every odd byte at every place of a string", () => {
  const both = openBoth('agent "a" { default deny permit t if len(v) > 20 }');
  for (const odd of ['"', "\\n", "\\u00e9", "é", "😀", "\u0001", "\u007f", "\\", "\u0000"]) {
    for (let before = 0; before < 40; before++) {
      for (const behind of [0, 1, 7, 16, 33]) {
        same(
          both,
          encoder.encode(
            `{"agent_id":"a","tool_id":"t","args":{"v":"${"x".repeat(before)}${odd}${"y".repeat(behind)}"}}`,
          ),
        );
      }
    }
  }
});

test.run();
