// Reading the common tree of YAML and JSON: known keys, texts, lists, and where findings are collected. It knows no key of
// the language, only how keys are asked for; an unknown or repeated one is always an error.
import type { Span } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import { limits, utf8Bytes } from "../limits.ts";
import { Reader } from "../parse/tree.ts";
import { suggest } from "../suggest.ts";
import { type Entry, type MapNode, type Node, nodeWords, type ScalarNode } from "./node.ts";
import { placesOf } from "./places.ts";

/** Keys of a map: the name that the language uses, and the other spellings that are read. */
export type Keys = Readonly<Record<string, readonly string[]>>;

export interface Known extends Entry {
  /** The name that the language uses, whichever spelling was written. */
  readonly name: string;
}

export class Form extends Reader {
  readonly file: string;

  constructor(file: string, findings: Finding[]) {
    super(0, findings);
    this.file = file;
  }

  /** What the author wrote there. */
  written(span: Span): string {
    return this.file.slice(span.start, span.end);
  }

  wrong(node: Node, message: string, help: string): void {
    this.report("FMS012", `${message}, not ${nodeWords(node)}`, node.span, { help });
  }

  /** The entries of a map in their order; those of unknown name are reported and left out. */
  known(map: MapNode, place: string, keys: Keys): Known[] {
    const seen = new Map<string, Entry>();
    return map.entries.flatMap((entry) => {
      if (this.isFull) return [];
      const name = nameOf(entry.key, keys);
      if (name === null) {
        const all = Object.keys(keys);
        const near = suggest(entry.key, [...all, ...Object.values(keys).flat()]);
        const help = near === null ? `the fields are ${all.join(", ")}` : `did you mean \`${near}\`?`;
        this.report("FMS011", `unknown field \`${entry.key}\` in ${place}`, entry.keySpan, { help });
        return [];
      }
      const first = seen.get(name);
      // The same key again was reported where the file was read.
      if (first !== undefined && first.key !== entry.key) this.twice(`\`${name}\``, entry.keySpan, first.keySpan);
      seen.set(name, first ?? entry);
      return [{ ...entry, name }];
    });
  }

  /** The text of a scalar that must be text; null after reporting what it is. */
  text(node: Node, what: string, help: string): string | null {
    if (node.kind === "scalar" && typeof node.value === "string") {
      const bytes = node.value.length > limits.stringBytes / 3 ? utf8Bytes(node.value) : 0;
      if (bytes <= limits.stringBytes) return node.value;
      this.report("FMS004", `this text has ${bytes} bytes; at most ${limits.stringBytes} are allowed`, node.span);
      return null;
    }
    this.wrong(node, `${what} is text`, help);
    return null;
  }

  /** A text and its place without the quotes; null as for `text`. */
  placed(node: Node, what: string, help: string): { readonly text: string; readonly span: Span } | null {
    const text = this.text(node, what, help);
    return text === null || node.kind !== "scalar" ? null : { text, span: this.inner(node) };
  }

  /** Texts of a list, or of a single scalar. */
  texts(node: Node, what: string, help: string): { readonly text: string; readonly span: Span }[] {
    const items = node.kind === "list" ? node.items : [node];
    return items.flatMap((item) => this.placed(item, what, help) ?? []);
  }

  /** The place of a scalar's text, without its quotes where it has any. */
  inner(node: ScalarNode): Span {
    if (typeof node.value !== "string") return node.span;
    return placesOf(node, node.value, this.file).span(0, node.value.length);
  }
}

function nameOf(key: string, keys: Keys): string | null {
  if (Object.hasOwn(keys, key)) return key;
  for (const [name, others] of Object.entries(keys)) if (others.includes(key)) return name;
  return null;
}
