// `faramesh audit reveal` and `audit erase`: whether a value is the one that was redacted, and the end of that question. A value is
// read from standard input, never from the command line, where every process of the machine could see it.
import { Command, Option } from "clipanion";
import { nodeDisk } from "../../runtime/disk.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { type Json, type JsonObject, parseJson } from "../../runtime/json.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { type RedactedPlace, redactedPlaces } from "../../runtime/log/redact.ts";
import { commitment, findSalt } from "../../runtime/log/salts.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { findRecord } from "../find-record.ts";
import { columns, countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";

const category = "Log";
/** Members of records that hold what agents and tools supplied. */
const suppliedMembers = ["args", "inputs", "delegation", "result"];
/** Longest value that is read, bytes; a record's arguments are shorter. */
const valueMaxBytes = 8 * 1024 * 1024;

export class AuditRevealCommand extends FarameshCommand {
  static override paths = [["audit", "reveal"]];
  static override usage = Command.Usage({
    category,
    description: "say whether a value is the one that was redacted",
    details:
      "Reads the value from standard input, as JSON or as text. Without a path: the redacted places of the record. Exit codes: 0, 1 another value, or not provable.",
    examples: [
      ["What was redacted", "faramesh audit reveal action-01J…"],
      ["Is it this card?", "faramesh audit reveal action-01J… args.card < card.txt"],
    ],
  });
  readonly id = Option.String({ name: "id" });
  readonly place = Option.String({ name: "path", required: false });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const { value: record, seq } = await findRecord(walDir, this.id);
    const places = placesOf(record);
    if (places.length === 0) throw new Stop(`nothing was redacted in record ${seq}`);
    if (this.place === undefined) return list(io, walDir, seq, places);
    const place = placeNamed(places, this.place);
    const salt = findSalt(nodeDisk, walDir, place.commitment);
    if (salt === null) {
      throw new Stop(
        `the salt of ${visible(place.path)} is gone: no value can be proved or disproved`,
        "it was erased, or lost in a crash",
      );
    }
    const as = formOf(await given(io), salt, place.commitment);
    if (as === null) throw new Stop(`${visible(place.path)} of record ${seq} was another value`);
    io.json({ seq, path: place.path, commitment: place.commitment, salt: Buffer.from(salt).toString("hex"), as });
    const said = as === "json" ? "this value" : "this text";
    io.say(`${io.paint.green("✓")} ${visible(place.path)} of record ${seq} was ${said}`);
    io.say(`  commitment ${place.commitment}, salt ${Buffer.from(salt).toString("hex")}`);
    return exits.ok;
  }
}

export class AuditEraseCommand extends FarameshCommand {
  static override paths = [["audit", "erase"]];
  static override usage = Command.Usage({
    category,
    description: "forget the salts of redacted values: nobody can prove them any more",
    details:
      "Of all records of one action, or with --before of all days before one. The log itself is not changed and verifies as before; the order is a record. Needs the daemon. Exit codes: 0, 1 nothing was erased.",
    examples: [
      ["One call's", 'faramesh audit erase action-01J… --reason "request of the person"'],
      ["What is older than a year", "faramesh audit erase --before 2025-11-22"],
    ],
  });
  readonly before = Option.String("--before", { description: "a day in UTC: the salts of all days before it" });
  readonly reason = Option.String("--reason", { description: "kept in the log" });
  readonly id = Option.String({ name: "id", required: false });

  async run(io: Terminal): Promise<number> {
    if ((this.id === undefined) === (this.before === undefined)) {
      throw new Stop("either an action or --before says what is erased", undefined, exits.usage);
    }
    const reason = this.reason === undefined ? {} : { reason: this.reason };
    const actor = actorName(io.env);
    if (this.id === undefined) {
      const before = this.before ?? "";
      const { seq, erased } = await askOperator(this.dir, "erase_salts", { before, actor, ...reason });
      io.json({ seq, days: erased });
      io.say(
        `${io.paint.green("✓")} the salts of ${countText(erased, "day")} before ${visible(before)} are gone (record ${seq})`,
      );
      return exits.ok;
    }
    const walDir = await existingWalDir(this.dir, io.env);
    const { subject, commitments } = await commitmentsOf(walDir, this.id);
    if (commitments.length === 0) throw new Stop(`nothing was redacted in ${visible(subject)}`);
    const { seq, erased } = await askOperator(this.dir, "erase_salts", { commitments, subject, actor, ...reason });
    io.json({ seq, subject, salts: erased });
    const gone = commitments.length - erased;
    io.say(`${io.paint.green("✓")} ${countText(erased, "salt")} of ${visible(subject)} erased (record ${seq})`);
    if (gone > 0) io.note(`  ${countText(gone, "salt")} had gone before`);
    return exits.ok;
  }
}

function placesOf(record: JsonObject): RedactedPlace[] {
  return suppliedMembers.flatMap((member) => redactedPlaces(record[member] ?? null, member));
}

function placeNamed(places: readonly RedactedPlace[], path: string): RedactedPlace {
  const place = places.find((one) => one.path === path) ?? places.find((one) => one.path === `args.${path}`);
  if (place !== undefined) return place;
  const known = places.map((one) => visible(one.path)).join(", ");
  throw new Stop(`\`${visible(path)}\` was not redacted there`, `what was: ${known}`);
}

function list(io: Terminal, walDir: string, seq: number, places: readonly RedactedPlace[]): number {
  const shown = places.map(({ path, commitment: hash }) => {
    return { path, commitment: hash, provable: findSalt(nodeDisk, walDir, hash) !== null };
  });
  io.json({ seq, places: shown });
  const rows = shown.map((one) => [visible(one.path), one.commitment, one.provable ? "provable" : "its salt is gone"]);
  for (const line of columns(rows)) io.line(line);
  return exits.ok;
}

/** A value's JSON, or the text itself, whichever the commitment is to; null where neither. */
function formOf(bytes: Uint8Array, salt: Uint8Array, hash: string): "json" | "text" | null {
  const read = parseJson(bytes);
  if (read.ok && commitment(read.value, salt) === hash) return "json";
  const text = Buffer.from(bytes).toString("utf8");
  const candidates = [text, text.replace(/\r?\n$/, "")];
  return candidates.some((one) => commitment(one, salt) === hash) ? "text" : null;
}

async function given(io: Terminal): Promise<Uint8Array> {
  if (io.canAsk) io.note("the value, then Ctrl-D:");
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of io.stdin) {
    const bytes = Buffer.from(part as Uint8Array | string);
    parts.push(bytes);
    sizeBytes += bytes.length;
    if (sizeBytes > valueMaxBytes) throw new Stop(`the value is longer than ${valueMaxBytes} bytes`);
  }
  return Buffer.concat(parts);
}

/** Of all records of the action that a record is about. */
async function commitmentsOf(walDir: string, id: string): Promise<{ subject: string; commitments: string[] }> {
  const { value, seq } = await findRecord(walDir, id);
  const actionId: Json = value.action_id ?? null;
  if (typeof actionId !== "string") {
    return { subject: `record ${seq}`, commitments: placesOf(value).map((place) => place.commitment) };
  }
  const commitments = new Set<string>();
  for await (const record of readRecords(walDir, { fromSeq: 1 })) {
    if (record.value.action_id !== actionId) continue;
    for (const place of placesOf(record.value)) commitments.add(place.commitment);
  }
  return { subject: actionId, commitments: [...commitments] };
}
