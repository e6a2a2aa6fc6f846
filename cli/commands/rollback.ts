// faramesh rollback: puts an earlier version in force again. Counters, approvals and phase clocks stay as they are.
import { Command, Option } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import { actorName } from "../actor.ts";
import { StackCommand } from "../context.ts";
import { exitCodes } from "../exit.ts";

export class RollbackCommand extends StackCommand {
  static override paths = [["rollback"]];
  static override usage = Command.Usage({
    description: "put an earlier version in force",
    details: "Without --to: the highest version ever in force below the active one. governance.fms is not changed.",
    examples: [
      ["The version before", "faramesh rollback"],
      ["A certain version", "faramesh rollback --to v17"],
    ],
  });

  to = Option.String("--to", { description: "the version: v17" });

  override async run(): Promise<number> {
    const actor = actorName(this.context.env);
    const answer = await askOperator(this.stackDir, "rollback", { actor, ...(this.to === undefined ? {} : { to: this.to }) });
    const { version, from_version, policy_hash, image_hash, changed } = answer;
    this.json({ version, from_version, policy_hash, image_hash, changed });
    if (!changed) this.print(`${version} is in force already: nothing changed`);
    else {
      this.print(`${this.paint.good("✓")} ${version} in force again (${policy_hash.slice(0, 8)}), was ${from_version}`);
      if (!this.quiet) this.print("  governance.fms was not changed: the next apply puts it in force");
    }
    return exitCodes.ok;
  }
}
