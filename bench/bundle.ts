// Bundles evaluator and compiler from the sources as they stand, the way build.mjs ships them, so that what is measured is
// never an older build. The machine itself is built by `npm run build`; an older one than its sources is refused.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { buildEvaluator } from "../build-evaluator.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Makes the bundles in a folder of their own under build/, where the dependencies are found; the caller removes it. */
export async function bundle(): Promise<string> {
  checkMachine();
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build", "bench-"));
  const common = { bundle: true, format: "esm", target: "es2022", outdir: folder, logLevel: "warning" } as const;
  await build({
    ...common,
    platform: "neutral",
    packages: "external",
    entryPoints: { compiler: join(root, "compiler/index.ts"), analyser: join(root, "compiler/analyse/index.ts") },
  });
  await buildEvaluator(folder);
  await build({
    ...common,
    platform: "node",
    packages: "external",
    entryPoints: {
      daemon: join(root, "runtime/daemon-main.ts"),
      log: join(root, "bench/log-entry.ts"),
      echo: join(root, "bench/peers/echo.ts"),
      reference: join(root, "bench/peers/reference-daemon.ts"),
      receiver: join(root, "bench/peers/receiver.ts"),
      "mcp-echo": join(root, "bench/peers/mcp-echo.ts"),
      "mcp-http-pass": join(root, "bench/peers/mcp-http-pass.ts"),
      "mcp-pass": join(root, "bench/peers/mcp-pass.ts"),
      "mcp-wrap": join(root, "bench/peers/mcp-wrap.ts"),
    },
  });
  return folder;
}

export function removeBundles(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export async function evaluatorOf(folder: string): Promise<typeof import("../runtime/evaluator/index.ts")> {
  return await import(pathToFileURL(join(folder, "evaluator.js")).href);
}

export async function compilerOf(folder: string): Promise<typeof import("../compiler/index.ts")> {
  return await import(pathToFileURL(join(folder, "compiler.js")).href);
}

export type Analyser = typeof import("../compiler/analyse/index.ts");

export async function analyserOf(folder: string): Promise<Analyser> {
  return await import(pathToFileURL(join(folder, "analyser.js")).href);
}

/** What reads and writes logs without a daemon. */
export async function logOf(folder: string): Promise<typeof import("./log-entry.ts")> {
  return await import(pathToFileURL(join(folder, "log.js")).href);
}

function checkMachine(): void {
  const machine = join(root, "build/machine.ts");
  if (!existsSync(machine)) throw new Error("the machine is not built: npm run build");
  const builtMs = statSync(machine).mtimeMs;
  for (const folder of ["vm", "vm/shared"]) {
    for (const file of readdirSync(join(root, folder)).filter((name) => name.endsWith(".ts"))) {
      if (statSync(join(root, folder, file)).mtimeMs > builtMs) {
        throw new Error(`the machine is older than ${folder}/${file}: npm run build`);
      }
    }
  }
}
