// A witness (C2SP tlog-witness): cosigns a log's checkpoint when it continues the one it saw last, and nothing else. What it saw
// is on disk before it answers, so that no crash and no second request makes it sign two histories of one log.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Disk, readWhole, replaceFile } from "./disk.ts";
import { type Checkpoint, parseCheckpoint } from "./log/checkpoint.ts";
import { isConsistent, isHash } from "./log/merkle.ts";
import {
  cosignature,
  cosignedText,
  fromBase64,
  type Note,
  noteLimitBytes,
  parseNote,
  signatureLine,
  signedBy,
  type VerifierKey,
  verifierKey,
} from "./log/note.ts";
import type { SigningKey } from "./log/signing-key.ts";

/** A request's bytes: a note and 63 hashes are far below. */
export const witnessRequestLimitBytes = 128 * 1024;

const proofLinesMax = 63;

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly type: "text/plain; charset=utf-8" | "text/x.tlog.size";
  readonly body: string;
}

function answer(status: WitnessAnswer["status"], body: string): WitnessAnswer {
  return { status, type: "text/plain; charset=utf-8", body };
}

interface Request {
  readonly oldSize: number;
  readonly proof: readonly string[];
  readonly note: Note;
  readonly checkpoint: Checkpoint;
}

/** `old <size>`, the proof's hashes, an empty line, the checkpoint; null for anything else. */
function parseRequest(bytes: Uint8Array): Request | null {
  if (bytes.length > witnessRequestLimitBytes) return null;
  const text = Buffer.from(bytes).toString("utf8");
  const split = text.indexOf("\n\n");
  if (split < 0) return null;
  const [first = "", ...lines] = text.slice(0, split).split("\n");
  const old = /^old (0|[1-9][0-9]{0,15})$/.exec(first)?.[1];
  const proof = lines.map((line) => fromBase64(line)?.toString("hex") ?? "");
  const note = parseNote(Buffer.from(text.slice(split + 2)));
  const checkpoint = note === null ? null : parseCheckpoint(note.text);
  if (old === undefined || lines.length > proofLinesMax || !proof.every(isHash)) return null;
  if (note === null || checkpoint === null || !Number.isSafeInteger(Number(old))) return null;
  return { oldSize: Number(old), proof, note, checkpoint };
}

export interface WitnessParts {
  readonly disk: Disk;
  /** an existing directory of its own */
  readonly dir: string;
  readonly name: string;
  readonly key: SigningKey;
  /** keys of the logs that it knows */
  readonly logs: readonly VerifierKey[];
  /** seconds since 1970 */
  now(): number;
}

export class Witness {
  readonly verifierKey: VerifierKey;
  readonly #parts: WitnessParts;
  /** one request after another: looking and writing down must not be parted */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: WitnessParts) {
    this.#parts = parts;
    this.verifierKey = verifierKey(parts.name, "witness", parts.key.publicKey);
  }

  /** `add-checkpoint`. Rejects only where the witness's own disk or key fails; then nothing was signed. */
  addCheckpoint(body: Uint8Array): Promise<WitnessAnswer> {
    const result = this.#turn.then(() => this.#add(body));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #add(body: Uint8Array): Promise<WitnessAnswer> {
    const request = parseRequest(body);
    if (request === null) return answer(400, "the request is not as tlog-witness wants it\n");
    const { oldSize, proof, note, checkpoint } = request;
    const known = this.#parts.logs.filter(({ kind, name }) => kind === "log" && name === checkpoint.origin);
    if (known.length === 0) return answer(404, "the log is not known\n");
    const signed = signedBy(note, known);
    if (signed === null || signed.length === 0) return answer(403, "no key of the log has signed the checkpoint\n");
    if (oldSize > checkpoint.size) return answer(400, "the old size is larger than the checkpoint's\n");
    const path = join(this.#parts.dir, `${createHash("sha256").update(checkpoint.origin).digest("hex")}.checkpoint`);
    const last = this.#last(path);
    const lastSize = last?.size ?? 0;
    if (oldSize !== lastSize) return { status: 409, type: "text/x.tlog.size", body: `${lastSize}\n` };
    // The specification is of two minds: 409 without a size for another root of the same size, 422 for what proves nothing.
    const isSame = lastSize > 0 && lastSize === checkpoint.size;
    const continues =
      lastSize === 0
        ? proof.length === 0
        : isConsistent({ fromSize: lastSize, fromRoot: last?.root ?? "", ...checkpoint, proof });
    if (!continues) {
      this.#keepEvidence(path, note);
      return answer(
        422,
        isSame ? "another root of this size was seen\n" : "the proof does not lead from what was seen\n",
      );
    }
    // Before it answers, and whole or not at all.
    const seconds = this.#parts.now();
    const bytes = await this.#parts.key.sign(Buffer.from(cosignedText(note.text, seconds)));
    replaceFile(this.#parts.disk, path, Buffer.from(note.text));
    return answer(200, signatureLine(this.verifierKey, cosignature(seconds, bytes)));
  }

  #last(path: string): Checkpoint | null {
    if (this.#parts.disk.identity(path) === null) return null;
    const says = parseCheckpoint(Buffer.from(readWhole(this.#parts.disk, path, noteLimitBytes)).toString("utf8"));
    if (says === null) throw new Error(`${path} is no checkpoint: the witness cannot know what it signed`);
    return says;
  }

  /** The signed checkpoint that does not fit is the proof that the log has two histories; one for each log is kept. */
  #keepEvidence(path: string, note: Note): void {
    const { disk } = this.#parts;
    const lines = note.signatures.map(({ name, keyId, bytes }) => {
      return `\u2014 ${name} ${Buffer.concat([Buffer.from(keyId, "hex"), bytes]).toString("base64")}\n`;
    });
    if (disk.identity(`${path}.refused`) === null) {
      replaceFile(disk, `${path}.refused`, Buffer.from(`${note.text}\n${lines.join("")}`));
    }
  }
}
