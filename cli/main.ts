#!/usr/bin/env node
// The command line's entry: finds the command, runs it, ends with its exit code. Usage errors go to stderr; a reader that
// goes away (`| head`) ends it quietly.
import { Builtins, Cli, UsageError } from "clipanion";
import packageJson from "../package.json" with { type: "json" };
import { commands } from "./commands/index.ts";
import type { CliContext } from "./context.ts";
import { exitCodes } from "./exit.ts";

const cli = new Cli<CliContext>({ binaryLabel: "faramesh", binaryName: "faramesh", binaryVersion: packageJson.version });
for (const command of commands) cli.register(command);
cli.register(Builtins.HelpCommand);
cli.register(Builtins.VersionCommand);

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.ok);
    throw error;
  });
}

const abort = new AbortController();
process.once("SIGINT", () => {
  abort.abort();
  process.exitCode = 130;
});

const context: CliContext = { ...Cli.defaultContext, signal: abort.signal };
const words = process.argv.slice(2);
try {
  const command = cli.process(words.length === 0 ? ["--help"] : words, context);
  const code = await cli.run(command, context);
  process.exitCode ??= code;
} catch (error) {
  process.exitCode = usage(error);
}

/** clipanion would print this on stdout and end with 1. */
function usage(error: unknown): number {
  const known = error instanceof UsageError || (error instanceof Error && "clipanion" in error);
  if (!known) {
    process.stderr.write(`faramesh: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return exitCodes.failed;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message.trim()}\n\nfaramesh --help lists the commands.\n`);
  return exitCodes.usage;
}
