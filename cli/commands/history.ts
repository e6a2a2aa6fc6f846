// faramesh history: the versions that were in force: when, by whom, which. Read from the log, so it needs no daemon.
import { Command } from "clipanion";
import { StackCommand } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { columns, second, visible } from "../render.ts";
import { walDir } from "../wal.ts";
import { readActivations } from "../activations.ts";

export class HistoryCommand extends StackCommand {
  static override paths = [["history"]];
  static override usage = Command.Usage({
    description: "list the policy versions",
    details: "Every apply and rollback, oldest first, from the log.",
    examples: [["What was in force when", "faramesh history"]],
  });

  override async run(): Promise<number> {
    const activations = await readActivations(await walDir(this.stackDir));
    const active = activations.at(-1);
    const versions = activations.map((one) => ({
      version: `v${one.number}`,
      time: one.time,
      change: one.change,
      actor: one.actor,
      summary: one.summary,
      policy_hash: one.policyHash,
      image_hash: one.imageHash,
      active: one === active,
    }));
    this.json({ versions });
    if (versions.length === 0) this.print("no policy has been applied yet: faramesh apply");
    const rows = versions.map((v) => [
      v.active ? this.paint.good("●") : " ",
      v.version,
      second(v.time),
      v.change,
      visible(v.actor),
      v.policy_hash.slice(0, 8),
      visible(v.summary),
    ]);
    if (rows.length > 0) this.print(columns(rows));
    return exitCodes.ok;
  }
}
