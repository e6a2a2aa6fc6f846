// Builds what runs: the machine (asc → build/vm.wasm and build/machine.ts) and the bundles in dist/ (esbuild).
// Run by `npm run build` and, at install, by `prepare`. Nothing it writes is kept in git.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import asc from "assemblyscript/asc";
import { build } from "esbuild";

await mkdir("build", { recursive: true });
await buildMachine();
await buildBundles();

async function buildMachine() {
  const { error, stderr } = await asc.main(["--config", "asconfig.json", "--target", "release"], {});
  if (error) {
    process.stderr.write(stderr.toString());
    throw error;
  }
  const wasm = await readFile("build/vm.wasm");
  await writeFile(
    "build/machine.ts",
    `// Written by build.mjs: the machine's module, in base64.\nexport const machineBase64 =\n  "${wasm.toString("base64")}";\n`,
  );
}

async function buildBundles() {
  const { dependencies } = JSON.parse(await readFile("package.json", "utf8"));
  const common = {
    bundle: true,
    format: "esm",
    target: "es2022",
    outdir: "dist",
    external: Object.keys(dependencies),
    logLevel: "warning",
    chunkNames: "chunks/[name]-[hash]",
  };
  await build({
    ...common,
    platform: "node",
    splitting: true,
    entryPoints: { faramesh: "cli/main.ts", daemon: "runtime/daemon-main.ts", sdk: "runtime/sdk/index.ts" },
  });
  await build({
    ...common,
    platform: "neutral",
    entryPoints: { compiler: "compiler/index.ts", evaluator: "runtime/evaluator/index.ts" },
  });
}
