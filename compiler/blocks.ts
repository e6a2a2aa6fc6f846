// The blocks of named entries that the language knows: which stand where, and which have a name. One table, read by
// parse, the YAML reader and check; it holds no text of a policy.
import type { Agent, AgentKeyword, Block, Stack, StackKeyword } from "./ast.ts";

export interface BlockKind {
  readonly place: "stack" | "agent";
  /** An id before the brace: always, never, or as the author likes. */
  readonly named: "always" | "never" | "optional";
}

export const blockKinds: Readonly<Record<StackKeyword | AgentKeyword, BlockKind>> = {
  provider: { place: "stack", named: "always" },
  identity: { place: "stack", named: "always" },
  trust: { place: "stack", named: "never" },
  system: { place: "stack", named: "always" },
  manifest: { place: "stack", named: "always" },
  credential: { place: "agent", named: "always" },
  selector: { place: "agent", named: "always" },
  delegate: { place: "agent", named: "optional" },
  ambient: { place: "agent", named: "never" },
  completion_gate: { place: "agent", named: "never" },
  spawn: { place: "agent", named: "never" },
  session: { place: "agent", named: "never" },
  alert: { place: "agent", named: "never" },
  enforcement: { place: "agent", named: "never" },
};

export function isBlockKeyword(word: string): word is Block["keyword"] {
  return Object.hasOwn(blockKinds, word);
}

/** The blocks of that keyword, in order of appearance. */
export function blocksOf(place: Stack | Agent, keyword: Block["keyword"]): Block[] {
  return place.blocks.filter((block) => block.keyword === keyword);
}
