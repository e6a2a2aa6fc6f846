// Blocks of named entries against their table: fields that exist, values of their kinds, what is required, what may stand
// there once. What a block means beyond its own text is check/sense.ts's.
import type { Block, BlockEntry, Value } from "../ast.ts";
import { type BlockField, blockKinds, fieldOf, fieldWords, type Holding } from "../blocks.ts";
import { parseDuration } from "../parse/quantity.ts";
import { suggest } from "../suggest.ts";
import { kindWords, type Report, textOf } from "./report.ts";

/** Checks the blocks of one place, the stack or an agent. */
export function checkBlocks(report: Report, blocks: readonly Block[]): void {
  const once = blocks.filter(({ keyword }) => blockKinds[keyword].times === "once");
  report.twice(
    once,
    (block) => block.keyword,
    (block) => block.keywordSpan,
    (block) => `\`${block.keyword}\``,
  );
  const named = blocks.filter(({ keyword }) => blockKinds[keyword].times === "named");
  report.twice(
    named,
    (block) => `${block.keyword} ${block.name}`,
    (block) => block.nameSpan,
    (block) => `the ${block.keyword} \`${block.name}\``,
  );
  // The fields of `session` are check/session.ts's.
  for (const block of blocks) if (block.keyword !== "session") checkBlock(report, block);
}

/** How a message speaks of the block. */
export function placeOf({ keyword, name }: Block): string {
  return name === null || keyword === "manifest" ? `\`${keyword}\`` : `${keyword} \`${name}\``;
}

const variableName = /^[A-Za-z_][A-Za-z0-9_-]*$/;

function checkBlock(report: Report, block: Block): void {
  const kind = blockKinds[block.keyword];
  if (kind.named === "always" && (block.name === null || block.name === "")) {
    report.add("FMS014", `\`${block.keyword}\` needs a name`, block.nameSpan, { help: `write ${kind.example}` });
  } else if (block.keyword === "selector" && !variableName.test(block.name ?? "")) {
    report.add("FMS012", `\`${block.name}\` cannot be the name of a selector`, block.nameSpan, {
      help: "a name is a letter or _, then letters, digits, _ and -",
    });
  }
  const seen = new Map<string, BlockEntry>();
  for (const [index, entry] of block.entries.entries()) {
    const found = fieldOf(block.keyword, entry.name);
    if (found === null) {
      unknownField(report, block, entry);
      continue;
    }
    const { name, field } = found;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, entry);
    else if (field.several === undefined || field === kind.open) {
      report.add("FMS013", `\`${entry.name}\` of ${placeOf(block)} is declared twice`, entry.nameSpan, {
        help: "remove or rename one of them",
        related: [{ message: "first declared here", span: first.nameSpan }],
      });
    }
    checkEntry(report, block, entry, field);
    checkNeighbour(report, block, index, field);
  }
  checkComplete(report, block, seen);
}

function unknownField(report: Report, block: Block, entry: BlockEntry): void {
  if (block.keyword !== "ambient") {
    report.unknownField(entry.name, placeOf(block), fieldWords(block.keyword), entry.nameSpan);
    return;
  }
  const near = suggest(entry.name, ["on_exceed", "max_calls_per_day", "max_cost_per_day", "max_bytes_per_day"]);
  report.add("FMS011", `unknown field \`${entry.name}\` in \`ambient\``, entry.nameSpan, {
    help:
      near === null
        ? "the fields are on_exceed and counters such as max_calls_per_day, max_cost_per_hour, max_customers"
        : `did you mean \`${near}\`?`,
  });
}

function checkComplete(report: Report, block: Block, seen: ReadonlyMap<string, BlockEntry>): void {
  const kind = blockKinds[block.keyword];
  for (const [name, field] of Object.entries(kind.fields)) {
    if (field.required !== true || seen.has(name)) continue;
    // A misspelt field was complained of by its own name, where the block takes no fields but those it knows.
    const near = misspeltAs(block, name);
    if (near !== null && kind.open === undefined) continue;
    if (near === null)
      report.add("FMS014", `${placeOf(block)} lacks \`${name}\``, block.nameSpan, { help: `write ${kind.example}` });
    else {
      report.add("FMS014", `${placeOf(block)} lacks \`${name}\``, near.nameSpan, {
        help: `did you mean \`${name}\` where it says \`${near.name}\`?`,
      });
    }
  }
  if (kind.nonEmpty === true && block.entries.length === 0) {
    report.add("FMS014", `\`${block.keyword}\` says nothing`, block.keywordSpan, { help: `write ${kind.example}` });
  }
}

/** The entry of another name that may be meant to be `name`. */
function misspeltAs({ keyword, entries }: Block, name: string): BlockEntry | null {
  const { open, fields } = blockKinds[keyword];
  const others = entries.filter((entry) => {
    const found = fieldOf(keyword, entry.name);
    return found === null || (open !== undefined && found.field === open && !Object.hasOwn(fields, entry.name));
  });
  // Asked from the entry's side, as where it is complained of: the help must name this field.
  return others.find((entry) => suggest(entry.name, [...fieldWords(keyword), name]) === name) ?? null;
}

