#!/usr/bin/env node
// What `faramesh` is on the command line. `hook` is answered here, for a coding agent waits for it before each tool: this file is
// built as a CommonJS script, which Node starts 5 ms sooner than a module. All else is the command line's, in cli/main.ts.
import { writeSync } from "node:fs";
import { runHook } from "../runtime/sdk/hook/main.ts";

const commandLine = "./faramesh.js";
const words = process.argv.slice(2);

/** Clients hold a tool back at 2, and let it run at Node's own 1. */
function holdBack(error: unknown): void {
  writeSync(2, `faramesh: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}

if (words[0] === "hook" && !words.includes("--help") && !words.includes("-h")) {
  process.on("uncaughtException", holdBack);
  process.on("unhandledRejection", holdBack);
  runHook(words.slice(1)).then(({ stdout, stderr, exitCode }) => {
    writeSync(1, stdout);
    writeSync(2, stderr);
    process.exit(exitCode);
  }, holdBack);
} else {
  import(commandLine).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  });
}
