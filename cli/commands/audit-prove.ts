// `faramesh audit prove`: one record's proof as a file that anybody can check with the log's public key alone. What it writes
// it has checked itself.
import { join, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { createProjectFile, nodeDisk, readWhole } from "../../runtime/disk.ts";
import { askOperator, NotRunning } from "../../runtime/doors/client.ts";
import { prefixBytes } from "../../runtime/log/line.ts";
import { inclusionProof } from "../../runtime/log/merkle.ts";
import { noteLimitBytes } from "../../runtime/log/note.ts";
import { type ProofFile, parseProof, proofText, provesEntry } from "../../runtime/log/proof-file.ts";
import { checkpointFileName } from "../../runtime/log/segments.ts";
import { subtreesOnDisk } from "../../runtime/log/tile-reader.ts";
import { readAnchor } from "../anchors.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { findRecord } from "../find-record.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";

export class AuditProveCommand extends FarameshCommand {
  static override paths = [["audit", "prove"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "write a record's proof, which holds without the log",
    details:
      "Named as in audit show. A record newer than the last checkpoint gets one from the running daemon. Exit codes: 0, 1 not found or not signed yet, 5 the log is broken.",
    examples: [["For whoever was refused", "faramesh audit prove action-01J --out refund.tlog-proof"]],
  });
  readonly id = Option.String({ name: "id" });
  readonly out = Option.String("--out", { description: "a new file (default: standard output)" });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const { seq, line } = await findRecord(walDir, this.id);
    if (coveredSize(walDir) < seq) await this.#askForCheckpoint(seq);
    const { text, proof } = prove(walDir, seq, Buffer.from(line));
    const { size, origin } = proof.checkpoint;
    io.json({ seq, size, origin, out: this.out === undefined ? null : resolve(this.dir, this.out), proof: text });
    if (this.out === undefined) {
      if (!io.isJson) io.raw(text);
      return exits.ok;
    }
    if (!createProjectFile(resolve(this.dir, this.out), text)) throw new Stop(`${visible(this.out)} is there already`);
    io.say(`${io.paint.green("✓")} ${visible(this.out)}: record ${seq}, under the checkpoint over ${size} records`);
    return exits.ok;
  }

  async #askForCheckpoint(seq: number): Promise<void> {
    try {
      await askOperator(this.dir, "checkpoint", {});
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error;
      throw new Stop(`no checkpoint covers record ${seq} yet`, "the daemon writes one when it starts: faramesh apply");
    }
  }
}

/** Records under the stored checkpoint; 0 without one. */
function coveredSize(walDir: string): number {
  const path = join(walDir, checkpointFileName);
  return nodeDisk.identity(path) === null ? 0 : readAnchor(path).size;
}

function prove(walDir: string, seq: number, line: Buffer): { readonly text: string; readonly proof: ProofFile } {
  const broken = (why: string): Stop => new Stop(why, "see: faramesh audit verify", exits.logBroken);
  const note = Buffer.from(readWhole(nodeDisk, join(walDir, checkpointFileName), noteLimitBytes)).toString("utf8");
  const size = coveredSize(walDir);
  if (size < seq) throw broken(`the checkpoint covers ${size} records only`);
  const hashes = inclusionProof(seq - 1, size, subtreesOnDisk(nodeDisk, walDir, size));
  // The entry as the tree has it: `{` and what follows the hash.
  const entry = Buffer.concat([Buffer.from("{"), line.subarray(prefixBytes)]);
  const text = proofText(entry, seq - 1, hashes, note);
  const proof = parseProof(Buffer.from(text));
  if (proof === null || !provesEntry(proof)) throw broken(`tiles and checkpoint do not prove record ${seq}`);
  return { text, proof };
}
