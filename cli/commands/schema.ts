// `faramesh schema`: the JSON Schema of a command's JSON. Prints data and does nothing else.
import { Command, Option } from "clipanion";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { jsonText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

export class SchemaCommand extends FarameshCommand {
  static override paths = [["schema"]];
  static override usage = Command.Usage({
    category: "Operation",
    description: "print the JSON Schema of what a command writes with --format json",
    details: "Without a command: the names of all. Exit codes: 0, 1 no such command.",
    examples: [["What status says to programs", "faramesh schema status"]],
  });
  readonly command = Option.Rest({ name: "command" });

  async run(io: Terminal): Promise<number> {
    const { schemas } = await import("../schemas/index.ts");
    if (this.command.length === 0) {
      io.json({ commands: Object.keys(schemas) });
      for (const name of Object.keys(schemas)) io.line(name);
      return exits.ok;
    }
    const name = this.command.join(" ");
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (schema === undefined)
      throw new Stop(`there is no schema of \`${visible(name)}\``, "faramesh schema lists them");
    io.raw(`${jsonText(schema)}\n`);
    return exits.ok;
  }
}
