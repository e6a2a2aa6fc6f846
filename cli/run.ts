// Runs one command line. Errors of use go to standard error with the usage that would work, and have an exit code that no
// command uses for anything else.
import { Builtins, Cli } from "clipanion";
import { suggest } from "../compiler/suggest.ts";
import { commands } from "./commands.ts";
import type { Context } from "./context.ts";
import { exits } from "./exit.ts";
import { definitionsFor, detail, overview, usageLine } from "./help.ts";
import { visible } from "./render.ts";
import type { Streams } from "./terminal.ts";

/** Longest word of the command line that is echoed in a message, in characters. */
const echoMax = 80;

export async function runCli(args: readonly string[], version: string, streams: Streams): Promise<number> {
  const cli = new Cli<Context>({
    binaryLabel: "faramesh",
    binaryName: "faramesh",
    binaryVersion: version,
    enableColors: false,
  });
  for (const command of [Builtins.VersionCommand, ...commands]) cli.register(command);
  const context: Context = { ...streams, colorDepth: 1 };
  const words = wordsOf(args);
  const options = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  const asksHelp = options.includes("--help") || options.includes("-h") || args.length === 0;
  if (asksHelp || (words.length === 1 && words[0] === "help")) {
    const asked = words.length === 0 || words[0] === "help" ? [] : definitionsFor(cli.definitions(), words);
    if (asked.length > 0) streams.stdout.write(`${asked.map(detail).join("\n\n")}\n`);
    if (asked.length > 0 || words.length === 0 || words[0] === "help") {
      if (asked.length === 0) streams.stdout.write(`${overview(cli.definitions(), version)}\n`);
      return exits.ok;
    }
  }
  try {
    cli.process([...args], context);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    streams.stderr.write(`${usageError(error, words, cli)}\n`);
    return exits.usage;
  }
  return cli.run([...args], context);
}

/** The words before the first option: they name the command. */
function wordsOf(args: readonly string[]): string[] {
  const end = args.findIndex((arg) => arg.startsWith("-"));
  return args.slice(0, end < 0 ? args.length : end);
}

function usageError(error: Error, words: readonly string[], cli: Cli<Context>): string {
  const definitions = cli.definitions();
  const [word] = words;
  const asked = definitionsFor(definitions, words);
  if (word !== undefined && asked.length === 0) {
    const known = definitions.map(({ path }) => path.split(" ")[1] ?? "");
    const near = suggest(word.slice(0, echoMax), [...new Set(known)]);
    const help = near === null ? "faramesh --help lists the commands" : `did you mean: faramesh ${near}`;
    return `✗ there is no command \`${visible(word.slice(0, echoMax))}\`\n  ${help}`;
  }
  const message = word === undefined ? "a command is missing" : messageOf(error, words, asked.length > 1);
  const lines = asked.length === 0 ? ["faramesh --help lists the commands"] : asked.map(usageLine);
  const more = asked.length === 1 ? [`${asked[0]?.path} --help says more`] : [];
  return [`✗ ${message}`, ...[...lines, ...more].map((line) => `  ${visible(line)}`)].join("\n");
}

/** clipanion's first line, in our words where it has none of use. */
function messageOf(error: Error, words: readonly string[], isSeveral: boolean): string {
  if (isSeveral) return `\`${visible(words.join(" ").slice(0, echoMax))}\` is not a whole command`;
  const [first = ""] = error.message.split("\n");
  const option = /Unsupported option name \("(.*)"\)/.exec(first)?.[1];
  if (option !== undefined) return `there is no option \`${visible(option.slice(0, echoMax))}\``;
  if (first.startsWith("Not enough positional arguments")) return "something is missing";
  if (first.startsWith("Extraneous positional argument")) return "there is a word too many";
  if (first.startsWith("Not enough arguments to option"))
    return `an option lacks its value: ${visible(first.replace(/^.*option /, ""))}`;
  return visible(first.replace(/^(Usage|Unknown Syntax) Error: /, ""));
}
