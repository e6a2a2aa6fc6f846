// `faramesh selftest`: whether this installation does on this machine and this disk what it promises. It makes a folder of its own, tries
// everything there, and removes it; the stack and its log are never touched.
import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { Command, Option } from "clipanion";
import type { SuiteName, SuiteReport, Watcher } from "../../runtime/selftest/self-test.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { openProgress, type Progress } from "../progress.ts";
import { countText, numberText } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { walDirFor } from "../wal.ts";

const seedMax = 2 ** 31 - 1;

const holds: Readonly<Record<SuiteName, (report: SuiteReport) => string>> = {
  engine: ({ runs, told }) => `${countText(runs, "call")}: ${told}`,
  tampering: ({ runs, told }) => `${countText(runs, "change")} to a log of ${told}: all found`,
  rollback: ({ runs, told }) => `${countText(runs, "earlier state")} of a log in its place: ${told}`,
  "disk errors": ({ runs, told }) =>
    `${countText(runs, "failing disk")} (${told}): nothing lost, nothing acknowledged behind one`,
  kills: ({ runs, told }) => `${countText(runs, "killed writer")}, ${told}: nothing acknowledged is missing`,
};

export class SelfTestCommand extends FarameshCommand {
  static override paths = [["selftest"]];
  static override usage = Command.Usage({
    category: "Operation",
    description: "try the engine and the log on this machine",
    details:
      "Judges written-down calls, tampers with a log and looks whether verification finds it. With --faults also kills writers and fails a disk at every third call that writes, beside your log: a minute or two. Your stack is not touched. Exit codes: 0, 1 something does not hold.",
    examples: [
      ["After an installation", "faramesh selftest"],
      ["Before trusting a disk", "faramesh selftest --faults"],
    ],
  });
  readonly faults = Option.Boolean("--faults", false, { description: "with kills and a failing disk" });
  readonly on = Option.String("--on", {
    description: "a folder on the disk to try (default: the one that holds the log)",
  });
  readonly seed = Option.String("--seed", { description: "of the moments of kills, to repeat a run" });

  async run(io: Terminal): Promise<number> {
    const seed = this.seed === undefined ? randomInt(seedMax) : seedOf(this.seed);
    const dir = this.on ?? placeOf(await walDirFor(this.dir, io.env), this.dir);
    if (!existsSync(dir)) throw new Stop(`there is no folder ${dir}`, "name one with --on");
    const { selfTest } = await import("../../runtime/selftest/self-test.ts");
    let progress: Progress | null = null;
    const watcher: Watcher = {
      begin: async (name) => {
        const bar = await openProgress(io, name);
        progress = bar;
        return (done, total) => bar.update(done, total, `${numberText(done)} of ${numberText(total)}`);
      },
      end: (report) => {
        progress?.stop();
        tell(io, report);
      },
    };
    const reports = await selfTest({ dir, faults: this.faults, seed, watcher });
    const ok = reports.every(({ findings }) => findings.length === 0);
    io.json({ ok, seed, suites: reports.map((report) => ({ ...report, ok: report.findings.length === 0 })) });
    if (!ok) io.complain(`  the same again: faramesh selftest${this.faults ? " --faults" : ""} --seed ${seed}`);
    else if (!this.faults) io.say("→ with kills and a failing disk: faramesh selftest --faults");
    return ok ? exits.ok : exits.failed;
  }
}

/** Beside the log, on its disk; where there is none yet, in the stack's folder. */
function placeOf(walDir: string, dir: string): string {
  return existsSync(dirname(walDir)) ? dirname(walDir) : dir;
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed <= seedMax) return seed;
  throw new Stop("--seed is a whole number", "for instance: --seed 7", exits.usage);
}

function tell(io: Terminal, report: SuiteReport): void {
  const { name, findings, seconds } = report;
  const took = io.paint.dim(`${seconds.toFixed(1)} s`);
  if (findings.length === 0) {
    io.line(`${io.paint.green("✓")} ${name}  ${holds[name](report)}  ${took}`);
    return;
  }
  io.line(`${io.paint.red("✗")} ${name}  ${took}`);
  for (const finding of findings) io.line(`    ${finding}`);
}
