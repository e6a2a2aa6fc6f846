// `faramesh test record`: a fixture from recorded traffic, each case answered again by the version in force as its record says. It
// reads files, writes one new file and asks no daemon.
import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { stackPaths } from "../../runtime/stack.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { countText, visible } from "../render.ts";
import { windowStart } from "../span.ts";
import type { Terminal } from "../terminal.ts";
import { readActivations, storedVersion } from "../versions.ts";
import { walDirFor } from "../wal.ts";

const windowDefault = "1h";
const outDefault = "tests/recorded.fmtest.json";
const callsDefault = 1_000;
/** As many calls as a fixture may have. */
const callsMost = 100_000;

export class TestRecordCommand extends FarameshCommand {
  static override paths = [["test", "record"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "write a fixture from recorded calls",
    details:
      "Takes the decisions of a window, each different call once, and writes what was asked and answered. Only what the version in force answers again so is written: by itself, or in a sequence of all that its agent called. Values that were redacted stay redacted, and a call whose rules read one is left out. Exit codes: 0, 1 there is nothing to write, or the file is there already.",
    examples: [
      ["The last hour", "faramesh test record"],
      ["A day, into a file of its own", "faramesh test record --since 24h --out tests/monday.fmtest.json"],
    ],
  });
  readonly since = Option.String("--since", windowDefault, { description: "the window (default 1h)" });
  readonly out = Option.String("--out", outDefault, { description: `the file (default ${outDefault})` });
  readonly limit = Option.String("--limit", String(callsDefault), {
    description: `calls that are taken, oldest first (default ${callsDefault})`,
  });

  async run(io: Terminal): Promise<number> {
    const limit = Number(this.limit);
    if (!Number.isInteger(limit) || limit < 1 || limit > callsMost)
      throw new Stop(`--limit is a whole number from 1 to ${callsMost}`, undefined, exits.usage);
    const window = windowStart(this.since);
    const walDir = await walDirFor(this.dir, io.env);
    const active = existsSync(walDir) ? (await readActivations(walDir)).at(-1) : undefined;
    if (active === undefined) throw new Stop("there is no log yet: nothing was recorded", "start with: faramesh apply");
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const { recordedCases } = await import("../fixtures/recorded.ts");
    const load = (image: Uint8Array) => loadPolicySync(image, { state: "volatile" });
    const { cases, total, repeated, beyond, notReplayable, otherwise } = await recordedCases({
      walDir,
      policiesDir: stackPaths(this.dir).policies,
      active: load(storedVersion(this.dir, active).image),
      load,
      sinceUs: window.us,
      callsMax: limit,
    });
    if (cases.length === 0)
      throw new Stop(
        `no recorded call of the window can be written: ${countText(total, "decision")}, ${notReplayable} not replayable, ${otherwise} answered otherwise now`,
        "--since widens the window",
      );
    const path = resolve(this.dir, this.out);
    const { runLine, writeFixture } = await import("../fixtures/write.ts");
    writeFixture(path, "recorded", cases);
    const file = relative(this.dir, path);
    const left = { repeated, beyond, not_replayable: notReplayable, otherwise };
    io.json({ written: file, window: this.since, total, cases: cases.length, ...left });
    io.say(
      `${io.paint.green("✓")} ${visible(file)} written, ${countText(cases.length, "case")} of ${countText(total, "decision")}`,
    );
    const line = runLine(file);
    if (line !== null) io.say(line);
    if (repeated > 0) io.note(`  ${countText(repeated, "call")} of the same words and answer`);
    if (beyond > 0) io.note(`  ${countText(beyond, "call")} beyond --limit ${limit}`);
    if (notReplayable > 0)
      io.note(`  ${countText(notReplayable, "call")} not replayable: what rules read was not kept`);
    if (otherwise > 0)
      io.note(`  ${countText(otherwise, "call")} answered otherwise now: counters, grants or an earlier version`);
    return exits.ok;
  }
}
