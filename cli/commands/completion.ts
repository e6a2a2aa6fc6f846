// `faramesh completion`: the script by which a shell completes commands and options. Prints it and changes no file.
import { Command, Option } from "clipanion";
import { completionScript, type Shell } from "../completion.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const shells: readonly Shell[] = ["bash", "zsh", "fish"];

export class CompletionCommand extends FarameshCommand {
  static override paths = [["completion"]];
  static override usage = Command.Usage({
    category: "Operation",
    description: "print the script by which bash, zsh or fish completes faramesh",
    details: "Exit codes: 0.",
    examples: [
      ["bash", "faramesh completion bash >> ~/.bashrc"],
      ["zsh", "faramesh completion zsh > ~/.zfunc/_faramesh"],
      ["fish", "faramesh completion fish > ~/.config/fish/completions/faramesh.fish"],
    ],
  });
  readonly shell = Option.String({ name: "shell" });

  async run(io: Terminal): Promise<number> {
    const shell = shells.find((name) => name === this.shell);
    if (shell === undefined) {
      const message = `completion is for bash, zsh or fish, not \`${visible(this.shell)}\``;
      throw new Stop(message, undefined, exits.usage);
    }
    const script = completionScript(shell, this.cli.definitions());
    io.json({ shell, script });
    if (!io.isJson) io.raw(script);
    return exits.ok;
  }
}
