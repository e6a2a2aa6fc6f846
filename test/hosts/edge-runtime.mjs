// The trial in the edge runtime's context, which knows no module of Node's: scripts only, so that all is bundled.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Runs a bundle of `contents` in the context; returns what it leaves in `globalThis.result`. */
export async function inEdgeRuntime({ EdgeVM }, { resolveDir, contents, given }) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir },
    bundle: true,
    format: "iife",
    conditions: ["edge-light"],
    charset: "utf8",
    write: false,
  });
  const context = new EdgeVM({ extend: (global) => Object.assign(global, { given }) });
  context.evaluate(outputFiles[0].text);
  return context.evaluate("result");
}

export async function tryEdgeRuntime(packages, folder) {
  const contents = `
    import * as evaluator from "faramesh-evaluator";
    import { check } from "./check.mjs";
    globalThis.result = JSON.stringify(check(JSON.parse(given), evaluator));`;
  const given = readFileSync(join(folder, "vectors.json"), "utf8");
  return JSON.parse(await inEdgeRuntime(packages, { resolveDir: folder, contents, given }));
}
