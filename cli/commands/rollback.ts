// `faramesh rollback`: puts an earlier version in force again, after the asserts were tried on it. Counters, approvals and phase
// clocks stay as they are.
import { Command, Option } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { visible } from "../render.ts";
import type { Findings, Restoration } from "../restoration.ts";
import type { Terminal } from "../terminal.ts";
import { driftBehind } from "../versions.ts";

export class RollbackCommand extends FarameshCommand {
  static override paths = [["rollback"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "put an earlier version in force",
    details:
      "Without --to: the highest version ever in force below the active one. The policy's file is not changed. Exit codes: 0, 1 nothing was changed, 2 nothing was changed because an assert of that version or of the one in force is not proved of it, or --no-new-access found a call that is opened.",
    examples: [
      ["The version before", "faramesh rollback"],
      ["A certain version", "faramesh rollback --to v17"],
      ["What that would change", "faramesh rollback --to v17 --dry-run"],
    ],
  });
  readonly to = Option.String("--to", { description: "the version, for instance v17" });
  readonly force = Option.Boolean("--force", false, { description: "go past asserts and --no-new-access" });
  readonly noNewAccess = Option.Boolean("--no-new-access", false, {
    description: "change nothing, and exit 2, when a call could get further than under the policy in force",
  });
  readonly dryRun = Option.Boolean("--dry-run", false, {
    description: "show what it would change, and change nothing",
  });

  async run(io: Terminal): Promise<number> {
    const { versions } = await askOperator(this.dir, "history", {});
    const { lookInto, objectionOf, printFindings, restorationOf } = await import("../restoration.ts");
    const restoration = restorationOf(versions, this.to ?? null);
    const names = versions.map(({ version }) => version);
    const isKnown = this.to === undefined || names.includes(this.to) || names.includes(`v${this.to}`);
    if (!isKnown)
      throw new Stop(`\`${visible(this.to ?? "")}\` was never in force`, "faramesh history lists the versions");
    // Without one the daemon says why, or that there is nothing to do.
    if (restoration === null) return this.#restore(io, this.to, "");
    const findings = await lookInto(io, this.dir, restoration, this.noNewAccess || this.dryRun);
    const { openings } = await import("../rehearsal.ts");
    const opened = this.noNewAccess ? openings(findings.access) : 0;
    const objection = objectionOf(findings, opened);
    const isRefused = objection !== "" && !this.force;
    const { version } = restoration.target;
    const isOver = isRefused || this.dryRun;
    if (isOver) io.json(await this.#leftJson(restoration, findings, opened));
    await printFindings(io, restoration, findings, this.dryRun);
    if (isRefused)
      io.complain(
        `${io.paint.red("✗")} ${version}: ${objection}: nothing was changed\n  --force restores it all the same, and is recorded`,
      );
    else if (objection !== "" && !this.dryRun) io.note(`⚠ ${objection}; recorded with the rollback (--force)`);
    if (this.dryRun) io.say(`→ dry run of ${version}: nothing was changed`);
    if (isOver) return isRefused ? exits.changes : exits.ok;
    return this.#restore(io, version, objection === "" ? "" : `${objection}, by --force`);
  }

  async #leftJson({ target, from }: Restoration, { own, inForce }: Findings, opened: number): Promise<object> {
    const { assertsJson } = await import("../asserts.ts");
    return {
      rolled_back: false,
      dry_run: this.dryRun,
      version: target.version,
      from_version: from.version,
      opened,
      asserts: assertsJson(own),
      asserts_in_force: assertsJson(inForce),
    };
  }

  async #restore(io: Terminal, to: string | undefined, note: string): Promise<number> {
    const actor = actorName(io.env);
    const request = { actor, ...(to === undefined ? {} : { to }), ...(note === "" ? {} : { note }) };
    const answer = await askOperator(this.dir, "rollback", request);
    const { version, from_version, policy_hash, image_hash, changed } = answer;
    io.json({ version, from_version, policy_hash, image_hash, changed });
    if (!changed) {
      io.say(`= ${version} is in force already: nothing changed`);
      return exits.ok;
    }
    io.say(`${io.paint.green("✓")} rolled back to ${version} (${policy_hash.slice(0, 8)}), from ${from_version}`);
    const drift = driftBehind(this.dir, image_hash);
    if (drift === false) io.say("  the policy's file says the same");
    else io.say("  the policy's file was not changed: the next apply puts it in force again");
    const { daemon } = await askOperator(this.dir, "status", {});
    if (daemon.runtime_mode === "audit") io.note(`⚠ ${version} is in audit mode: nothing is blocked`);
    return exits.ok;
  }
}
