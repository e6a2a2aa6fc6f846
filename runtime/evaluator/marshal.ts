// Writes the few values that a tool's rules read into the machine's slots. What cannot be judged exactly is refused here:
// integers beyond ±2^53, numbers that are not finite, text with lone surrogates, values that JSON does not have.
import { getters, type Holder, prototypes } from "../../build/readers.ts";
import { Shape } from "../../vm/shared/image.ts";
import { Kind, Root, SLOT_BYTES, TAG_OTHER } from "../../vm/shared/isa.ts";
import { httpValue } from "./http.ts";
import type { ImageReader } from "./image.ts";
import type { Machine } from "./machine.ts";
import { interned } from "./names.ts";
import { JsonNumber } from "./number.ts";
import { sizeOfArguments } from "./size.ts";
import type { EvaluationRequest, FieldRead, RequestValue } from "./types.ts";
import { follow, own } from "./values.ts";

/** A field of a plan: where its value is found, and which slot takes it. */
export interface FieldReader {
  /** Byte address of the slot. */
  readonly slot: number;
  /** For `args.<name>`, the one that matters for speed; null for all others. */
  readonly argument: string | null;
  /** Reads it from arguments that are a plain object. */
  readonly get: (holder: Holder, name: string) => unknown;
  /** What the arguments inherit from; asked of the first of a plan. */
  readonly prototypeOf: (holder: Holder, name: string) => unknown;
  readonly root: Root;
  readonly path: readonly (string | number)[];
  /** What its text is compared with, as a whole and in no other way: then a tag says all. Null where its bytes are read. */
  readonly constants: ReadonlyMap<string, Constant> | null;
}

/** A string of the image that a field is compared with. */
interface Constant {
  readonly tag: number;
  readonly bytes: number;
}

/** Of the members of a list in the arena, in bytes. */
const LIST_ALIGNMENT = 16;

/** Text up to this length is copied here instead of by TextEncoder, whose call costs more than it saves. */
const SHORT_TEXT = 40;
/** Of one unit of UTF-16. */
const UTF8_BYTES_MAX = 3;
const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** Readers for the fields of a plan; those of the time are the machine's own. */
export function fieldReaders(image: ImageReader, machine: Machine, plan: number): FieldReader[] {
  const compared = image.rulesOf(plan).flatMap((rule) => image.comparedStrings(rule));
  return image.shapeList(plan, Shape.FieldsStart, Shape.FieldsCount).flatMap((index) => {
    const { root, path } = image.field(index);
    if (root === Root.Time || root === Root.Temporary) return [];
    const [first] = path;
    const argument = root === Root.Args && path.length === 1 && typeof first === "string" ? first : null;
    const constants = machine.bytes[machine.uses + index] === 0 ? constantsOf(image, index, compared) : null;
    made = (made + 1) % getters.length;
    const [get, prototypeOf] = [getters[made] ?? own, prototypes[made] ?? Object.getPrototypeOf];
    return [{ slot: machine.slots + index * SLOT_BYTES, argument, get, prototypeOf, root, path, constants }];
  });
}

/** Readers get their functions in turn. */
let made = 0;

/** Null where the image has a text twice, or bytes that are no text: then bytes are compared. */
function constantsOf(
  image: ImageReader,
  field: number,
  compared: readonly [number, number][],
): FieldReader["constants"] {
  const constants = new Map<string, Constant>();
  try {
    for (const [of, string] of compared) {
      if (of !== field) continue;
      const bytes = image.stringBytes(string);
      const text = strictDecoder.decode(bytes);
      const known = constants.get(text);
      if (known === undefined) constants.set(interned(text), { tag: string + 1, bytes: bytes.length });
      else if (known.tag !== string + 1) return null;
    }
  } catch {
    return null;
  }
  return constants;
}

const members: Partial<Record<Root, FieldRead["member"]>> = {
  [Root.Args]: "args",
  [Root.Size]: "args",
  [Root.Action]: "action_type",
  [Root.Model]: "model",
  [Root.Principal]: "principal",
  [Root.Delegation]: "delegation",
  [Root.Purpose]: "purpose",
  [Root.Http]: "http",
  [Root.Selectors]: "selectors",
};

/** The same as places in the request; names of agent, tool and session are left out. */
export function fieldReads(readers: readonly FieldReader[]): FieldRead[] {
  return readers.flatMap(({ root, path }) => {
    const member = members[root];
    return member === undefined ? [] : [{ member, path }];
  });
}

