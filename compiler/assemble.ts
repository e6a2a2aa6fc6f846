// A listing back to an image: what disassemble prints gives the same bytes, and a changed line gives the image that it says.
// It checks that the text is a listing; whether the image may run is for the machine's loader to prove.
import { FORMAT_VERSION, ISA_VERSION, Section } from "../vm/shared/image.ts";
import { RULE_GATE, RULE_STRICT, RuleEffect } from "../vm/shared/isa.ts";
import { Bytes } from "./bytes.ts";
import { canonical, joinSections, stringRows } from "./encode.ts";
import { exactTable } from "./exact.ts";
import { readAutomaton, readDispatch, readHex } from "./listing/automata.ts";
import { readInstruction } from "./listing/code.ts";
import { readRow, rowsOfMeters } from "./listing/columns.ts";
import { Cursor, ListingFailure } from "./listing/cursor.ts";
import { readField } from "./listing/fields.ts";
import { type Item, itemsOf } from "./listing/items.ts";
import { readRows, readShape } from "./listing/shapes.ts";
import { Tables } from "./listing/tables.ts";

export { ListingFailure } from "./listing/cursor.ts";

const utf8 = new TextEncoder();
/** The mask of an agent without exact names. */
const NO_EXACT = 0xffffffff;

/** Image of a listing. Throws ListingFailure, which names the line. */
export function assemble(listing: string): Uint8Array {
  return joinSections(sectionsOf(listing));
}

/** Bytes of each section, in their order. */
export function sectionsOf(listing: string): Bytes[] {
  return new Assembler(itemsOf(listing)).run();
}

/** First words of items, longest first where one begins another. */
const kinds = [
  "image",
  "rule",
  "gate",
  "automaton",
  ...rowsOfMeters.map(({ word }) => word),
  "agent",
  "plan",
  "shape",
  "host",
  "file",
  "source",
  "string",
  "number",
  "field",
  "temporaries",
  "set",
  "raw",
].sort((a, b) => b.length - a.length);

interface Place {
  readonly line: number;
  readonly column: number;
  readonly file: number;
  readonly text: string;
}

class Assembler {
  readonly #items = new Map<string, Item[]>();
  readonly #tables = new Tables();
  readonly #sections: Bytes[] = Array.from({ length: Section.End }, () => new Bytes());
  readonly #files: string[] = [];
  readonly #places: (Place | null)[] = [];
  #last = 1;

  constructor(items: readonly Item[]) {
    for (const item of items) {
      const kind = kinds.find((word) => item.text.startsWith(word) && !/^[\w!]/.test(item.text.slice(word.length)));
      if (kind === undefined)
        throw new ListingFailure(item.line, `\`${item.text.slice(0, 40)}\` begins nothing of a listing`);
      const list = this.#items.get(kind) ?? [];
      list.push(item);
      this.#items.set(kind, list);
      this.#last = item.line;
    }
  }

  run(): Bytes[] {
    this.#header();
    this.#basics();
    this.#section(Section.Fields).raw(this.#tables.fieldRows().bytes());
    this.#automata();
    this.#rules();
    for (const { cursor, item } of this.#numbered("shape"))
      for (const cell of readShape(cursor, item.body, this.#tables)) this.#section(Section.Shapes).u32(cell);
    this.#plans();
    for (const item of this.#of("agent")) this.#agent(item);
    for (const rows of rowsOfMeters) {
      for (const { cursor } of this.#numbered(rows.word))
        this.#section(rows.section).raw(readRow(rows, cursor, this.#tables));
    }
    this.#host();
    this.#debug();
    this.#sources();
    const [sets, members] = this.#tables.setRows();
    this.#section(Section.Sets).raw(sets.bytes());
    this.#section(Section.Members).raw(members.bytes());
    this.#section(Section.Pool).raw(this.#tables.pool.bytes());
    for (const number of this.#tables.numbers.items) this.#section(Section.Numbers).f64(number);
    stringRows(this.#section(Section.Strings), this.#tables.strings.items);
    this.#raw();
    return this.#sections;
  }

  #section(section: Section): Bytes {
    const bytes = this.#sections[section];
    if (bytes === undefined) throw new Error(`no section ${section}`);
    return bytes;
  }

  #of(kind: string): readonly Item[] {
    return this.#items.get(kind) ?? [];
  }

  /** Items `kind 0: …`, `kind 1: …`, each with a cursor behind its number. */
  #numbered(kind: string, first = 0): { readonly cursor: Cursor; readonly item: Item }[] {
    return this.#of(kind).map((item, index) => {
      const cursor = new Cursor(item.text, item.line);
      cursor.expect(`${kind} `);
      if (cursor.whole() !== first + index)
        cursor.fail(`${kind} ${first + index}: they are counted from 0, in order; a number`);
      cursor.expect(": ");
      return { cursor, item };
    });
  }

  #header(): void {
    const [item, second] = this.#of("image");
    if (item === undefined) throw new ListingFailure(1, "a listing begins with `image format …`");
    if (second !== undefined) throw new ListingFailure(second.line, "a second image begins here: a listing has one");
    const cursor = new Cursor(item.text, item.line);
    cursor.expect("image format ");
    if (cursor.whole() !== FORMAT_VERSION) cursor.fail(`format ${FORMAT_VERSION}: another cannot be written`);
    cursor.expect(", instructions ");
    if (cursor.whole() !== ISA_VERSION) cursor.fail(`instructions ${ISA_VERSION}: others cannot be written`);
    cursor.match(/, \d+ bytes/y);
    cursor.end();
  }

  /** What everything else refers to. */
  #basics(): void {
    const tables = this.#tables;
    for (const { cursor } of this.#numbered("string")) {
      tables.strings.append(cursor.quoted());
      cursor.end();
    }
    for (const { cursor } of this.#numbered("number")) {
      tables.numbers.append(cursor.number());
      cursor.end();
    }
    for (const { cursor } of this.#numbered("field")) {
      tables.fields.append(readField(cursor));
      cursor.end();
    }
    for (const item of this.#of("temporaries")) {
      const cursor = new Cursor(item.text, item.line);
      cursor.expect("temporaries ");
      tables.temporaries = cursor.whole(65_535);
      cursor.end();
    }
    for (const { cursor, item } of this.#numbered("set")) {
      const known = tables.sets.items.length;
      tables.set(cursor);
      cursor.end();
      if (tables.sets.items.length === known) throw new ListingFailure(item.line, "this set is in the table already");
    }
    for (const { cursor } of this.#numbered("file")) {
      this.#files.push(cursor.name());
      cursor.end();
    }
  }

