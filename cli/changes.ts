// The changes between the policy in force and the file, as plan prints them and as history keeps them in one line.
import {
  diffStacks,
  type ItemChanges,
  isUnchanged,
  itemKinds,
  type RuleChange,
  type RuleRef,
  type StackChanges,
} from "../compiler/diff.ts";
import type { SourceText, Stack } from "../compiler/index.ts";
import { ImageFailure, loadImage } from "../runtime/images.ts";
import { stackPaths } from "../runtime/stack.ts";
import { countText, visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";

export { isUnchanged };

/** Against the stored version with this image; null hash: nothing is in force. Null where what is stored cannot be read. */
export async function changesBetween(
  dir: string,
  imageHash: string | null,
  stack: Stack,
): Promise<StackChanges | null> {
  if (imageHash === null) return diffStacks(null, stack);
  try {
    return changesFrom(loadImage(stackPaths(dir).policies, imageHash).sources, stack);
  } catch (error) {
    if (error instanceof ImageFailure) return null;
    throw error;
  }
}

export async function changesFrom(sources: readonly SourceText[], stack: Stack): Promise<StackChanges | null> {
  const { resolveStored } = await import("../compiler/resolve.ts");
  const { stack: before } = resolveStored(sources);
  return before === null ? null : diffStacks(before, stack);
}

/** `1 rule added, 2 rules changed, budgets`. */
export function summaryOf(changes: StackChanges): string {
  const { added, removed, changed } = changes.rules;
  const counts: readonly (readonly [number, string])[] = [
    [added.length, "added"],
    [removed.length, "removed"],
    [changed.length, "changed"],
  ];
  const parts = counts.filter(([count]) => count > 0).map(([count, what]) => `${countText(count, "rule")} ${what}`);
  const others = itemKinds.filter((kind) => sizeOf(changes.items[kind]) > 0).map((kind) => kind.replace("_", " "));
  return [...parts, ...others].join(", ") || "no change in meaning";
}

function sizeOf({ added, removed, changed }: ItemChanges): number {
  return added.length + removed.length + changed.length;
}

export function printRuleChanges(io: Terminal, changes: StackChanges): void {
  const { added, removed, changed } = changes.rules;
  if (added.length + removed.length + changed.length > 0) {
    io.line("Rule changes:");
    for (const change of changed) io.line(io.paint.yellow(`~ ${changeText(change)}`));
    for (const rule of added) io.line(io.paint.green(`+ ${refText(rule)}`));
    for (const rule of removed) io.line(io.paint.red(`- ${refText(rule)}`));
  }
  const others = itemKinds.map((kind) => changes.items[kind]).filter((items) => sizeOf(items) > 0);
  if (others.length === 0) return;
  io.line("Other changes:");
  for (const items of others) {
    for (const { before, after } of items.changed) io.line(io.paint.yellow(`~ ${visible(before)} → ${visible(after)}`));
    for (const text of items.added) io.line(io.paint.green(`+ ${visible(text)}`));
    for (const text of items.removed) io.line(io.paint.red(`- ${visible(text)}`));
  }
}

/** `permit stripe/charge if amount < $500 → if amount < $250`: what both have in common is said once. */
export function changeText({ before, after }: RuleChange): string {
  const common = `${after.effect} ${after.pattern}`;
  const rest = after.text.slice(common.length).trim();
  return `${visible(before.text)} → ${visible(rest === "" ? "always" : rest)}${visible(after.where)}`;
}

export function refText(rule: RuleRef): string {
  return `${visible(rule.text)}${visible(rule.where)}`;
}