export class Marshal {
  readonly #machine: Machine;
  /** Bytes of the arena written by the current request. */
  #used = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /**
   * Fills the slots. Returns the bytes of the arena in use, or -1 when some value cannot be judged. `whole`: every text with
   * its bytes, for who wants to see them.
   */
  write(readers: readonly FieldReader[], request: EvaluationRequest, whole: boolean): number {
    this.#used = 0;
    /** Most bytes of texts that are no constant; they are counted as if they stood in the arena. */
    let untaken = 0;
    const { words, numbers } = this.#machine;
    const args = request.args;
    const head = readers[0];
    const plain = head !== undefined && isPlain(args, head);
    // An indexed loop with the two frequent kinds in place: a third less time than a call for each value.
    for (let i = 0; i < readers.length; i++) {
      const reader = readers[i] as FieldReader;
      const { argument, slot, constants } = reader;
      let value: unknown;
      if (argument === null) value = find(reader, request);
      else value = plain ? reader.get(args as Holder, argument) : own(args, argument);
      // Beyond the safe integers there are no fractions; NaN fails both comparisons.
      if (typeof value === "number" && value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) {
        words[slot >> 2] = Kind.Number;
        numbers[(slot >> 3) + 1] = value;
      } else if (typeof value === "string") {
        if (constants === null || whole) {
          if (!this.#putText(slot, value)) return -1;
          continue;
        }
        const constant = constants.get(value);
        words[slot >> 2] = Kind.String;
        if (constant !== undefined) {
          words[(slot >> 2) + 3] = constant.tag;
          this.#used += constant.bytes;
        } else {
          if (!value.isWellFormed()) return -1;
          words[(slot >> 2) + 3] = TAG_OTHER;
          untaken += value.length * UTF8_BYTES_MAX;
        }
      } else if (!this.#put(slot, value)) return -1;
    }
    // Near its end, whether there is room in the arena must be known to the byte; texts move the lists behind them, which
    // stand at multiples of their alignment.
    const most = untaken === 0 ? this.#used : this.#used + untaken + readers.length * LIST_ALIGNMENT;
    return most > this.#machine.arenaBytes ? this.write(readers, request, true) : this.#used;
  }

  /** Fills one field's slot behind `used` bytes of the arena; the bytes in use then, or -1. */
  writeOne(field: number, value: unknown, used: number): number {
    this.#used = used;
    return this.#put(this.#machine.slots + field * SLOT_BYTES, value) ? this.#used : -1;
  }

  #put(slot: number, value: unknown): boolean {
    const words = this.#machine.words;
    const at = slot >> 2;
    switch (typeof value) {
      case "number":
        return this.#putNumber(slot, value);
      case "string":
        return this.#putText(slot, value);
      case "boolean":
        words[at] = Kind.Bool;
        words[at + 2] = value ? 1 : 0;
        return true;
      case "undefined":
        words[at] = Kind.Missing;
        return true;
      case "object":
        if (value === null) words[at] = Kind.Null;
        else if (Array.isArray(value)) return this.#putList(slot, value);
        else if (value instanceof JsonNumber) return value.exact && this.#putNumber(slot, value.value);
        else words[at] = Kind.Object;
        return true;
      default:
        return false;
    }
  }

  #putNumber(slot: number, value: number): boolean {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) return false;
    this.#machine.words[slot >> 2] = Kind.Number;
    this.#machine.numbers[(slot >> 3) + 1] = value;
    return true;
  }

  #putText(slot: number, text: string): boolean {
    const { words, bytes, arena, arenaBytes } = this.#machine;
    const at = arena + this.#used;
    let written = 0;
    const { length } = text;
    if (length <= SHORT_TEXT && length <= arenaBytes - this.#used) {
      // Four a turn.
      for (; written + 4 <= length; written += 4) {
        const a = text.charCodeAt(written);
        const b = text.charCodeAt(written + 1);
        const c = text.charCodeAt(written + 2);
        const d = text.charCodeAt(written + 3);
        if ((a | b | c | d) > 127) break;
        bytes[at + written] = a;
        bytes[at + written + 1] = b;
        bytes[at + written + 2] = c;
        bytes[at + written + 3] = d;
      }
      for (; written < length; written++) {
        const unit = text.charCodeAt(written);
        if (unit > 127) break;
        bytes[at + written] = unit;
      }
    }
    if (written < text.length) {
      if (!text.isWellFormed()) return false;
      const result = encoder.encodeInto(text, bytes.subarray(at, arena + arenaBytes));
      if (result.read !== text.length) return false;
      written = result.written;
    }
    words[slot >> 2] = Kind.String;
    words[(slot >> 2) + 1] = written;
    words[(slot >> 2) + 2] = at;
    words[(slot >> 2) + 3] = 0;
    this.#used += written;
    return true;
  }

  /** Members of lists within lists are known by kind only. */
  #putList(slot: number, list: readonly unknown[]): boolean {
    const { words, arena, arenaBytes } = this.#machine;
    const start = (this.#used + LIST_ALIGNMENT - 1) & -LIST_ALIGNMENT;
    if (list.length * SLOT_BYTES > arenaBytes - start) return false;
    this.#used = start + list.length * SLOT_BYTES;
    let member = arena + start;
    for (const value of list) {
      if (Array.isArray(value)) {
        words[member >> 2] = Kind.List;
        words[(member >> 2) + 1] = 0;
      } else if (!this.#put(member, value)) return false;
      member += SLOT_BYTES;
    }
    words[slot >> 2] = Kind.List;
    words[(slot >> 2) + 1] = list.length;
    words[(slot >> 2) + 2] = arena + start;
    return true;
  }
}

/** Whether arguments inherit only what every object does, which their readers know how to pass over. */
function isPlain(args: unknown, { prototypeOf, argument }: FieldReader): boolean {
  if (args === null || typeof args !== "object") return false;
  const prototype = prototypeOf(args as Holder, argument ?? "");
  return prototype === Object.prototype || prototype === null;
}

/** Members of one slot for words of the request. */
function find(reader: FieldReader, request: EvaluationRequest): RequestValue | unknown {
  switch (reader.root) {
    case Root.Args:
      return follow(request.args, reader.path);
    case Root.Tool:
      return request.tool_id;
    case Root.Agent:
      return request.agent_id;
    case Root.Action:
      return request.action_type;
    case Root.Model:
      return request.model;
    case Root.Principal:
      return follow(request.principal, reader.path);
    case Root.Session:
      return request.session_id ?? "default";
    case Root.Delegation:
      return follow(request.delegation, reader.path);
    case Root.Purpose:
      return request.purpose;
    case Root.Selectors:
      return follow(request.selectors, reader.path);
    case Root.Http:
      return httpValue(request, reader.path);
    case Root.Size:
      return sizeOfArguments(request.args);
    default:
      return undefined;
  }
}
