// `.faramesh/bin/agent`, which `apply` writes: `faramesh agent run` for this stack, for those who start agents without knowing of
// faramesh. It must never start anything itself.
import { chmodSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeDisk, realPath, replaceFile } from "../runtime/disk.ts";
import type { StackPaths } from "../runtime/stack.ts";

const ownerOnly = 0o700;

/** Writes it, for this installation of faramesh and this place of the stack. */
export function writeAgentScript(paths: StackPaths): void {
  const file = paths.agentScript;
  nodeDisk.makeDirectory(dirname(file));
  const words = [process.execPath, ...ownEntry(), "agent", "run", "--dir", realPath(paths.dir)].map(shellWord);
  const text = `#!/bin/sh\n# Starts an agent fenced in as the policy in force says: agent -- command\nexec ${words.join(" ")} "$@"\n`;
  replaceFile(nodeDisk, file, Buffer.from(text));
  chmodSync(file, ownerOnly);
}

/** Our own bundle, which the bundler may have laid this file beside or below, or the source through the loader that runs us. */
function ownEntry(): readonly string[] {
  const here = dirname(fileURLToPath(import.meta.url));
  for (const bundle of [join(here, "bin.cjs"), join(here, "..", "bin.cjs")]) if (existsSync(bundle)) return [bundle];
  return ["--import", import.meta.resolve("tsx"), join(here, "main.ts")];
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
