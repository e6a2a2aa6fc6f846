// `faramesh audit witness`: shows the log's checkpoint to a witness and keeps what it signs. A witness that has seen another
// history is told of, and never argued with.
import { join } from "node:path";
import { Command, Option } from "clipanion";
import { nodeDisk, readWhole, replaceFile } from "../../runtime/disk.ts";
import { askWitness, type WitnessReply } from "../../runtime/doors/witness.ts";
import { parseCheckpoint, type TreeHead } from "../../runtime/log/checkpoint.ts";
import { consistencyProof } from "../../runtime/log/merkle.ts";
import {
  type Note,
  noteLimitBytes,
  parseNote,
  parseSignatureLine,
  parseVerifierKey,
  signaturesMax,
  signedBy,
  type VerifierKey,
} from "../../runtime/log/note.ts";
import { checkpointFileName, witnessedFileName } from "../../runtime/log/segments.ts";
import { subtreesOnDisk } from "../../runtime/log/tile-reader.ts";
import { pinnedKeys } from "../anchors.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";

interface Stored extends TreeHead {
  readonly text: string;
  readonly note: Note;
}

export class AuditWitnessCommand extends FarameshCommand {
  static override paths = [["audit", "witness"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "have a witness sign the log's checkpoint",
    details:
      "Keeps the signature beside the checkpoint; audit verify counts the records under it as anchored when the witness's key stands in faramesh.vkey. Exit codes: 0, 1 the witness did not sign, 5 it has seen another history of this log.",
    examples: [["Every hour, from cron", "faramesh audit witness --url http://witness.example:7340"]],
  });
  readonly url = Option.String("--url", { required: true, description: "the witness's address" });
  readonly key = Option.String("--key", { description: "its key (default: the witnesses' keys of faramesh.vkey)" });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const prefix = URL.canParse(this.url) ? new URL(this.url) : null;
    if (prefix === null || !/^https?:$/.test(prefix.protocol)) {
      throw new Stop("--url is http://host:port", undefined, exits.usage);
    }
    const keys = this.#keys();
    const checkpoint = readStored(walDir, checkpointFileName);
    if (checkpoint === null) throw new Stop("the log has no checkpoint yet", "the daemon writes one: faramesh apply");
    const witnessed = readStored(walDir, witnessedFileName);
    const reply = await submit(walDir, prefix, checkpoint, witnessed?.size ?? 0);
    const text = cosigned(checkpoint, witnessed, reply, keys);
    replaceFile(nodeDisk, join(walDir, witnessedFileName), Buffer.from(text));
    io.json({ size: checkpoint.size, root: checkpoint.root });
    io.say(`${io.paint.green("✓")} the witness has signed the checkpoint over ${checkpoint.size} records`);
    return exits.ok;
  }

  #keys(): readonly VerifierKey[] {
    const given = this.key === undefined ? null : parseVerifierKey(this.key);
    if (this.key !== undefined && given?.kind !== "witness") throw new Stop("--key is no witness's key");
    const keys = given === null ? (pinnedKeys(undefined, this.dir) ?? []) : [given];
    const witnesses = keys.filter(({ kind }) => kind === "witness");
    if (witnesses.length > 0) return witnesses;
    throw new Stop("no witness's key is known", "put it into faramesh.vkey, or give it with --key");
  }
}

function readStored(walDir: string, name: string): Stored | null {
  const path = join(walDir, name);
  if (nodeDisk.identity(path) === null) return null;
  const bytes = readWhole(nodeDisk, path, noteLimitBytes);
  const note = parseNote(bytes);
  const says = note === null ? null : parseCheckpoint(note.text);
  if (note === null || says === null) throw new Stop(`${name} is no checkpoint`, "see: faramesh audit verify", 5);
  return { text: Buffer.from(bytes).toString("utf8"), note, size: says.size, root: says.root };
}

/** Asks from the size that the witness saw last, which it tells when we do not know it. Throws Stop. */
async function submit(walDir: string, url: URL, checkpoint: Stored, oldSize: number): Promise<WitnessReply> {
  let from = Math.min(oldSize, checkpoint.size);
  for (let attempt = 0; attempt < 2; attempt++) {
    const subtree = subtreesOnDisk(nodeDisk, walDir, checkpoint.size);
    const proof = consistencyProof(from, checkpoint.size, subtree).map((hash) =>
      Buffer.from(hash, "hex").toString("base64"),
    );
    const body = `${[`old ${from}`, ...proof].join("\n")}\n\n${checkpoint.text}`;
    let reply: WitnessReply;
    try {
      reply = await askWitness(url, body);
    } catch (error) {
      throw new Stop(`the witness cannot be asked: ${visible(error instanceof Error ? error.message : String(error))}`);
    }
    if (reply.status === 200) return reply;
    if (reply.status === 422) {
      throw new Stop("the witness has seen another history of this log", "see: faramesh audit verify", exits.logBroken);
    }
    const seen = /^(0|[1-9][0-9]{0,15})\n$/.exec(reply.body)?.[1];
    if (reply.status !== 409 || seen === undefined) {
      throw new Stop(`the witness did not sign: ${reply.status} ${visible(reply.body.slice(0, 200).trimEnd())}`);
    }
    if (Number(seen) > checkpoint.size) {
      const message = `the witness has seen ${seen} records of this log, whose checkpoint covers ${checkpoint.size}`;
      throw new Stop(message, "a daemon that runs may be ahead of its checkpoint; otherwise records are gone", 5);
    }
    from = Number(seen);
  }
  throw new Stop("the witness did not sign: others ask it at the same time", "try again");
}

/** The checkpoint with the witnesses' signatures that hold, those of before included. Throws Stop where none does. */
function cosigned(
  checkpoint: Stored,
  before: Stored | null,
  { body }: WitnessReply,
  keys: readonly VerifierKey[],
): string {
  const lines = body.split("\n").filter((line) => parseSignatureLine(line) !== null);
  const good = lines.filter((line) => {
    const note = parseNote(Buffer.from(`${checkpoint.note.text}\n${line}\n`));
    return note !== null && (signedBy(note, keys)?.length ?? 0) > 0;
  });
  if (good.length === 0) throw new Stop("the witness's signature is not that of a known key");
  const others = before?.note.text === checkpoint.note.text ? before.text.split("\n\n").at(-1) : undefined;
  const own = checkpoint.text.slice(checkpoint.note.text.length + 1);
  const all = new Set([...own.split("\n"), ...(others ?? "").split("\n"), ...good].filter((line) => line !== ""));
  return `${checkpoint.note.text}\n${[...all].slice(0, signaturesMax).join("\n")}\n`;
}
