// The `session` block of an agent: two fields, a duration each.
import type { Block } from "../ast.ts";
import { fieldWords } from "../blocks.ts";
import { boundUs } from "../session.ts";
import { suggest } from "../suggest.ts";
import type { Report } from "./report.ts";

export function checkSession(report: Report, block: Block): void {
  const fields = fieldWords("session");
  report.twice(
    block.entries,
    (entry) => entry.name,
    (entry) => entry.nameSpan,
    (entry) => `\`${entry.name}\``,
  );
  const unknown = block.entries.filter(({ name }) => !fields.includes(name));
  const [first] = unknown;
  if (first !== undefined && unknown.length > 1 && unknown.length === block.entries.length) {
    const names = unknown.map(({ name }) => `\`${name}\``).join(", ");
    report.add("FMS011", `\`session\` has none of the fields ${names}`, first.nameSpan, {
      help: `there are ${fields.join(", ")}; a budget begins with \`budget\` and its name`,
    });
    return;
  }
  for (const entry of block.entries) {
    if (!fields.includes(entry.name)) {
      const near = suggest(entry.name, fields);
      report.add("FMS011", `\`session\` has no field \`${entry.name}\``, entry.nameSpan, {
        help: near === null ? `there are ${fields.join(", ")}` : `did you mean \`${near}\`?`,
      });
    } else if (boundUs(entry) === null) {
      report.add("FMS012", `\`${entry.name}\` is a duration`, entry.values[0]?.span ?? entry.span, {
        help: `write ${entry.name} = 30m`,
      });
    }
  }
  if (block.entries.length === 0) {
    report.add("FMS014", "`session` sets no bound", block.keywordSpan, {
      help: "write max_duration = 8h or idle_timeout = 30m",
    });
  }
}
