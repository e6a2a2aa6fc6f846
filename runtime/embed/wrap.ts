// A joined policy as JavaScript: the text of a module that carries the host's part and opens the policy when it is
// imported, and its types. Pure; it writes no file.
import { hostSource, objectsHostSource } from "../../build/host.ts";
import type { JoinedPolicy } from "./join.ts";

/** For bundlers, and for every host that compiles Wasm: one file with all in it. */
export function esmText(joined: JoinedPolicy): string {
  return `${head(joined)}const module = host.moduleOf(host.bytesOf(${literal(joined.wasm)}));\n${exportsText}`;
}

/** For platforms that compile Wasm only when code is uploaded: the module stands in a file beside, and is imported. */
export function workerText(wasmFile: string, joined: JoinedPolicy): string {
  return `import module from ${JSON.stringify(`./${wasmFile}`)};\n${head(joined)}${exportsText}`;
}

function head({ info, json }: JoinedPolicy): string {
  const names = `// Written by faramesh build: the policy ${info.policy_hash}, image ${info.image_hash}.\n`;
  return names + (json ? hostSource : objectsHostSource);
}

const exportsText = `export const open = (options) => host.open(module, options);
export const policy = open();
export const decide = (request, options) => policy.decide(request, options);
export const { JsonNumber, LoadFailure } = host;
`;

/** The types of both. */
export function typesText({ json }: JoinedPolicy): string {
  const kind = json ? "EdgePolicy" : "ObjectPolicy";
  return `// Written by faramesh build.
import type { ${kind}, EvaluationOptions, EvaluationRequest, Verdict } from "faramesh/evaluator";
export { JsonNumber, LoadFailure } from "faramesh/evaluator";
/** Opens the policy once more, with counters of its own: { state: "volatile" }. */
export declare const open: (options?: { readonly state?: "volatile" }) => ${kind};
/** Opened without state: what counts calls is denied STATE_UNAVAILABLE. */
export declare const policy: ${kind};
export declare const decide: (request: EvaluationRequest, options: EvaluationOptions) => Verdict;
`;
}

/** Bytes as a template literal, a character for each; only what a template cannot hold as it is stands escaped. */
function literal(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  return `\`${text.replace(/[\\`\r]|\$\{/g, (found) => (found === "\r" ? "\\r" : `\\${found}`))}\``;
}
