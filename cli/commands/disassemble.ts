// `faramesh disassemble`: what the machine runs, as text: of the policy's file, or of a stored version. Prints only.
import { Command, Option } from "clipanion";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { compilePolicy, readPolicyFile } from "../policy-file.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { readActivations, storedVersion } from "../versions.ts";
import { existingWalDir } from "../wal.ts";

export class DisassembleCommand extends FarameshCommand {
  static override paths = [["disassemble"]];
  static override usage = Command.Usage({
    category: "Operation",
    description: "print the instructions that a policy became",
    details: "Of the policy's file, or of a version that was applied. Exit codes: 0, 1 does not compile or not found.",
    examples: [
      ["The file", "faramesh disassemble"],
      ["What was applied as v2", "faramesh disassemble v2"],
    ],
  });
  readonly version = Option.String({ name: "version", required: false });

  async run(io: Terminal): Promise<number> {
    const image = this.version === undefined ? await this.#ofFile(io) : await this.#ofVersion(io, this.version);
    const { disassemble } = await import("../../compiler/index.ts");
    const listing = disassemble(image);
    io.json({ listing });
    for (const line of listing.trimEnd().split("\n")) io.line(visible(line));
    return exits.ok;
  }

  async #ofFile(io: Terminal): Promise<Uint8Array> {
    return (await compilePolicy(io, this.dir, readPolicyFile(this.dir))).image;
  }

  async #ofVersion(io: Terminal, version: string): Promise<Uint8Array> {
    const activations = await readActivations(await existingWalDir(this.dir, io.env));
    const found = activations.find(({ number }) => `v${number}` === version);
    if (found === undefined)
      throw new Stop(`there is no version \`${visible(version)}\``, "faramesh history lists them");
    return storedVersion(this.dir, found).image;
  }
}
