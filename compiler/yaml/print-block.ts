// Blocks of named entries as plain data for YAML and JSON, in the shapes that yaml/block.ts reads back.
import type { Block, BlockEntry, Value } from "../ast.ts";
import { blockKinds, fieldOf } from "../blocks.ts";
import type { Plain, PlainMap } from "./plain.ts";
import { plainValue } from "./plain.ts";

/** Members for each keyword that is there, in the order of the table. */
export function plainBlocks(blocks: readonly Block[]): (readonly [string, Plain])[] {
  return Object.keys(blockKinds).flatMap((keyword) => {
    const own = blocks.filter((block) => block.keyword === keyword);
    const [first] = own;
    if (first === undefined) return [];
    const { times } = blockKinds[first.keyword];
    const isMap = times === "once" || first.keyword === "trust";
    return [[keyword, isMap && own.length === 1 ? plainBlock(first) : own.map(plainBlock)] as const];
  });
}

function plainBlock(block: Block): PlainMap {
  if (block.keyword === "trust") return plainTrust(block);
  const members = new Map<string, Plain>();
  if (block.name !== null && block.keyword === "delegate") members.set("target_agent", block.name);
  else if (block.name !== null && block.keyword !== "manifest") members.set("id", block.name);
  for (const entry of block.entries) {
    const name = fieldOf(block.keyword, entry.name)?.name ?? entry.name;
    const before = members.get(name);
    members.set(name, before === undefined ? plainEntry(entry) : [...listOf(before), ...listOf(plainEntry(entry))]);
  }
  return members;
}

function plainEntry({ values }: BlockEntry): Plain {
  const [only] = values;
  if (values.length === 1 && only !== undefined) return plainValue(only);
  return values.flatMap((value): readonly Plain[] => listOf(plainValue(value)));
}

function listOf(value: Plain): readonly Plain[] {
  return Array.isArray(value) ? (value as readonly Plain[]) : [value];
}

function plainTrust({ entries }: Block): PlainMap {
  const members = new Map<string, Plain>();
  const pair = (name: string, key: Value | undefined, value: Value | undefined): void => {
    if (key === undefined || value === undefined) return;
    const before = members.get(name);
    members.set(
      name,
      new Map([...(before instanceof Map ? before : []), [String(plainValue(key)), plainValue(value)]]),
    );
  };
  entries.forEach(({ name, values }, index) => {
    if (name === "key") pair(name, values[0], values[1]);
    else if (name === "spiffe_federated") pair(name, values[0], entries[index + 1]?.values[0]);
    else if (name !== "bundle_url") {
      const list = values.flatMap((value) => listOf(plainValue(value)));
      members.set(name, [...listOf(members.get(name) ?? []), ...list]);
    }
  });
  return members;
}
