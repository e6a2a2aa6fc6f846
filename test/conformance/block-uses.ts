// What the table of blocks says can be written, and what a policy writes of it, as short texts to be held against each
// other. It judges nothing.
import type { Block, Stack, Value } from "../../compiler/ast.ts";
import { type BlockField, blockKinds, fieldOf, type Holding, isBlockKeyword } from "../../compiler/blocks.ts";

/** `alert`, `alert named`, `alert.on`, `alert.on written …`, `alert.on holds text`, `alert.on is deny`, `alert.on several …`. */
export function blockForms(): string[] {
  return Object.entries(blockKinds).flatMap(([keyword, kind]) => [
    ...(kind.named === "never" ? [] : [`${keyword} named`]),
    ...(kind.named === "always" ? [] : [`${keyword} unnamed`]),
    ...(kind.times === "many" ? [`${keyword} again`] : []),
    ...(kind.env ? [`${keyword} env`] : []),
    ...Object.entries(kind.fields).flatMap(([name, field]) => fieldForms(`${keyword}.${name}`, field)),
    ...(kind.open === undefined ? [] : fieldForms(`${keyword}.*`, { ...kind.open, several: undefined })),
  ]);
}

function fieldForms(
  place: string,
  field: Pick<BlockField, "holds" | "choices" | "values" | "aliases"> & { several?: true | undefined },
): string[] {
  const isList = field.several === true && field.values === undefined;
  return [
    place,
    ...field.holds
      .flatMap((holds) => (holds === "scalar" ? scalars : [holds]))
      .map((holds) => `${place} holds ${holds}`),
    ...(field.choices ?? []).map((choice) => `${place} is ${choice}`),
    ...(field.aliases ?? []).map((alias) => `${place} written ${alias}`),
    ...(isList ? [`${place} as a list`, `${place} in a row`] : []),
    ...(field.several === true ? [`${place} again`] : []),
  ];
}

/** Kinds of values that a setting of any kind may have. */
const scalars: readonly Holding[] = ["text", "bool", "duration", "count", "amount", "size"];

export function blockUses(stack: Stack): string[] {
  const places = [stack.blocks, ...stack.agents.map(({ blocks }) => blocks)];
  return places.flatMap((blocks) => blocks.flatMap((block, i) => usesOf(block, blocks.slice(0, i))));
}

function usesOf(block: Block, before: readonly Block[]): string[] {
  const { keyword, name, entries } = block;
  if (!isBlockKeyword(keyword)) return [];
  const seen = new Set<string>();
  return [
    `${keyword} ${name === null ? "unnamed" : "named"}`,
    ...(before.some((one) => one.keyword === keyword) ? [`${keyword} again`] : []),
    ...entries.flatMap((entry) => {
      const found = fieldOf(keyword, entry.name);
      if (found === null) return [];
      const place = `${keyword}.${found.field === blockKinds[keyword].open ? "*" : found.name}`;
      const again = seen.has(place);
      seen.add(place);
      return [
        place,
        `${place} written ${entry.name}`,
        ...(again ? [`${place} again`] : []),
        ...(entry.values.length > 1 ? [`${place} in a row`] : []),
        ...entry.values.flatMap((value) => valueUses(keyword, place, value, found.field)),
      ];
    }),
  ];
}

function valueUses(keyword: string, place: string, value: Value, field: BlockField): string[] {
  if (value.kind === "list")
    return [`${place} as a list`, ...value.items.flatMap((one) => valueUses(keyword, place, one, field))];
  if (value.kind === "env") return [`${keyword} env`];
  if (value.kind === "bool") return [`${place} holds bool`];
  if (value.kind === "number") return numberHoldings[value.unit].map((holds) => `${place} holds ${holds}`);
  if (value.kind !== "string" && value.kind !== "word") return [];
  const holds = field.holds.length === 1 && field.holds[0] === "duration" ? "duration" : "text";
  return [`${place} holds ${holds}`, `${place} is ${value.value}`];
}

const numberHoldings = {
  plain: ["count", "amount"],
  money: ["amount"],
  duration: ["duration"],
  size: ["size"],
} as const satisfies Record<Extract<Value, { kind: "number" }>["unit"], readonly Holding[]>;
