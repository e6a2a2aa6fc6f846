// `faramesh audit show`: one record with all its members, as it is stored. It adds nothing and leaves nothing out.
import { Command, Option } from "clipanion";
import { canonicalJson } from "../../runtime/json.ts";
import { FarameshCommand } from "../context.ts";
import { exits } from "../exit.ts";
import { findRecord } from "../find-record.ts";
import { columns, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";

/** Members that every record has, last: what proves it. */
const proofMembers = ["boot_id", "hash", "log_id", "mono_us", "prev", "v"];
const firstMembers = [
  "seq",
  "type",
  "time",
  "action_id",
  "agent_id",
  "tool",
  "args",
  "effect",
  "would",
  "code",
  "reason",
  "rule_ref",
];

export class AuditShowCommand extends FarameshCommand {
  static override paths = [["audit", "show"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "print one record",
    details:
      "Named by its seq, by an action id or by an approval id, whole or as far as it is unique. Exit codes: 0, 1 not found.",
    examples: [["The third record", "faramesh audit show 3"]],
  });
  readonly id = Option.String({ name: "id" });

  async run(io: Terminal): Promise<number> {
    const { value, segment, offset } = await findRecord(await existingWalDir(this.dir, io.env), this.id);
    io.json({ file: segment, offset, record: value });
    const rank = (name: string): number => {
      const first = firstMembers.indexOf(name);
      return first >= 0 ? first : firstMembers.length + (proofMembers.includes(name) ? 1 : 0);
    };
    const names = Object.keys(value).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
    const rows = names.map((name) => {
      const member = value[name] ?? null;
      return [io.paint.dim(visible(name)), visible(typeof member === "string" ? member : canonicalJson(member))];
    });
    for (const line of columns([...rows, [io.paint.dim("stored"), `${segment}, offset ${offset}`]])) io.line(line);
    return exits.ok;
  }
}
