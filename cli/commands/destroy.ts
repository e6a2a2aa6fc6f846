// `faramesh destroy`: stops the daemon and removes what it keeps beside the policy; the log only when told so. It never
// touches the policy's file, and follows no link.
import { lstatSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Command, Option } from "clipanion";
import { removeTree } from "../../runtime/disk.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { FarameshCommand } from "../context.ts";
import { stopDaemon } from "../daemon.ts";
import { exits, Stop } from "../exit.ts";
import type { Terminal } from "../terminal.ts";
import { walDirFor } from "../wal.ts";

export class DestroyCommand extends FarameshCommand {
  static override paths = [["destroy"]];
  static override usage = Command.Usage({
    category: "Operation",
    description: "stop the daemon and remove what it keeps here",
    details:
      "Removes .faramesh/ (sockets, stored versions). The log is kept unless --wal is given; the policy's file always. Exit codes: 0, 1 nothing was removed.",
    examples: [["Remove everything but policy and log", "faramesh destroy --yes"]],
  });
  readonly wal = Option.Boolean("--wal", false, { description: "remove the log too: what it proves is gone then" });
  readonly yes = Option.Boolean("--yes", false, { description: "do not ask" });

  async run(io: Terminal): Promise<number> {
    const paths = stackPaths(this.dir);
    const log = await walDirFor(this.dir, io.env);
    const doomed = [paths.faramesh, ...(this.wal ? [log] : [])].filter(isFolder);
    const kept = !this.wal && isFolder(log) ? [log] : [];
    if (doomed.length > 0) {
      if (!this.yes) await confirm(io, doomed);
      await stopDaemon(this.dir, io.env);
      for (const path of doomed) removeTree(path);
    }
    io.json({ removed: doomed, kept });
    if (doomed.length === 0) io.say("there is nothing to remove");
    for (const path of doomed) io.say(`${io.paint.green("✓")} ${path} removed`);
    for (const path of kept) io.say(`  the log is kept: ${path}`);
    return exits.ok;
  }
}

/** False where nothing is. Throws Stop for anything but a folder. */
function isFolder(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory())
    throw new Stop(`${path} is not a folder of ours: nothing was removed`);
  return stats !== undefined;
}

async function confirm(io: Terminal, doomed: readonly string[]): Promise<void> {
  if (!io.canAsk)
    throw new Stop("destroy was not confirmed: nothing was removed", "confirm with: faramesh destroy --yes");
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  try {
    const answer = await lines.question(`Remove ${doomed.join(" and ")}? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new Stop("nothing was removed");
  } finally {
    lines.close();
  }
}
