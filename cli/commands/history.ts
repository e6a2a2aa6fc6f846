// `faramesh history`: the versions that were in force, when, by whom and what changed. Read from the log; no daemon needed.
import { Command } from "clipanion";
import { FarameshCommand } from "../context.ts";
import { exits } from "../exit.ts";
import { columns, shortened, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { driftBehind, type LoggedActivation, type Promotion, readPolicyPast } from "../versions.ts";
import { walDirFor } from "../wal.ts";

const summaryShownMax = 120;

export class HistoryCommand extends FarameshCommand {
  static override paths = [["history"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "list the policy versions",
    details:
      "Every apply and rollback, and every end of a rollout phase (promote), oldest first; ● is in force. Exit codes: 0, 5 the log is broken.",
    examples: [["What was in force when", "faramesh history"]],
  });

  async run(io: Terminal): Promise<number> {
    const { activations, promotions } = await readPolicyPast(await walDirFor(this.dir, io.env));
    const lastSeq = activations.at(-1)?.seq ?? 0;
    const versions = [
      ...activations.map((one) => ({ ...viewOf(one), seq: one.seq, active: one.seq === lastSeq })),
      ...promotions.flatMap((one) => promotionView(one, activations)),
    ].sort((a, b) => a.seq - b.seq);
    io.json({ versions: versions.map(({ seq: _seq, ...one }) => one) });
    if (versions.length === 0) io.line("no policy was applied here yet: faramesh apply");
    const rows = versions.map((one) => [
      one.active ? io.paint.green("●") : " ",
      one.version,
      toSeconds(one.time),
      one.change,
      visible(one.actor),
      one.policy_hash.slice(0, 8),
      shortened(one.summary, summaryShownMax),
    ]);
    for (const line of columns(rows)) io.line(line);
    const active = activations.at(-1);
    if (active?.change === "rollback") io.note(this.#rollbackNote(active));
    return exits.ok;
  }

  #rollbackNote(active: LoggedActivation): string {
    const drift = driftBehind(this.dir, active.imageHash);
    const file = drift === null ? "" : drift ? "; the policy's file differs from it: faramesh plan shows how" : "";
    return `⚠ v${active.number} is in force by a rollback${file}`;
  }
}

function viewOf({ number, time, change, actor, summary, policyHash, imageHash }: LoggedActivation) {
  return { version: `v${number}`, time, change, actor, summary, policy_hash: policyHash, image_hash: imageHash };
}

/** What a phase's end changed, under the version that was in force then; nothing where that one is not known. */
function promotionView({ seq, time, agent, phase, next }: Promotion, activations: readonly LoggedActivation[]) {
  const under = activations.findLast((one) => one.seq < seq);
  if (under === undefined) return [];
  const summary = `phase ${agent}/${phase} is over: ${next}`;
  return [{ ...viewOf(under), time, change: "promote" as const, actor: "", summary, seq, active: false }];
}
