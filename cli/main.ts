#!/usr/bin/env node
// The entry of the command line: arguments in, exit code out. The only file of this room that knows the process.
import { readFileSync } from "node:fs";
import { runCli } from "./run.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** A reader that closes early (`| head`) is not an error; whatever else breaks the stream is for Terminal to notice. */
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

process.exitCode = await runCli(process.argv.slice(2), version, {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});
