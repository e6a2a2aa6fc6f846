// The tables that other rows of an image refer to by number (strings, numbers, fields, sets, lists of the pool), while a
// listing is read. What a row names and no table has yet is added behind the others; only fields must be there.
import { PART_INDEX, SET_ROW_BYTES } from "../../vm/shared/image.ts";
import { Kind, Root } from "../../vm/shared/isa.ts";
import { Bytes } from "../bytes.ts";
import type { Cursor } from "./cursor.ts";
import { type Field, fieldText, takeField } from "./fields.ts";

/** Values by number, each once. */
class Numbered<T> {
  readonly items: T[] = [];
  readonly #keyOf: (item: T) => string;
  readonly #known = new Map<string, number>();

  constructor(keyOf: (item: T) => string) {
    this.#keyOf = keyOf;
  }

  /** A row of the listing, also where an equal one is there already. */
  append(item: T): void {
    const key = this.#keyOf(item);
    if (!this.#known.has(key)) this.#known.set(key, this.items.length);
    this.items.push(item);
  }

  find(key: string): number | null {
    return this.#known.get(key) ?? null;
  }

  of(item: T): number {
    const known = this.find(this.#keyOf(item));
    if (known !== null) return known;
    this.append(item);
    return this.items.length - 1;
  }
}

export interface Member {
  readonly kind: Kind;
  readonly reference: number;
}

export class Tables {
  readonly strings = new Numbered<string>((text) => text);
  readonly numbers = new Numbered<number>((number) => (Object.is(number, -0) ? "-0" : String(number)));
  readonly fields = new Numbered<Field>(fieldText);
  readonly sets = new Numbered<readonly Member[]>((members) => JSON.stringify(members));
  readonly pool = new Bytes();
  readonly #lists = new Map<string, number>();
  temporaries = 0;

  /** Start of a list in the pool; equal lists stand there once, in the order in which they are first named. */
  list(items: readonly number[]): number {
    if (items.length === 0) return 0;
    const key = items.join(",");
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const start = this.pool.length / 4;
    for (const item of items) this.pool.u32(item);
    this.#lists.set(key, start);
    return start;
  }

  /** Number of the field or temporary at the cursor. */
  slot(cursor: Cursor): number {
    const text = takeField(cursor);
    const temporary = /^t(\d+)$/.exec(text)?.[1];
    const found =
      temporary === undefined
        ? this.fields.find(text)
        : Number(temporary) < this.temporaries
          ? this.fields.items.length + Number(temporary)
          : null;
    return found ?? cursor.fail(`a field of the table of fields: \`${text}\` is none`);
  }

  /** `["USD", 3, true, nil]`. */
  set(cursor: Cursor): number {
    const members: Member[] = [];
    cursor.expect("[");
    while (!cursor.eat("]")) {
      if (members.length > 0) cursor.expect(", ");
      members.push(this.#member(cursor));
    }
    return this.sets.of(members);
  }

  #member(cursor: Cursor): Member {
    if (cursor.eat("nil")) return { kind: Kind.Null, reference: 0 };
    if (cursor.eat("true")) return { kind: Kind.Bool, reference: 1 };
    if (cursor.eat("false")) return { kind: Kind.Bool, reference: 0 };
    if (cursor.isAtQuote()) return { kind: Kind.String, reference: this.strings.of(cursor.quoted()) };
    return { kind: Kind.Number, reference: this.numbers.of(cursor.number()) };
  }

  fieldRows(): Bytes {
    const rows = new Bytes();
    for (const { root, path } of this.fields.items) {
      const parts = path.map((part) => {
        if (typeof part === "string") return this.strings.of(part);
        return root === Root.Time ? part : (PART_INDEX | part) >>> 0;
      });
      rows.u8(root).u8(0).u16(parts.length).u32(this.list(parts));
    }
    for (let i = 0; i < this.temporaries; i++) rows.u8(Root.Temporary).u8(0).u16(0).u32(0);
    return rows;
  }

  /** Sets and their members. */
  setRows(): [Bytes, Bytes] {
    const [rows, members] = [new Bytes(), new Bytes()];
    for (const set of this.sets.items) {
      rows.u32(members.length / SET_ROW_BYTES).u32(set.length);
      for (const { kind, reference } of set) members.u32(kind).u32(reference);
    }
    return [rows, members];
  }
}
