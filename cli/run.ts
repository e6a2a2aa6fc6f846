// Runs one command line. Errors of use go to standard error with the usage that would work, and have an exit code that no
// command uses for anything else.
import { Builtins, Cli } from "clipanion";
import { suggest } from "../compiler/suggest.ts";
import { commands } from "./commands.ts";
import type { Context } from "./context.ts";
import { exits } from "./exit.ts";
import { visible } from "./render.ts";
import type { Streams } from "./terminal.ts";
import { wantsColor } from "./terminal.ts";

/** Longest word of the command line that is echoed in a message, in characters. */
const echoMax = 80;

export async function runCli(args: readonly string[], version: string, streams: Streams): Promise<number> {
  const color = wantsColor(streams.stdout, streams.env, args.includes("--no-color"));
  const cli = new Cli<Context>({
    binaryLabel: "faramesh",
    binaryName: "faramesh",
    binaryVersion: version,
    enableColors: color,
  });
  for (const command of [Builtins.HelpCommand, Builtins.VersionCommand, ...commands]) cli.register(command);
  const context: Context = { ...streams, colorDepth: color ? 8 : 1 };
  try {
    cli.process([...args], context);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    streams.stderr.write(`${usageError(error, args, cli)}\n`);
    return exits.usage;
  }
  return cli.run([...args], context);
}

function usageError(error: Error, args: readonly string[], cli: Cli<Context>): string {
  const paths = cli.definitions().map(({ path }) => path.replace(/^faramesh ?/, ""));
  const words = args.filter((arg) => !arg.startsWith("-"));
  const known = paths.some((path) => path.split(" ")[0] === words[0]);
  if (words[0] !== undefined && !known) {
    const near = suggest(words[0], [...new Set(paths.map((path) => path.split(" ")[0] ?? ""))]);
    const hint = near === null ? "faramesh --help lists the commands" : `did you mean: faramesh ${near}`;
    return `✗ there is no command \`${visible(words[0].slice(0, echoMax))}\`\n  ${hint}`;
  }
  const [first = "", ...rest] = error.message.split("\n").filter((line) => line.trim() !== "");
  const usages = rest.length > 0 ? rest : usagesOf(words[0], cli);
  return [`✗ ${visible(first)}`, ...usages.map((line) => `  ${visible(line.replace(/^\$ /, ""))}`)].join("\n");
}

function usagesOf(command: string | undefined, cli: Cli<Context>): string[] {
  return cli
    .definitions()
    .filter(({ path }) => command !== undefined && path.split(" ")[1] === command)
    .map(({ usage }) => usage);
}
