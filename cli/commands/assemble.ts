// `faramesh assemble`: a listing that `disassemble` printed, back to an image, as it was or with lines changed. The image is
// proved as the daemon proves it before it is written, and a file that is there is never written over.
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { createProjectFile } from "../../runtime/disk.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const listingLimitBytes = 512 * 1024 * 1024;

export class AssembleCommand extends FarameshCommand {
  static override paths = [["assemble"]];
  static override usage = Command.Usage({
    category: "Operation",
    description: "write the image of a listing",
    details:
      "The inverse of disassemble: an unchanged listing gives the same bytes. Exit codes: 0, 1 the listing cannot be read, or no machine would run its image.",
    examples: [
      ["There and back", "faramesh disassemble > policy.lst && faramesh assemble policy.lst --out policy.image"],
    ],
  });
  readonly file = Option.String({ name: "file" });
  readonly out = Option.String("--out", { required: true, description: "a new file for the image" });

  async run(io: Terminal): Promise<number> {
    const image = await imageOf(this.file, readListing(this.file));
    const { LoadFailure, loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    try {
      const { policy_hash, image_hash } = loadPolicySync(image, { state: "volatile" }).info;
      if (!createProjectFile(resolve(this.out), image)) {
        throw new Stop(
          `${visible(this.out)} exists already; assemble never overwrites a file`,
          "name another one with --out",
        );
      }
      io.json({ file: this.out, bytes: image.length, policy_hash, image_hash });
      const size = countText(image.length, "byte");
      io.say(`${io.paint.green("✓")} ${visible(this.out)} written (${size}), policy ${policy_hash.slice(0, 8)}`);
      return exits.ok;
    } catch (error) {
      if (!(error instanceof LoadFailure)) throw error;
      throw new Stop(
        `${visible(this.file)} is a listing of what no machine runs: ${error.message}`,
        "faramesh disassemble prints one that it does",
      );
    }
  }
}

function readListing(file: string): string {
  const path = resolve(file);
  const stats = statSync(path, { throwIfNoEntry: false });
  const help = "faramesh disassemble > policy.lst writes one";
  if (stats === undefined) throw new Stop(`there is no file ${visible(file)}`, help);
  if (!stats.isFile()) throw new Stop(`${visible(file)} is not a file`, help);
  if (stats.size > listingLimitBytes)
    throw new Stop(`${visible(file)} has ${countText(stats.size, "byte")}; a listing has at most 512 MiB`);
  return readFileSync(path, "utf8");
}

async function imageOf(file: string, text: string): Promise<Uint8Array> {
  const { assemble, ListingFailure } = await import("../../compiler/index.ts");
  try {
    return assemble(text);
  } catch (error) {
    if (!(error instanceof ListingFailure)) throw error;
    throw new Stop(
      `${visible(file)}:${error.line}: ${visible(error.message)}`,
      "a listing is what faramesh disassemble prints",
    );
  }
}
