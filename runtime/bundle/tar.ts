// Plain tar (ustar, POSIX.1-1988), as small as a bundle needs: regular files in the order of their names, without times,
// owners or padding of any other kind, so that the same files give the same bytes. Reading takes exactly what writing gives
// and nothing else; it holds the whole in memory and never touches a disk.
import { Buffer } from "node:buffer";

const blockBytes = 512;
export const entriesMax = 2000;
export const entryLimitBytes = 64 * 1024 * 1024;
export const archiveLimitBytes = 256 * 1024 * 1024;
/** Of the two fields of a name. */
const nameBytes = 100;
const prefixBytes = 155;
const segment = /^[A-Za-z0-9_.][A-Za-z0-9_.+-]*$/;
/** Names that Windows takes for devices, whatever their ending. */
const deviceName = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

export interface TarEntry {
  /** Segments of letters, digits, `_`, `.`, `+` and `-`, divided by `/`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The archive is none that `writeTar` made. The message is a sentence without a subject. */
export class TarFailure extends Error {
  readonly code = "TAR_REFUSED";
}

/** Why a name cannot stand in an archive; null where it can. */
export function nameProblem(name: string): string | null {
  if (name.startsWith("/")) return "is absolute";
  if (name.includes("\\")) return "has a backslash";
  if (/^[A-Za-z]:/.test(name)) return "names a drive";
  const parts = name.split("/");
  if (parts.some((part) => part === "." || part === "..")) return "leads out of its folder";
  if (parts.some((part) => part.endsWith("."))) return "has a part that ends in a dot";
  if (parts.some((part) => deviceName.test(part))) return "is the name of a device";
  return parts.every((part) => segment.test(part)) ? null : "has characters that names here do not have";
}

/** Throws TarFailure for what could not be read back. */
export function writeTar(entries: readonly TarEntry[]): Buffer {
  const sorted = [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  checkNames(sorted.map(({ name }) => name));
  const pieces = sorted.flatMap(({ name, bytes }) => {
    if (bytes.length > entryLimitBytes) throw new TarFailure(`has \`${name}\`, which is over ${entryLimitBytes} bytes`);
    return [header(name, bytes.length), bytes, Buffer.alloc(-bytes.length & (blockBytes - 1))];
  });
  return Buffer.concat([...pieces, Buffer.alloc(2 * blockBytes)]);
}

/** The files of an archive, in order. Throws TarFailure, and nothing else, whatever the bytes. */
export function readTar(bytes: Uint8Array): TarEntry[] {
  if (bytes.length > archiveLimitBytes) throw new TarFailure(`is over ${archiveLimitBytes} bytes`);
  if (bytes.length % blockBytes !== 0) throw new TarFailure("is no tar: it does not end with a whole block");
  const archive = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: TarEntry[] = [];
  const names: string[] = [];
  let at = 0;
  while (at < archive.length && archive[at] !== 0) {
    if (entries.length >= entriesMax) throw new TarFailure(`has more than ${entriesMax} files`);
    const { name, sizeBytes } = readHeader(archive.subarray(at, at + blockBytes));
    at += blockBytes;
    if (sizeBytes > entryLimitBytes) throw new TarFailure(`has \`${name}\`, which is over ${entryLimitBytes} bytes`);
    if (sizeBytes > archive.length - at) throw new TarFailure(`ends within \`${name}\``);
    entries.push({ name, bytes: archive.subarray(at, at + sizeBytes) });
    names.push(name);
    at += sizeBytes + (-sizeBytes & (blockBytes - 1));
  }
  checkNames(names);
  // One form for one content: whatever is hidden in a field, a gap or behind the end is found here.
  if (!writeTar(entries).equals(archive)) throw new TarFailure("is not as faramesh bundle writes it");
  return entries;
}

function checkNames(names: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const problem = nameProblem(name);
    if (problem !== null) throw new TarFailure(`has a file \`${name}\`, whose name ${problem}`);
    const folded = name.toLowerCase();
    const other = seen.get(folded);
    if (other === name) throw new TarFailure(`has \`${name}\` twice`);
    if (other !== undefined)
      throw new TarFailure(`has \`${other}\` and \`${name}\`, which are one where case does not count`);
    seen.set(folded, name);
  }
  for (const folded of seen.keys()) {
    for (let at = folded.indexOf("/"); at > 0; at = folded.indexOf("/", at + 1)) {
      const outer = seen.get(folded.slice(0, at));
      if (outer !== undefined) throw new TarFailure(`has \`${outer}\` as a file and as a folder`);
    }
  }
}

/** Offsets and lengths of the fields, POSIX.1-1988, section 10.1.1. */
const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 6],
  version: [263, 2],
  prefix: [345, 155],
} as const;

function header(path: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  const put = (field: keyof typeof fields, text: string): void => {
    block.write(text, fields[field][0], "latin1");
  };
  const { name, prefix } = split(path);
  put("name", name);
  put("prefix", prefix);
  put("mode", "0000644\0");
  put("uid", "0000000\0");
  put("gid", "0000000\0");
  put("size", `${sizeBytes.toString(8).padStart(11, "0")}\0`);
  put("mtime", "00000000000\0");
  put("type", "0");
  put("magic", "ustar\0");
  put("version", "00");
  put("checksum", checksum(block));
  return block;
}

/** The sum of the header's bytes, those of the sum itself counted as blanks. */
function checksum(block: Buffer): string {
  const [start, length] = fields.checksum;
  let sum = 0x20 * length;
  block.forEach((byte, index) => {
    if (index < start || index >= start + length) sum += byte;
  });
  return `${sum.toString(8).padStart(6, "0")}\0 `;
}

/** At the last `/` that lets both halves fit. */
function split(path: string): { name: string; prefix: string } {
  if (path.length <= nameBytes) return { name: path, prefix: "" };
  for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
    if (at <= prefixBytes && path.length - at - 1 <= nameBytes)
      return { name: path.slice(at + 1), prefix: path.slice(0, at) };
  }
  throw new TarFailure(`has the name \`${path}\`, which is too long`);
}

/** What other kinds of entries are called, by their type. */
const kinds: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a device",
  "4": "a device",
  "5": "a folder",
  "6": "a pipe",
  "7": "a contiguous file",
  g: "a global extended header",
  x: "an extended header",
  L: "a GNU long name",
  K: "a GNU long link",
  S: "a sparse file",
};

function readHeader(block: Buffer): { name: string; sizeBytes: number } {
  const text = (field: keyof typeof fields): string => {
    const [start, length] = fields[field];
    const raw = block.toString("latin1", start, start + length);
    const end = raw.indexOf("\0");
    return end < 0 ? raw : raw.slice(0, end);
  };
  if (text("magic") !== "ustar") throw new TarFailure("is no tar of the format ustar");
  if (block.toString("latin1", 148, 156) !== checksum(block)) throw new TarFailure("has a header whose sum is wrong");
  const prefix = text("prefix");
  const name = prefix === "" ? text("name") : `${prefix}/${text("name")}`;
  const type = block.toString("latin1", 156, 157);
  if (type !== "0") throw new TarFailure(`has \`${name}\`, ${kinds[type] ?? "something else than a file"}`);
  const size = block.toString("latin1", 124, 136);
  if (!/^[0-7]{11}\0$/.test(size)) throw new TarFailure(`has \`${name}\` with a size that is no number`);
  return { name, sizeBytes: Number.parseInt(size, 8) };
}