  #automata(): void {
    const section = this.#section(Section.Automata);
    for (const { cursor, item } of this.#numbered("automaton")) {
      this.#section(Section.AutomataIndex).u32(section.length);
      readAutomaton(cursor, item.body, section);
    }
    this.#section(Section.AutomataIndex).u32(section.length);
  }

  #rules(): void {
    const rules = this.#numbered("rule");
    const gates = this.#numbered("gate", rules.length);
    let next = 0;
    for (const [row, { cursor, item }] of [...rules, ...gates].entries()) {
      const count = item.body.length;
      const effect = this.#effect(cursor);
      cursor.expect(" ");
      const pattern = this.#tables.strings.of(cursor.name());
      const strict = cursor.eat(", strict") ? RULE_STRICT : 0;
      const reason = cursor.eat(", reason ") ? this.#tables.strings.of(cursor.quoted()) + 1 : 0;
      this.#places.push(this.#place(cursor));
      if (count > 0xffff) throw new ListingFailure(item.line, "a rule has at most 65,535 instructions");
      const flags = row >= rules.length ? RULE_GATE | strict : strict;
      const section = this.#section(Section.Rules).u32(count === 0 ? 0 : next + 1);
      section.u16(count).u8(effect).u8(flags).u32(pattern).u32(reason);
      for (const [i, { text, line }] of item.body.entries())
        readInstruction(new Cursor(text, line), i, count, this.#tables, this.#section(Section.Code));
      next += count;
    }
  }

  #effect(cursor: Cursor): RuleEffect {
    const word = cursor.match(/permit|defer|deny!?/y);
    if (word === "permit") return RuleEffect.Permit;
    if (word === "defer") return RuleEffect.Defer;
    if (word === "deny") return RuleEffect.Deny;
    return word === null ? cursor.fail("permit, deny, defer or deny!") : RuleEffect.Mandatory;
  }

  /** `  # governance.fms:3:5 permit …`, or nothing. */
  #place(cursor: Cursor): Place | null {
    if (!cursor.eat("  # ")) {
      cursor.end();
      return null;
    }
    const name = cursor.isAtQuote()
      ? cursor.quoted()
      : (cursor.match(/[\w./@-]+/y) ?? cursor.fail("the name of a file"));
    const file = this.#files.indexOf(name);
    if (file < 0) cursor.fail(`a file of the table of files, which \`${name}\` is not, before`);
    cursor.expect(":");
    const line = cursor.whole();
    cursor.expect(":");
    const column = cursor.whole(0xffff);
    cursor.expect(" ");
    const text = cursor.isAtQuote() ? cursor.quoted() : cursor.rest();
    cursor.end();
    return { line, column, file, text };
  }

  #plans(): void {
    for (const { cursor } of this.#numbered("plan")) {
      cursor.expect("shape ");
      const shape = cursor.whole();
      cursor.expect(", rules");
      const rules = readRows(cursor);
      cursor.end();
      this.#section(Section.Plans).u32(shape).u32(this.#tables.list(rules)).u32(rules.length);
    }
  }

  #agent(item: Item): void {
    const head = new Cursor(item.text, item.line);
    head.expect("agent ");
    const id = head.eat("(any other)") ? "" : head.quoted();
    head.end();
    const names: { readonly name: number; readonly plan: number; readonly text: string }[] = [];
    const at = item.body.findIndex(({ text }) => text.startsWith("other tools → "));
    if (at < 0) throw new ListingFailure(item.line, "an agent needs a line `other tools → …`");
    for (const { text, line } of item.body.slice(0, at)) {
      const cursor = new Cursor(text, line);
      const name = cursor.name();
      cursor.expect(" → plan ");
      names.push({ name: this.#tables.strings.of(name), text: name, plan: cursor.whole() });
      cursor.end();
    }
    const exact = this.#section(Section.Exact);
    const first = exact.length / 8;
    const mask = names.length === 0 ? NO_EXACT : this.#exact(names, item.line);
    const { offset, plan } = this.#others(item, at);
    const section = this.#section(Section.Agents).u32(this.#tables.strings.of(id));
    section
      .u32(mask === NO_EXACT ? 0 : first)
      .u32(mask)
      .u32(offset)
      .u32(plan)
      .u32(0);
  }

  #exact(
    names: readonly { readonly name: number; readonly plan: number; readonly text: string }[],
    line: number,
  ): number {
    if (new Set(names.map(({ name }) => name)).size < names.length)
      throw new ListingFailure(line, "this agent names a tool twice");
    const table = exactTable(names);
    if (table === null) throw new ListingFailure(line, "too many names of tools have the same hash");
    for (const cell of table.rows) this.#section(Section.Exact).u32(cell);
    return table.mask;
  }

  /** Offset of the dispatch plus one, or 0; and the plan of tools that nothing names. */
  #others(item: Item, at: number): { offset: number; plan: number } {
    const line = item.body[at];
    if (line === undefined) throw new Error("there is no line of other tools");
    const cursor = new Cursor(line.text, line.line);
    cursor.expect("other tools → ");
    const rest = item.body.slice(at + 1);
    if (cursor.eat("plan ")) {
      const plan = cursor.whole();
      cursor.end();
      const more = rest[0];
      if (more !== undefined) throw new ListingFailure(more.line, "an agent ends with its other tools");
      return { offset: 0, plan };
    }
    cursor.expect("by ");
    const section = this.#section(Section.Dispatch);
    const offset = section.length + 1;
    const last = rest.at(-1);
    const fallback = last === undefined ? null : /^else plan (\d{1,9})$/.exec(last.text);
    readDispatch(cursor, fallback === null ? rest : rest.slice(0, -1), section);
    return { offset, plan: fallback === null ? 0 : Number(fallback[1]) };
  }

  #host(): void {
    const [item, second] = this.#of("host");
    const isRaw = this.#of("raw").some(({ text }) => text === `raw ${Section[Section.Host]}`);
    if (item === undefined && isRaw) return;
    if (item === undefined) throw new ListingFailure(this.#last, "a listing has a line `host {…}`");
    if (second !== undefined) throw new ListingFailure(second.line, "a second `host`: a listing has one");
    this.#section(Section.Host).raw(utf8.encode(canonical(jsonOf(item.text.slice(5), item.line))));
  }

  #debug(): void {
    if (this.#files.length === 0) return;
    const texts = [...this.#files];
    const section = this.#section(Section.Debug);
    for (const [row, place] of this.#places.entries()) {
      if (place === null) throw new ListingFailure(this.#rowLine(row), "this rule says no place, and there are files");
      section.u32(place.line).u16(place.column).u16(place.file).u32(texts.length);
      texts.push(place.text);
    }
    stringRows(this.#section(Section.DebugStrings), texts);
  }

  #rowLine(row: number): number {
    return [...this.#of("rule"), ...this.#of("gate")][row]?.line ?? 1;
  }

  #sources(): void {
    const sources = this.#of("source").map((item) => {
      const head = new Cursor(item.text, item.line);
      head.expect("source ");
      const file = head.name();
      head.end();
      const lines = item.body.map(({ text, line }) => {
        const cursor = new Cursor(text, line);
        if (cursor.eat("|")) return cursor.eat(" ") ? cursor.rest() : "";
        const quoted = cursor.quoted();
        cursor.end();
        return quoted;
      });
      return { file, text: lines.join("\n") };
    });
    this.#section(Section.Sources).raw(utf8.encode(canonical(sources)));
  }

  /** Sections that stand there as bytes, whatever the rest says. */
  #raw(): void {
    for (const item of this.#of("raw")) {
      const cursor = new Cursor(item.text, item.line);
      cursor.expect("raw ");
      const name = cursor.match(/\w+/y) ?? "";
      const section = (Section as unknown as { readonly [name: string]: number | undefined })[name];
      if (section === undefined || section >= Section.End || /^\d/.test(name))
        throw new ListingFailure(item.line, `there is no section \`${name}\``);
      cursor.end();
      const bytes = new Bytes();
      readHex(item.body, bytes);
      this.#sections[section] = bytes;
    }
  }
}

function jsonOf(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ListingFailure(line, "what stands behind `host` is no JSON");
  }
}
