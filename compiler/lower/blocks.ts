// Blocks of named entries as the daemon reads them from the image: one spelling for each field, durations in seconds,
// money in dollars, sizes in bytes, and of a secret the name of its variable alone. The machine never looks at them.
import type { Block, BlockEntry, Stack, Value } from "../ast.ts";
import { type BlockField, blockKinds, blocksOf, fieldOf, isBlockKeyword } from "../blocks.ts";
import { parseDuration } from "../parse/quantity.ts";
import { type HostValue, hostValue } from "./host-value.ts";

/** A block as it stands in the Host section. Fields that may hold several values are lists, whatever was written. */
export interface HostBlock {
  readonly keyword: Block["keyword"];
  /** The agent it stands in; null at the top level. */
  readonly agent: string | null;
  readonly name: string | null;
  readonly fields: { readonly [name: string]: HostValue };
}

/** In the order of the table, then of the policy: text, YAML and JSON give the same. */
export function hostBlocks(stack: Stack): HostBlock[] {
  return Object.keys(blockKinds).flatMap((keyword) => {
    if (!isBlockKeyword(keyword)) return [];
    const { place } = blockKinds[keyword];
    const places = place === "stack" ? [{ blocks: stack.blocks, id: null }] : stack.agents;
    return places.flatMap((at) => blocksOf(at, keyword).map((block) => hostBlock(block, at.id)));
  });
}

function hostBlock(block: Block, agent: string | null): HostBlock {
  const fields = new Map<string, HostValue>();
  let { name } = block;
  for (const entry of block.entries) {
    const found = fieldOf(block.keyword, entry.name);
    if (found === null) continue;
    const values = valuesOf(entry, found.field);
    const before = fields.get(found.name);
    const [value] = values;
    if (found.name === "target_agent" && block.keyword === "delegate") {
      name = typeof value === "string" ? value : name;
    } else if (found.field.several === true && found.field !== blockKinds[block.keyword].open) {
      fields.set(found.name, [...(Array.isArray(before) ? before : []), ...values]);
    } else fields.set(found.name, values.length === 1 && value !== undefined ? value : values);
  }
  return { keyword: block.keyword, agent, name, fields: Object.fromEntries(fields) };
}

function valuesOf(entry: BlockEntry, field: BlockField): HostValue[] {
  const values = entry.values.flatMap((value) => (value.kind === "list" ? value.items : [value]));
  const read = values.map((value) => writtenValue(value, field));
  return field.values === undefined ? read : [read];
}

function writtenValue(value: Value, field: BlockField): HostValue {
  if (value.kind === "string" && field.holds.length === 1 && field.holds[0] === "duration")
    return parseDuration(value.value);
  return hostValue(value);
}
