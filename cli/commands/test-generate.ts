// `faramesh test generate`: a fixture for every rule and boundary of the policy, by exact reasoning, each case put to the policy
// before it is written. It writes one new file and asks no daemon.
import { relative, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { compilePolicy, readPolicyFile } from "../policy-file.ts";
import { columns, countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const outDefault = "tests/generated.fmtest.json";

export class TestGenerateCommand extends FarameshCommand {
  static override paths = [["test", "generate"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "write a fixture that reaches every rule and boundary",
    details:
      "Reasons about every possible call, and writes for each rule a call that it decides, and one on each side of every number that a condition compares with. Each was put to the policy first: the expectations are what it says today. Exit codes: 0, 1 the file is there already, or the policy does not compile.",
    examples: [
      ["Into tests/generated.fmtest.json", "faramesh test generate"],
      ["Into another file", "faramesh test generate --out tests/refunds.fmtest.json"],
    ],
  });
  readonly out = Option.String("--out", outDefault, { description: `the file (default ${outDefault})` });

  async run(io: Terminal): Promise<number> {
    const { image, stack } = await compilePolicy(io, this.dir, readPolicyFile(this.dir));
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const { generateCases } = await import("../fixtures/generate.ts");
    const { cases, missing, leftOut } = generateCases(stack, loadPolicySync(image, { state: "volatile" }));
    if (cases.length === 0) throw new Stop("the policy has no rule that a call could be found for");
    const path = resolve(this.dir, this.out);
    const { runLine, sourceLine, writeFixture } = await import("../fixtures/write.ts");
    writeFixture(path, "generated", cases);
    const unreached = missing.map((rule) => sourceLine(stack.sources, rule));
    const file = relative(this.dir, path);
    io.json({ written: file, cases: cases.length, left_out: leftOut, unreached });
    io.say(`${io.paint.green("✓")} ${visible(file)} written, ${countText(cases.length, "case")}`);
    const line = runLine(file);
    if (line !== null) io.say(line);
    if (leftOut > 0)
      io.note(
        `  ${countText(leftOut, "call")} left out: their answer hangs on counters, or on rollouts that end apart`,
      );
    if (unreached.length > 0) io.note("  no call is known that reaches:");
    for (const line of columns(unreached.map(({ place, text }): [string, string] => [place, visible(text)])))
      io.note(`    ${line}`);
    return exits.ok;
  }
}
