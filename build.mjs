// Builds what runs: the tables of Unicode and of time zones (build/unicode.ts, build/timezones.ts), the machines (asc →
// build/machine*.wasm and .ts), the host that built policies carry (build/host.ts) and the bundles in dist/ (esbuild). Run by
// `npm run build` and, at install, by `prepare`. Nothing it writes is kept in git.
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import asc from "assemblyscript/asc";
import binaryen from "binaryen";
import { build } from "esbuild";
import { buildEvaluator } from "./build-evaluator.mjs";
import { buildReaders } from "./build-readers.mjs";
import { buildTimezones } from "./build-timezones.mjs";
import { buildUnicode } from "./build-unicode.mjs";

const LINE_CHARACTERS = 160;
const OPTIMISING_ROUNDS = 2;
/** Of a function that is put in place of its calls, in nodes. Larger ones gain no time that can be measured, and take bytes. */
const INLINED_SIZE_MAX = 8;
/** Of one that is called in one place. The loader in one piece takes engines twice as long to compile: 1 ms of a cold start. */
const INLINED_ONCE_SIZE_MAX = 400;

/** What is asked of counters and sessions; a machine that has none of them has no such calls. */
const STATE_EXPORTS = [
  ["caller", "startPhase", "moveStage", "currentStage", "openSession", "closeSession", "inspectSession", "snapshot"],
  ["restore"],
].flat();

await mkdir("build", { recursive: true });
await mkdir("dist", { recursive: true });
await buildUnicode();
await buildTimezones();
await buildReaders();
await buildMachines();
await buildHost();
await buildBundles();
await buildEvaluator("dist");

/**
 * The machine whole, without its way in for JSON, and without counters beside: each as .wasm, and as text in a module for
 * bundles.
 */
async function buildMachines() {
  await buildMachine("vm/index.ts", "machine");
  await buildMachine("vm/objects.ts", "machine-objects");
  await buildMachine("vm/objects.ts", "machine-stateless", ["--use", "STATELESS=1"], STATE_EXPORTS);
}

async function buildMachine(entry, name, options = [], unused = []) {
  const file = `build/${name}.wasm`;
  const { error, stderr } = await asc.main([entry, "--config", "asconfig.json", "--outFile", file, ...options], {});
  if (error) {
    process.stderr.write(stderr.toString());
    throw error;
  }
  const wasm = optimised(await readFile(file), unused);
  await writeFile(file, wasm);
  await copyFile(file, `dist/${name}.wasm`);
  await writeFile(
    `build/${name}.ts`,
    `// Written by build.mjs: the machine's module, a character for each byte.\nexport const machineText =\n  ${JSON.stringify(wasm.toString("latin1"))};\n`,
  );
}

/**
 * Optimised here and not by asc, whose own passes leave it a fifth larger, and a sixth slower on long lists of rules. A
 * third round finds nothing more.
 */
function optimised(wasm, unused) {
  const module = binaryen.readBinary(wasm);
  for (const name of unused) module.removeExport(name);
  // No more than asc itself turns on: with the types of newer proposals, older engines refuse the module.
  const { MutableGlobals, SignExt, NontrappingFPToInt, BulkMemory, BulkMemoryOpt } = binaryen.Features;
  module.setFeatures(MutableGlobals | SignExt | NontrappingFPToInt | BulkMemory | BulkMemoryOpt);
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  binaryen.setFlexibleInlineMaxSize(INLINED_SIZE_MAX);
  binaryen.setOneCallerInlineMaxSize(INLINED_ONCE_SIZE_MAX);
  for (let round = 0; round < OPTIMISING_ROUNDS; round++) module.optimize();
  const bytes = Buffer.from(module.emitBinary());
  module.dispose();
  return bytes;
}

/** The host that built policies carry: with decideJson, and without. */
async function buildHost() {
  const [whole, objects] = await Promise.all(["embedded", "embedded-objects"].map(hostText));
  await writeFile(
    "build/host.ts",
    `// Written by build.mjs: the host's part of a built policy, as the text of a script that declares \`host\`.\nexport const hostSource =\n  ${JSON.stringify(whole)};\n/** Without decideJson. */\nexport const objectsHostSource =\n  ${JSON.stringify(objects)};\n`,
  );
}

async function hostText(entry) {
  const { outputFiles } = await build({
    entryPoints: [`runtime/evaluator/${entry}.ts`],
    bundle: true,
    minify: true,
    lineLimit: LINE_CHARACTERS,
    format: "iife",
    globalName: "host",
    target: "es2022",
    platform: "neutral",
    charset: "utf8",
    write: false,
  });
  return outputFiles[0].text;
}

async function buildBundles() {
  const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(await readFile("package.json", "utf8"));
  const common = {
    bundle: true,
    format: "esm",
    target: "es2022",
    outdir: "dist",
    external: [dependencies, optionalDependencies, peerDependencies].flatMap(Object.keys),
    logLevel: "warning",
    chunkNames: "chunks/[name]-[hash]",
  };
  // Chunks are named by their content: those of earlier builds would stay, and be packed.
  await rm("dist/chunks", { recursive: true, force: true });
  await build({
    ...common,
    platform: "node",
    splitting: true,
    entryPoints: {
      faramesh: "cli/main.ts",
      daemon: "runtime/daemon-main.ts",
      sdk: "runtime/sdk/index.ts",
      "selftest-writer": "runtime/selftest/writer-main.ts",
    },
  });
  const script = { ...common, platform: "node", format: "cjs", minify: true, outExtension: { ".js": ".cjs" } };
  // Bundled whole: its packages are modules.
  await build({ ...script, external: [], entryPoints: { bin: "cli/bin.ts", bridge: "runtime/doors/proxy/bridge.ts" } });
  await build({ ...common, platform: "neutral", entryPoints: { compiler: "compiler/index.ts" } });
}
