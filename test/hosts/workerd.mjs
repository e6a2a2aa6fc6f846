// The trial in workerd, which forbids compiling at run time: everything that is Wasm is a module of the upload.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const compatibilityDate = "2026-04-01";

/** Runs `work` with a worker's fetch. `contents`: the text of its entry; `wasm`: paths of its modules by specifier. */
export async function inWorkerd({ Miniflare }, { resolveDir, contents, wasm }, work) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir },
    bundle: true,
    format: "esm",
    conditions: ["workerd"],
    external: ["*.wasm"],
    charset: "utf8",
    write: false,
  });
  const modules = Object.entries(wasm).map(([path, file]) => ({
    type: "CompiledWasm",
    path,
    contents: readFileSync(file),
  }));
  const worker = new Miniflare({
    compatibilityDate,
    modules: [{ type: "ESModule", path: "entry.mjs", contents: outputFiles[0].text }, ...modules],
  });
  try {
    return await work((body) => worker.dispatchFetch("http://worker/", { method: "POST", body }));
  } finally {
    await worker.dispose();
  }
}

/** The package as it resolves for workerd, and the built modules. */
export async function tryWorkerd(packages, folder, builtCount) {
  const numbers = Array.from({ length: builtCount }, (_, i) => i);
  const contents = `
    import * as evaluator from "faramesh-evaluator";
    import { check } from "./check.mjs";
    ${numbers.map((i) => `import built${i} from "./built-${i}.wasm";`).join("\n")}
    const compiled = [${numbers.map((i) => `built${i}`)}];
    export default {
      async fetch(request) {
        const vectors = await request.json();
        const names = vectors.filter(({ isBuilt }) => isBuilt).map(({ name }) => name);
        return Response.json(check(vectors, evaluator, Object.fromEntries(names.map((name, i) => [name, compiled[i]]))));
      },
    };`;
  const wasm = Object.fromEntries([
    ["machine.wasm", join(folder, "node_modules/faramesh-evaluator/machine.wasm")],
    ...numbers.map((i) => [`built-${i}.wasm`, join(folder, `built-${i}.wasm`)]),
  ]);
  const vectors = readFileSync(join(folder, "vectors.json"));
  return inWorkerd(packages, { resolveDir: folder, contents, wasm }, async (post) => (await post(vectors)).json());
}
