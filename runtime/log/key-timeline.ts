// Which key may have signed what: the keys that the verifier has pinned, and those that they have named since, each from the
// record of its rotation to that of the next. A key that only the log itself speaks for never gets in.
import { rotatedTo } from "./checkpoint.ts";
import { type Note, parseNote, parseVerifierKey, signedBy, type VerifierKey } from "./note.ts";

interface Term {
  readonly key: VerifierKey;
  /** the record that named it; 0 for one that is only pinned */
  from: number;
  /** the record that named its successor */
  until: number;
}

export type Judgement =
  | { readonly kind: "good"; readonly key: VerifierKey }
  | { readonly kind: "unknown" }
  | { readonly kind: "false"; readonly why: string };

export class KeyTimeline {
  readonly #origin: string;
  readonly #terms: Term[];

  /** `pinned` may hold keys of other logs and of witnesses. */
  constructor(origin: string, pinned: readonly VerifierKey[]) {
    this.#origin = origin;
    const own = pinned.filter(({ kind, name }) => kind === "log" && name === origin);
    this.#terms = own.map((key) => ({ key, from: 0, until: Number.POSITIVE_INFINITY }));
  }

  /** False when no key of this log is pinned. */
  get hasKeys(): boolean {
    return this.#terms.length > 0;
  }

  /** The record up to which no pinned key was in force: one that only later keys are pinned of. 0: the first key is. */
  get unknownUntil(): number {
    return this.#terms.reduce((least, { from }) => Math.min(least, from), Number.POSITIVE_INFINITY);
  }

  /** Takes a record that claims a rotation; what is wrong with it, null where nothing is. */
  rotate(text: string, seq: number): string | null {
    const note = parseNote(Buffer.from(text));
    const named = note === null ? null : rotatedTo(note.text, this.#origin);
    const next = named === null ? null : parseVerifierKey(named);
    if (note === null || next === null || next.kind !== "log" || next.name !== this.#origin) {
      return "the record names no key of this log";
    }
    const judged = this.judge(note, seq);
    if (judged.kind === "false") return judged.why;
    const known = this.#terms.find(({ key }) => key.text === next.text);
    if (judged.kind === "good") {
      const old = this.#terms.find(({ key }) => key === judged.key);
      if (old !== undefined) old.until = seq;
      if (known === undefined) this.#terms.push({ key: next, from: seq, until: Number.POSITIVE_INFINITY });
    }
    // Pinned by itself: the log tells only since when it was used.
    if (known !== undefined) known.from = seq;
    return null;
  }

  /** Whether the note of a tree of `size` bears the signature of a key that was in force then. */
  judge(note: Note, size: number): Judgement {
    const keys = this.#terms.map(({ key }) => key);
    const signed = signedBy(note, keys);
    if (signed === null) return { kind: "false", why: "the signature of the log's key is false" };
    const terms = this.#terms.filter(({ key }) => signed.some((one) => one.key === key));
    const inForce = terms.find(({ from, until }) => from < size && size <= until);
    if (inForce !== undefined) return { kind: "good", key: inForce.key };
    if (terms.length > 0) return { kind: "false", why: "it is signed by a key that was not in force then" };
    return { kind: "unknown" };
  }
}
