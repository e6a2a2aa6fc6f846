// Bundles the evaluator as it is shipped: with all it has, small, and without a machine for hosts that forbid compiling at
// run time. Used by build.mjs and by the measurements. The machines in build/ must be there.
import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const LINE_CHARACTERS = 160;
/** Stands before a machine's name while esbuild works: it would write every byte below 32 as four characters. */
const MACHINE_PLACE = "faramesh:";
const PLACES = new RegExp(`"${MACHINE_PLACE}([a-z-]+)"`, "g");
const machines = ["machine", "machine-objects", "machine-stateless"];

/** The bundles by name, and the file of each. */
const entries = {
  evaluator: "index.ts",
  small: "small.ts",
  host: "host.ts",
  worker: "worker.ts",
  objects: "objects.ts",
  "objects-worker": "objects-worker.ts",
  stateless: "stateless.ts",
  "stateless-worker": "stateless-worker.ts",
  explainer: "explainer.ts",
  shared: "shared.ts",
};

/** Writes a bundle for each entry into a folder. */
export async function buildEvaluator(outdir) {
  const wasm = new Map(
    await Promise.all(machines.map(async (name) => [name, await readFile(join(root, `build/${name}.wasm`))])),
  );
  const { outputFiles } = await build({
    entryPoints: Object.fromEntries(
      Object.entries(entries).map(([name, file]) => [name, join(root, "runtime/evaluator", file)]),
    ),
    external: machines.map((name) => `./${name}.wasm`),
    bundle: true,
    minify: true,
    // An error's trace shows a line of this, not all of it.
    lineLimit: LINE_CHARACTERS,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    charset: "utf8",
    outdir,
    write: false,
    plugins: [{ name: "machine", setup: (it) => it.onLoad({ filter: /build\/machine[a-z-]*\.ts$/ }, place) }],
  });
  for (const { path, text } of outputFiles) {
    await writeFile(
      path,
      text.replace(PLACES, (_, name) => literal(wasm.get(name))),
    );
  }
}

function place({ path }) {
  return { contents: `export const machineText = "${MACHINE_PLACE}${basename(path, ".ts")}";`, loader: "ts" };
}

/**
 * Bytes as a literal, a character for each; only what a template cannot hold as it is stands escaped. The line ends behind
 * it, so that the trace of an error shows code.
 */
function literal(bytes) {
  const text = bytes.toString("latin1").replace(/[\\`\r]|\$\{/g, (found) => (found === "\r" ? "\\r" : `\\${found}`));
  return `\`${text}\`\n`;
}
