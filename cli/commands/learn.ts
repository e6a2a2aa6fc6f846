// `faramesh learn`: the policy of the folder narrowed to what recorded traffic needed, as a patch of the author's text. It asks no
// daemon; it writes a new file where it is told one, and never the policy itself.
import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { createProjectFile } from "../../runtime/disk.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { type CompiledPolicy, compilePolicy, readPolicyFile } from "../policy-file.ts";
import { countText, visible } from "../render.ts";
import { windowStart } from "../span.ts";
import type { Terminal } from "../terminal.ts";
import { walDirFor } from "../wal.ts";

const windowDefault = "7d";

export class LearnCommand extends FarameshCommand {
  static override paths = [["learn"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "narrow the policy to what recorded traffic needed",
    details:
      "Each permit is narrowed to the calls that it let through in the window, or removed where it let none; what people approved becomes a permit before the rule that deferred it. The patch is shown with what it opens and closes, of every possible call. Exit codes: 0, 1 there is nothing to learn from, or the policy does not compile.",
    examples: [
      ["From the last week", "faramesh learn"],
      ["Into a new file, to be read and compared", "faramesh learn --since 30d --out governance.learned.fms"],
    ],
  });
  readonly since = Option.String("--since", windowDefault, { description: "the window (default 7d)" });
  readonly out = Option.String("--out", { description: "write the narrowed policy to a new file" });

  async run(io: Terminal): Promise<number> {
    const window = windowStart(this.since);
    const source = readPolicyFile(this.dir);
    if (/\.(ya?ml|json)$/i.test(source.file))
      throw new Stop(`${source.file} is not text: a patch is of the author's own words`, "faramesh convert --to fms");
    const before = await compilePolicy(io, this.dir, source);
    const walDir = await walDirFor(this.dir, io.env);
    if (!existsSync(walDir)) throw new Stop("there is no log yet: nothing was recorded", "start with: faramesh apply");
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const load = (image: Uint8Array) => loadPolicySync(image, { state: "volatile" });
    const policy = load(before.image);
    const { samplesOf } = await import("../learn/samples.ts");
    const { policies: policiesDir } = stackPaths(this.dir);
    const samples = await samplesOf({ walDir, policiesDir, policy, load, sinceUs: window.us });
    if (samples.permitted.size + samples.approved.size === 0)
      throw new Stop(
        `nothing to learn from: ${countText(samples.total, "call")} of the window got through, none by a rule of ${source.file}`,
        "--since widens the window",
      );
    const { learnedText } = await import("../learn/patch.ts");
    const { text, ...counts } = learnedText(source, before.stack, policy, samples);
    const after = await narrowed(before, text);
    const { accessBetween, printAccess } = await import("../access.ts");
    const access = await accessBetween(before, after);
    const { changedLines } = await import("../line-diff.ts");
    const changes = changedLines(source.text, text);
    if (this.out !== undefined) this.#write(text);
    io.json({
      window: this.since,
      calls: samples.total,
      not_replayable: samples.notReplayable,
      otherwise: samples.otherwise,
      narrowed: counts.narrowed,
      removed: counts.removed,
      added: counts.added,
      left_to_people: counts.leftToPeople,
      opened: access.gained.length,
      closed: access.lost.length,
      unknown: access.unknown.length,
      written: this.out === undefined ? null : relative(this.dir, resolve(this.dir, this.out)),
      changes,
      text,
    });
    for (const { mark, text: line } of changes) io.line(`${mark} ${visible(line)}`);
    if (changes.length > 0) printAccess(io, access);
    else io.line("The policy is as narrow as what was called: nothing to change.");
    if (counts.leftToPeople > 0)
      io.note(`${countText(counts.leftToPeople, "approved call")} left to people: too few, or too little in common`);
    const unread = samples.notReplayable + samples.otherwise + samples.beyond;
    if (unread > 0)
      io.note(`${countText(unread, "call")} of ${samples.total} not learned from: not kept, or decided otherwise now`);
    if (this.out !== undefined) io.say(`${io.paint.green("✓")} ${visible(this.out)} written`);
    return exits.ok;
  }

  #write(text: string): void {
    const path = resolve(this.dir, this.out ?? "");
    if (!createProjectFile(path, text)) throw new Stop(`${visible(path)} is there already`, "name another file");
  }
}

/** The new text must compile as the old one did. */
async function narrowed(
  { source, gathered }: CompiledPolicy,
  text: string,
): Promise<Pick<CompiledPolicy, "stack" | "image">> {
  const { compile } = await import("../../compiler/index.ts");
  const { image, stack, diagnostics } = compile(text, { file: source.file, imports: gathered.resolve });
  const wrong = diagnostics.find(({ severity }) => severity === "error");
  if (image !== undefined && stack !== undefined) return { image, stack };
  throw new Error(`the narrowed policy does not compile: ${wrong?.message}`);
}
