// Where a value is looked up, as text: `args.card.number`, `args.items[0]`, `http.headers["x y"]`, `time.hour`. Both ways, and
// each text means one path.
import { Root, TimePart } from "../../vm/shared/isa.ts";
import type { Cursor } from "./cursor.ts";
import { quotedText } from "./cursor.ts";

export interface Field {
  readonly root: Root;
  readonly path: readonly (string | number)[];
}

const PLAIN_PART = /^[A-Za-z_][\w-]*$/;
const FIELD = /[a-z]+(?:\.[A-Za-z_][\w-]*|\[\d{1,10}\]|\["(?:[^"\\]|\\.)*"\])*/y;
const PART = /\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g;

export function fieldText({ root, path }: Field): string {
  const word = (Root[root] ?? "?").toLowerCase();
  if (root === Root.Time) return `${word}.${(TimePart[Number(path[0])] ?? "?").toLowerCase()}`;
  const parts = path.map((part) => {
    if (typeof part === "number") return `[${part}]`;
    return PLAIN_PART.test(part) ? `.${part}` : `[${quotedText(part)}]`;
  });
  return word + parts.join("");
}

/** The text of a field or temporary as it stands. */
export function takeField(cursor: Cursor): string {
  return cursor.match(/t\d{1,5}\b/y) ?? cursor.match(FIELD) ?? cursor.fail("a field like `args.amount`");
}

export function readField(cursor: Cursor): Field {
  const text = takeField(cursor);
  const [word = ""] = /^[a-z]+/.exec(text) ?? [];
  const root = wordOf(Root, word);
  if (root === null || root === Root.Temporary) cursor.fail(`a field: nothing is called \`${word}\``);
  const path = [...text.slice(word.length).matchAll(PART)].map(([, plain, index, quoted]): string | number => {
    if (plain !== undefined) return plain;
    return index === undefined ? (JSON.parse(quoted ?? '""') as string) : Number(index);
  });
  if (root !== Root.Time) return { root, path };
  const part = wordOf(TimePart, String(path[0]));
  if (part === null || path.length !== 1) cursor.fail("a part of the time like `time.hour`");
  return { root, path: [part] };
}

/** The member of an enum whose name is `word` in lower case. */
export function wordOf(members: { readonly [name: string]: string | number }, word: string): number | null {
  const found = Object.entries(members).find(
    ([name, value]) => typeof value === "number" && name.toLowerCase() === word,
  );
  return found === undefined ? null : (found[1] as number);
}
