// A joined policy as JavaScript: the text of a module that carries the host's part and opens the policy when it is
// imported, and its types. Pure; it writes no file.
import { hostSource } from "../../build/host.ts";
import type { PolicyInfo } from "../evaluator/types.ts";

/** For bundlers, and for every host that compiles Wasm: one file with all in it. */
export function esmText(wasm: Uint8Array, info: PolicyInfo): string {
  return `${head(info)}${hostSource}const module = host.moduleOf(host.bytesOf(${literal(wasm)}));\n${exportsText}`;
}

/** For platforms that compile Wasm only when code is uploaded: the module stands in a file beside, and is imported. */
export function workerText(wasmFile: string, info: PolicyInfo): string {
  return `import module from ${JSON.stringify(`./${wasmFile}`)};\n${head(info)}${hostSource}${exportsText}`;
}

function head(info: PolicyInfo): string {
  return `// Written by faramesh build: the policy ${info.policy_hash}, image ${info.image_hash}.\n`;
}

const exportsText = `export const open = (options) => host.open(module, options);
export const policy = open();
export const decide = (request, options) => policy.decide(request, options);
export const { JsonNumber, LoadFailure } = host;
`;

/** The types of both. */
export const typesText = `// Written by faramesh build.
import type { EdgePolicy, EvaluationOptions, EvaluationRequest, Verdict } from "faramesh/evaluator";
export { JsonNumber, LoadFailure } from "faramesh/evaluator";
/** Opens the policy once more, with counters of its own: { state: "volatile" }. */
export declare const open: (options?: { readonly state?: "volatile" }) => EdgePolicy;
/** Opened without state: what counts calls is denied STATE_UNAVAILABLE. */
export declare const policy: EdgePolicy;
export declare const decide: (request: EvaluationRequest, options: EvaluationOptions) => Verdict;
`;

/** Bytes as a template literal, a character for each; only what a template cannot hold as it is stands escaped. */
function literal(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  return `\`${text.replace(/[\\`\r]|\$\{/g, (found) => (found === "\r" ? "\\r" : `\\${found}`))}\``;
}
