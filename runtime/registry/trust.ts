// What a stack admits: a copy that a key it trusts has signed under this name, or one whose publisher and digest it names. It
// must never take a key from anywhere but what it is given.
import type { Pin } from "./lock-file.ts";
import {
  checkBytesSignature,
  checkSignature,
  type PublicKey,
  type SignatureProblem,
  type Signed,
  sha256Of,
} from "./signature.ts";

/** By the name that stands in `trust`: a host, or a host and the beginning of a path. */
export type TrustedKeys = ReadonlyMap<string, readonly PublicKey[]>;

/** Where a copy comes from: the stack's own folders, a mirror of this machine, or a registry over the network. */
export type Origin = "stack" | "mirror" | "network";

/** One copy of an artifact, read once. */
export interface Copy {
  readonly bytes: Uint8Array;
  /** The file's own name, such as `pack.fms`. */
  readonly file: string;
  /** The bytes of `<file>.sig`; null where there is none. */
  readonly signature: Uint8Array | null;
  readonly origin: Origin;
  /** A catalog that a trusted key signed names these bytes under this reference. */
  readonly isListed?: boolean;
}

/** How a copy came to be believed. `own`: it lies in the stack's folder and no key is trusted for its name. */
export type Standing =
  | { readonly by: "key"; readonly keyId: string }
  | { readonly by: "digest"; readonly publisher: string }
  | { readonly by: "own" };

export interface Refusal {
  readonly problem: string;
  readonly help: string;
}

/** The keys of the longest trusted name that `place` (`host/path`, no version) lies under; null where no name fits. */
export function keysFor(trusted: TrustedKeys, place: string): readonly PublicKey[] | null {
  const names = [...trusted.keys()].filter((name) => isUnder(place, name));
  const longest = names.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? null : (trusted.get(longest) ?? []);
}

/** `packs.example/stripe` lies under `packs.example` and under itself, not under `packs.exam`. */
export function isUnder(place: string, name: string): boolean {
  return place === name || place.startsWith(`${name}/`);
}

export function placeOf(reference: string): string {
  return reference.split("@")[0] ?? reference;
}

/**
 * Whether a copy may be used as `reference`. `pin` is what the lock says of it; `unsigned` names the publishers whose
 * unsigned artifacts are about to be pinned.
 */
export function admit(
  reference: string,
  copy: Copy,
  trusted: TrustedKeys,
  pin: Pin | undefined,
  unsigned: readonly string[],
): Standing | Refusal {
  const place = placeOf(reference);
  const keys = keysFor(trusted, place);
  const checked = checkCopy(reference, copy, keys ?? [], pin);
  if ("keyId" in checked) return { by: "key", keyId: checked.keyId };
  const isPinned = pin?.unsigned !== undefined && isUnder(place, pin.unsigned) && pin.sha256 === sha256Of(copy.bytes);
  const publisher = isPinned ? pin.unsigned : unsigned.find((one) => isUnder(place, one));
  if (publisher !== undefined) return { by: "digest", publisher };
  if (keys === null && copy.origin === "stack") return { by: "own" };
  const host = place.split("/")[0] ?? place;
  const help =
    keys === null
      ? `nobody is trusted for it: write trust { key "${host}" ed25519:… } with the key that its publisher gives out, or pin it without one: faramesh check --write-lock --unsigned ${place}`
      : `it must be signed by a key of trust { key … } for that name; get it anew from its publisher, or pin it as it is: faramesh check --write-lock --unsigned ${place}`;
  return { problem: checked.problem, help };
}

/**
 * A signature of the bytes alone counts where something else that is believed says their name and version: the lock, or a
 * signed catalog. Else whoever serves the copy could put any text that the key ever signed in the place of any other.
 */
function checkCopy(
  reference: string,
  { bytes, file, signature, isListed = false }: Copy,
  keys: readonly PublicKey[],
  pin: Pin | undefined,
): Signed | SignatureProblem {
  if (signature === null) return { problem: "is not signed" };
  const named = checkSignature(signature, `${reference}/${file}`, bytes, keys);
  if ("keyId" in named) return named;
  const plain = checkBytesSignature(signature, bytes, keys);
  if ("problem" in plain) return named;
  if (isListed || pin?.sha256 === sha256Of(bytes)) return plain;
  return { problem: `is signed by ${plain.keyId} without its name and version, so that it may be another one` };
}
