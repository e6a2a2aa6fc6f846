// Shapes as text, both ways: what many tools have in common. One table says which members are lists of what, in the order in
// which the encoder lays their lists into the pool.
import { SHAPE_NAMED, SHAPE_ROW_BYTES, SHAPE_SESSION, SHAPE_TIME, Shape } from "../../vm/shared/image.ts";
import { RuleEffect } from "../../vm/shared/isa.ts";
import type { ImageView } from "../image-view.ts";
import { Cursor, ListingFailure, nameText, periodText } from "./cursor.ts";
import { fieldText } from "./fields.ts";
import type { Line } from "./items.ts";
import type { Tables } from "./tables.ts";

type Kind = "fields" | "rows" | "strings" | "phases" | "places" | "period";

interface Member {
  readonly word: string;
  readonly kind: Kind;
  readonly start: Shape;
  readonly count: Shape;
}

const members: readonly Member[] = [
  { word: "fields", kind: "fields", start: Shape.FieldsStart, count: Shape.FieldsCount },
  { word: "deny! rules", kind: "rows", start: Shape.MandatoryStart, count: Shape.MandatoryCount },
  { word: "limits", kind: "rows", start: Shape.LimitsStart, count: Shape.LimitsCount },
  { word: "budgets", kind: "rows", start: Shape.BudgetsStart, count: Shape.BudgetsCount },
  { word: "redact", kind: "strings", start: Shape.RedactStart, count: Shape.RedactCount },
  { word: "model gates", kind: "rows", start: Shape.ModelGatesStart, count: Shape.ModelGatesCount },
  { word: "egress gates", kind: "rows", start: Shape.EgressGatesStart, count: Shape.EgressGatesCount },
  { word: "selector gates", kind: "rows", start: Shape.SelectorGatesStart, count: Shape.SelectorGatesCount },
  { word: "phase", kind: "phases", start: Shape.PhasesStart, count: Shape.PhasesCount },
  { word: "workflow phase", kind: "phases", start: Shape.StagesStart, count: Shape.StagesCount },
  { word: "feeds track", kind: "places", start: Shape.TracksStart, count: Shape.TracksCount },
  { word: "expires after", kind: "period", start: Shape.MaxDuration, count: Shape.MaxDuration },
  { word: "idle no longer than", kind: "period", start: Shape.IdleTimeout, count: Shape.IdleTimeout },
  { word: "denials feed tracks", kind: "rows", start: Shape.DenialsStart, count: Shape.DenialsCount },
];

const flags = [
  [SHAPE_NAMED, "named"],
  [SHAPE_TIME, "reads the time"],
  [SHAPE_SESSION, "keeps sessions"],
] as const;

const effects: Readonly<Record<string, RuleEffect>> = {
  permit: RuleEffect.Permit,
  deny: RuleEffect.Deny,
  defer: RuleEffect.Defer,
};

export function shapeText(view: ImageView, row: number, index: number): string[] {
  const cell = (member: Shape): number => view.u32(row + member * 4);
  const effect = Object.entries(effects).find(([, value]) => value === cell(Shape.DefaultEffect))?.[0] ?? "?";
  const words = flags.map(([flag, word]) => ((cell(Shape.Flags) & flag) !== 0 ? `, ${word}` : ""));
  const lines = [`shape ${index}: default ${effect}${words.join("")}`];
  for (const { word, kind, start, count } of members) {
    if (cell(count) === 0) continue;
    const say = (text: string): unknown => lines.push(`  ${word} ${text}`);
    if (kind === "period") say(periodText(view.number(cell(start) - 1)));
    else if (kind === "phases") {
      const triples = view.pool(cell(start), cell(count) * 3);
      for (let i = 0; i < triples.length; i += 3) {
        const rules = view.pool(triples[i + 1] ?? 0, triples[i + 2] ?? 0);
        say(`${triples[i]}, rules ${rules.join(" ") || "none"}`);
      }
    } else if (kind === "places") {
      const pairs = view.pool(cell(start), cell(count) * 2);
      for (let i = 0; i < pairs.length; i += 2) say(`${pairs[i]}${placesText(pairs[i + 1] ?? 0)}`);
    } else {
      const textOf = {
        fields: (i: number) => fieldText(view.field(i)),
        strings: (i: number) => nameText(view.string(i)),
        rows: String,
      };
      say(view.pool(cell(start), cell(count)).map(textOf[kind]).join(" "));
    }
  }
  return lines;
}

