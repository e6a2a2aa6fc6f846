// `faramesh fmt`: the policy's file in its canonical layout. It writes that one file, and only what the formatter gives
// back; a crash leaves the old text or the new one.
import { chmodSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "clipanion";
import type { Dialect } from "../../compiler/format.ts";
import { nodeDisk, replaceFile } from "../../runtime/disk.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { changedLines, type DiffLine } from "../line-diff.ts";
import { frames, readPolicyFile } from "../policy-file.ts";
import { countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

/** Lines of the difference that --check prints, and members of the list in its JSON. */
const shownLinesMax = 60;
const permissionBits = 0o7777;

export class FmtCommand extends FarameshCommand {
  static override paths = [["fmt"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "write the policy's file in its canonical layout, comments kept",
    details:
      "Changes nothing in what the policy means. Exit codes: 0, 1 syntax errors, or with --check a file that would change.",
    examples: [
      ["Lay out the policy in place", "faramesh fmt"],
      ["Fail where something would change, and show it", "faramesh fmt --check"],
    ],
  });
  readonly check = Option.Boolean("--check", false, { description: "write nothing; fail when the file would change" });
  readonly dialect = Option.String("--dialect", "new", {
    description: 'new: `if c reason "x"`, `name = value`; old: `when c reason: "x"`, `name: value`',
  });

  async run(io: Terminal): Promise<number> {
    const dialect = dialectOf(this.dialect);
    const source = readPolicyFile(this.dir);
    if (/\.(ya?ml|json)$/.test(source.file)) {
      throw new Stop(`${source.file} has no canonical layout`, "fmt lays out policies in text: governance.fms");
    }
    const { format } = await import("../../compiler/format.ts");
    const result = format(source.text, { dialect, file: source.file });
    if ("findings" in result) {
      for (const frame of await frames(result.findings, [source], io.isColored)) io.complain(frame);
      const errors = countText(result.findings.length, "error");
      throw new Stop(`${source.file} cannot be laid out: ${errors}`, "nothing was changed; see: faramesh check");
    }
    const isChanged = result.text !== source.text;
    const changes = this.check && isChanged ? changedLines(source.text, result.text) : [];
    if (isChanged && !this.check) write(join(this.dir, source.file), result.text);
    io.json({
      file: source.file,
      dialect,
      changed: isChanged,
      written: isChanged && !this.check,
      changes: changes.slice(0, shownLinesMax),
      changes_left_out: Math.max(0, changes.length - shownLinesMax),
    });
    if (isChanged && this.check) {
      io.line(`${io.paint.red("✗")} ${source.file} is not in its canonical layout`);
      show(io, changes);
      io.note("  write it with: faramesh fmt");
      return exits.failed;
    }
    io.say(`${io.paint.green("✓")} ${source.file} ${isChanged ? "laid out" : "is in its canonical layout"}`);
    return exits.ok;
  }
}

function dialectOf(word: string): Dialect {
  if (word === "new" || word === "old") return word;
  throw new Stop(`--dialect is new or old, not \`${visible(word)}\``, undefined, exits.usage);
}

/** Replaces the file, or the one that a link in its place leads to, and gives it back its permissions. */
function write(path: string, text: string): void {
  const real = realpathSync(path);
  const mode = statSync(real).mode & permissionBits;
  replaceFile(nodeDisk, real, Buffer.from(text));
  chmodSync(real, mode);
}

function show(io: Terminal, changes: readonly DiffLine[]): void {
  let previous: DiffLine | undefined;
  for (const line of changes.slice(0, shownLinesMax)) {
    if (line.mark === " " && previous !== undefined && previous.mark === " " && line.line > previous.line + 1) {
      io.line("  …");
    }
    previous = line;
    const text = `  ${line.mark} ${visible(line.text)}`.trimEnd();
    io.line(line.mark === "-" ? io.paint.red(text) : line.mark === "+" ? io.paint.green(text) : io.paint.dim(text));
  }
  if (changes.length > shownLinesMax) io.line(`  … ${countText(changes.length - shownLinesMax, "more line")}`);
}
