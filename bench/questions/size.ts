// How large is what an edge function ships, and how large is the image of a policy of ten thousand rules? Ships means one of two:
// an evaluator that opens images (the one without counters; those with more beside it), or a policy built by `faramesh build`, machine, host and policy in one.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { joinPolicy } from "../../runtime/embed/join.ts";
import { workerText } from "../../runtime/embed/wrap.ts";
import { DECIDING_SECTIONS, HEADER_BYTES, Section, TABLE_ROW_BYTES } from "../../vm/shared/image.ts";
import { root } from "../bundle.ts";
import { policyText } from "../generated/policy.ts";
import { policyText as paymentsText } from "../payments/workload.ts";
import { imageOf } from "../peers/faramesh.ts";
import type { Question } from "../question.ts";

const RULES = 10_000;

export const question: Question = {
  asks: "bytes of the evaluator and of an image",
  async measure({ bundles }) {
    const cedar = readFileSync(join(root, "node_modules/@cedar-policy/cedar-wasm/nodejs/cedar_wasm_bg.wasm"));
    const text = policyText(RULES);
    const image = await imageOf(bundles, text);
    const payments = await imageOf(bundles, paymentsText);
    return [
      {
        id: "size.evaluator",
        value: compressed(readFileSync(join(bundles, "stateless.js"))) / 1024,
        unit: "KB",
        atMost: { must: 20, goal: 12 },
      },
      { id: "size.built-policy", value: builtKb(payments, false), unit: "KB", atMost: { must: 20, goal: 12 } },
      { id: "size.built-policy-with-json", value: builtKb(payments, true), unit: "KB" },
      {
        id: "size.evaluator-with-state",
        value: compressed(readFileSync(join(bundles, "objects.js"))) / 1024,
        unit: "KB",
      },
      { id: "size.evaluator-with-json", value: compressed(readFileSync(join(bundles, "small.js"))) / 1024, unit: "KB" },
      { id: "size.cedar-wasm", value: compressed(cedar) / 1024, unit: "KB" },
      {
        id: "size.image-per-rule",
        value: decidingBytes(image) / RULES,
        unit: "B",
        atMost: { must: 57, goal: 33 },
      },
      { id: "size.image-per-rule-with-source", value: image.length / RULES, unit: "B" },
      { id: "size.text-per-rule", value: text.length / RULES, unit: "B" },
    ];
  },
};

/** What `faramesh build --target worker` writes: a script, and a module with machine and policy in it. */
function builtKb(image: Uint8Array, json: boolean): number {
  const joined = joinPolicy(image, { json });
  const script = new TextEncoder().encode(workerText("policy.wasm", joined));
  return (compressed(joined.wasm) + compressed(script)) / 1024;
}

function compressed(bytes: Uint8Array): number {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}

/** Header, table and the sections that decide; what only explains (source, places, words) is behind them. */
function decidingBytes(image: Uint8Array): number {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  let bytes = HEADER_BYTES + Section.End * TABLE_ROW_BYTES;
  for (let section = 0; section < DECIDING_SECTIONS; section++) {
    bytes += view.getUint32(HEADER_BYTES + section * TABLE_ROW_BYTES + 4, true);
  }
  return bytes;
}