/** The places that a call fills; the first alone is not said. */
function placesText(places: number): string {
  if (places === 1) return "";
  const bits = [...places.toString(2)].reverse().flatMap((bit, place) => (bit === "1" ? [place] : []));
  return `, places ${bits.join(" ")}`;
}

/** `head` stands behind `shape 3: `. The row's cells. */
export function readShape(head: Cursor, body: readonly Line[], tables: Tables): Uint32Array {
  const cells = new Uint32Array(SHAPE_ROW_BYTES / 4);
  head.expect("default ");
  const effect = head.match(/[a-z]+/y) ?? "";
  cells[Shape.DefaultEffect] = Object.hasOwn(effects, effect)
    ? (effects[effect] ?? 0)
    : head.fail("permit, deny or defer");
  for (const [flag, word] of flags) if (head.eat(`, ${word}`)) cells[Shape.Flags] = (cells[Shape.Flags] ?? 0) | flag;
  head.end();
  const found = body.map(({ text, line }) => {
    // The longer word first: "phase" begins none of the others, but "feeds track" and the like share their letters.
    const member = members.find(({ word }) => text.startsWith(`${word} `));
    if (member === undefined) throw new ListingFailure(line, `a shape has no \`${text.slice(0, 40)}\``);
    const cursor = new Cursor(text, line);
    cursor.expect(`${member.word} `);
    return { member, cursor };
  });
  for (const member of members) {
    const cursors = found.filter((one) => one.member === member).map(({ cursor }) => cursor);
    const [first, second] = cursors;
    if (first === undefined) continue;
    if (second !== undefined && member.kind !== "phases" && member.kind !== "places")
      throw new ListingFailure(second.line, `\`${member.word}\` stands twice in one shape`);
    readMember(member, cursors, first, cells, tables);
    for (const cursor of cursors) cursor.end();
  }
  return cells;
}

function readMember(
  { kind, start, count }: Member,
  cursors: readonly Cursor[],
  first: Cursor,
  cells: Uint32Array,
  tables: Tables,
): void {
  if (kind === "period") {
    cells[start] = tables.numbers.of(first.period()) + 1;
    return;
  }
  if (kind === "phases" || kind === "places") {
    const items = cursors.flatMap((cursor) => (kind === "phases" ? readPhase(cursor, tables) : readPlaces(cursor)));
    cells[start] = tables.list(items);
    cells[count] = cursors.length;
    return;
  }
  const items: number[] = [];
  do {
    if (kind === "fields") items.push(tables.slot(first));
    else items.push(kind === "strings" ? tables.strings.of(first.name()) : first.whole());
  } while (first.eat(" "));
  cells[start] = tables.list(items);
  cells[count] = items.length;
}

function readPhase(cursor: Cursor, tables: Tables): number[] {
  const phase = cursor.whole();
  cursor.expect(", rules");
  const rules = readRows(cursor);
  return [phase, tables.list(rules), rules.length];
}

/** ` 1 2 3`, or ` none`. */
export function readRows(cursor: Cursor): number[] {
  if (cursor.eat(" none")) return [];
  const rows: number[] = [];
  do {
    cursor.expect(" ");
    rows.push(cursor.whole());
  } while (cursor.match(/(?= \d)/y) !== null);
  return rows;
}

function readPlaces(cursor: Cursor): number[] {
  const track = cursor.whole();
  if (!cursor.eat(", places")) return [track, 1];
  const bits = readRows(cursor);
  return [track, bits.reduce((word, bit) => (bit < 32 ? word | (1 << bit) : cursor.fail("a place below 32")), 0) >>> 0];
}
