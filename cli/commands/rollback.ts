// `faramesh rollback`: puts an earlier version in force again. Counters, approvals and phase clocks stay as they are.
import { Command, Option } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import { exits } from "../exit.ts";
import type { Terminal } from "../terminal.ts";

export class RollbackCommand extends FarameshCommand {
  static override paths = [["rollback"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "put an earlier version in force",
    details:
      "Without --to: the highest version ever in force below the active one. The policy's file is not changed. Exit codes: 0, 1 nothing was changed.",
    examples: [
      ["The version before", "faramesh rollback"],
      ["A certain version", "faramesh rollback --to v17"],
    ],
  });
  readonly to = Option.String("--to", { description: "the version, for instance v17" });

  async run(io: Terminal): Promise<number> {
    const request = { actor: actorName(io.env), ...(this.to === undefined ? {} : { to: this.to }) };
    const { version, from_version, policy_hash, image_hash, changed } = await askOperator(
      this.dir,
      "rollback",
      request,
    );
    io.json({ version, from_version, policy_hash, image_hash, changed });
    if (!changed) {
      io.say(`= ${version} is in force already: nothing changed`);
      return exits.ok;
    }
    io.say(`${io.paint.green("✓")} rolled back to ${version} (${policy_hash.slice(0, 8)}), from ${from_version}`);
    io.say("  the policy's file was not changed: the next apply puts it in force again");
    return exits.ok;
  }
}