/** `bundle_url` belongs to the `spiffe_federated` before it. */
function checkNeighbour(report: Report, block: Block, index: number, field: BlockField): void {
  const entry = block.entries[index];
  if (entry === undefined) return;
  const { fields } = blockKinds[block.keyword];
  if (field.after !== undefined && block.entries[index - 1]?.name !== field.after) {
    report.add("FMS014", `\`${entry.name}\` stands behind no \`${field.after}\``, entry.nameSpan, {
      help: `write ${field.after} "…" ${entry.name} = "…"`,
    });
  }
  const needed = Object.entries(fields).find(([, row]) => row.after === entry.name)?.[0];
  if (needed !== undefined && block.entries[index + 1]?.name !== needed) {
    report.add("FMS014", `\`${entry.name}\` lacks its \`${needed}\``, entry.nameSpan, {
      help: `write ${entry.name} "…" ${needed} = "…"`,
    });
  }
}

function checkEntry(report: Report, block: Block, entry: BlockEntry, field: BlockField): void {
  const wanted = field.values ?? (field.several === true ? null : 1);
  if (wanted !== null && entry.values.length !== wanted) {
    const at = entry.values[wanted] ?? entry.values.at(-1);
    report.add(
      "FMS012",
      `\`${entry.name}\` takes ${wanted === 1 ? "one value" : `${wanted} values`}`,
      at?.span ?? entry.span,
      {
        help: `write ${blockKinds[block.keyword].example}`,
      },
    );
    return;
  }
  for (const value of entry.values) {
    if (value.kind === "env" && blockKinds[block.keyword].env && field.choices === undefined) continue;
    if (report.noEnv(value, `\`${block.keyword}\``)) continue;
    const isList = value.kind === "list" && field.several === true && field.values === undefined;
    if (isList && value.items.length === 0) {
      report.add("FMS012", `\`${entry.name}\` is an empty list`, value.span, { help: "name something, or remove it" });
    }
    for (const item of isList ? value.items : [value]) checkValue(report, entry, field, item);
  }
}

function checkValue(report: Report, entry: BlockEntry, field: BlockField, value: Value): void {
  if (!field.holds.some((holding) => holds(holding, value))) {
    report.add("FMS012", `\`${entry.name}\` is ${anyOf(field.holds)}, not ${kindWords(value)}`, value.span, {
      help: `write ${entry.name} = ${sample(field)}`,
    });
    return;
  }
  const text = textOf(value);
  if (text === "") {
    report.add("FMS012", `\`${entry.name}\` is empty`, value.span, { help: "write something, or remove it" });
  } else if (field.choices !== undefined && text !== null && !field.choices.includes(text)) {
    const near = suggest(text, field.choices);
    report.add("FMS012", `\`${entry.name}\` cannot be \`${text}\``, value.span, {
      help:
        near === null
          ? `write one of ${field.choices.map((choice) => `\`${choice}\``).join(", ")}`
          : `did you mean \`${near}\`?`,
    });
  }
}

function holds(holding: Holding, value: Value): boolean {
  const number = value.kind === "number" ? value : null;
  switch (holding) {
    case "text":
      return textOf(value) !== null;
    case "bool":
      return value.kind === "bool";
    case "duration":
      return (number?.unit === "duration" && number.value > 0) || durationOf(value) !== null;
    case "count":
      return number?.unit === "plain" && Number.isSafeInteger(number.value) && number.value >= 0;
    case "amount":
      return number !== null && (number.unit === "plain" || number.unit === "money") && number.value >= 0;
    case "size":
      return number?.unit === "size" && number.value >= 0;
    case "scalar":
      return value.kind !== "list" && value.kind !== "nil";
  }
}

/** Seconds of a duration in quotes, above 0. */
export function durationOf(value: Value): number | null {
  const seconds = value.kind === "string" ? parseDuration(value.value) : null;
  return seconds === null || seconds <= 0 ? null : seconds;
}

const words: Readonly<Record<Holding, string>> = {
  text: "text",
  bool: "true or false",
  duration: "a duration above 0",
  count: "a whole number, 0 or more",
  amount: "an amount, 0 or more",
  size: "a size",
  scalar: "a single value",
};

const samples: Readonly<Record<Holding, string>> = {
  text: '"…"',
  bool: "true",
  duration: "15m",
  count: "10",
  amount: "$500",
  size: "10mb",
  scalar: '"…"',
};

function anyOf(holdings: readonly Holding[]): string {
  return holdings.map((holding) => words[holding]).join(" or ");
}

function sample({ holds: [first], choices }: BlockField): string {
  return choices?.[0] ?? samples[first ?? "text"];
}
