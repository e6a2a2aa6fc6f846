// `faramesh explain rule`: one rule of the policy in force and the recorded decisions that it made. Reads files alone.
import { Command, Option } from "clipanion";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { columns, countText, numberText, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { readActivations, storedVersion } from "../versions.ts";
import { existingWalDir } from "../wal.ts";
import { recordsOf } from "../whole-log.ts";

export class ExplainRuleCommand extends FarameshCommand {
  static override paths = [["explain", "rule"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "show a rule of the policy in force and what it decided",
    details: "Named by its number (rule#3) or its place (governance.fms:12). Exit codes: 0, 1 not found.",
    examples: [
      ["By number", "faramesh explain rule 3"],
      ["By place", "faramesh explain rule governance.fms:12"],
    ],
  });
  readonly rule = Option.String({ name: "rule" });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const active = (await readActivations(walDir)).at(-1);
    if (active === undefined) throw new Stop("no policy was applied here yet", "begin with: faramesh apply");
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const { ruleDigest } = await import("../../runtime/policy.ts");
    const rules = loadPolicySync(storedVersion(this.dir, active).image, { state: "volatile" }).rules();
    const wanted = /^(?:rule)?#?(\d{1,6})$/.exec(this.rule)?.[1];
    const found = rules.find((rule) =>
      wanted === undefined ? `${rule.file}:${rule.line}` === this.rule : rule.index + 1 === Number(wanted),
    );
    if (found === undefined) {
      throw new Stop(
        `v${active.number} has no rule \`${visible(this.rule)}\``,
        `it has ${countText(rules.length, "rule")}; a place is governance.fms:12`,
      );
    }
    const digest = ruleDigest(found.agent, found.text);
    const counts: Record<string, number> = {};
    let last: string | null = null;
    for await (const { value } of recordsOf(io, walDir)) {
      if (value.type !== "decision" || value.rule_digest !== digest) continue;
      const effect = String(value.would ?? value.effect);
      counts[effect] = (counts[effect] ?? 0) + 1;
      last = String(value.time);
    }
    const { index, agent, effect, pattern, text, reason, notify, phase, file, line } = found;
    const place = file === null ? null : `${file}:${line}`;
    io.json({
      number: index + 1,
      agent,
      effect,
      pattern,
      text,
      reason,
      notify,
      phase,
      rule_ref: place,
      version: `v${active.number}`,
      decisions: counts,
      last,
    });
    io.line(`rule#${index + 1} ${visible(text)}`);
    const decided = Object.entries(counts).map(([name, count]) => `${numberText(count)} ${visible(name)}`);
    const rows: (readonly [string, string | null])[] = [
      ["policy", `v${active.number}`],
      ["place", place],
      ["agent", agent === "" ? "flat rules" : agent],
      ["phase", phase],
      ["reason", reason],
      ["notify", notify.join(", ") || null],
      ["decided", decided.join(", ") || "nothing that is recorded"],
      ["last", last === null ? null : toSeconds(last)],
    ];
    const shown = rows.flatMap(([name, value]) =>
      value === null ? [] : [[`  ${io.paint.dim(name)}`, visible(value)]],
    );
    for (const row of columns(shown)) io.line(row);
    return exits.ok;
  }
}
