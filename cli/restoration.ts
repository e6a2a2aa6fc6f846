// What stands before `rollback` changes anything: which version would be restored, whether the asserts hold under it, its own and
// those in force, and what it would open. It reads stored versions and never changes any.
import type { Stack } from "../compiler/ast.ts";
import type { StackChanges } from "../compiler/diff.ts";
import type { SourceText } from "../runtime/doors/protocol.ts";
import type { VersionView } from "../runtime/doors/views.ts";
import { ImageFailure, loadImage } from "../runtime/images.ts";
import { stackPaths } from "../runtime/stack.ts";
import { type Access, accessBetween, type PolicyOfPlan, printAccess } from "./access.ts";
import type { TriedAssert } from "./asserts.ts";
import { isUnchanged, printRuleChanges } from "./changes.ts";
import { Stop } from "./exit.ts";
import { gatherImports } from "./imports.ts";
import { readPolicyFile } from "./policy-file.ts";
import { openings, printOpenings } from "./rehearsal.ts";
import { countText, visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";

export interface Restoration {
  readonly target: VersionView;
  /** The version in force. */
  readonly from: VersionView;
}

/** What was found out about a restoration before it is asked for. */
export interface Findings {
  /** Asserts of the version to be restored that are not proved of it. */
  readonly own: readonly TriedAssert[];
  /** Those of the version in force that are not proved of it. */
  readonly inForce: readonly TriedAssert[];
  /** These two: null where they were not asked for. */
  readonly access: Access | null;
  readonly changes: StackChanges | null;
  /** Why nothing is known; null where it was looked into. */
  readonly unread: string | null;
}

const nothing: Findings = { own: [], inForce: [], access: null, changes: null, unread: null };

/** Null where the daemon has its own answer: no such version, or it is in force already. */
export function restorationOf(versions: readonly VersionView[], to: string | null): Restoration | null {
  const from = versions.find((one) => one.active);
  if (from === undefined) return null;
  const lower = versions.map(numberOf).filter((one) => one < numberOf(from));
  const wanted = to === null ? Math.max(...lower) : numberOf({ version: to });
  const target = versions.find((one) => numberOf(one) === wanted);
  return target === undefined || wanted === numberOf(from) ? null : { target, from };
}

function numberOf({ version }: { readonly version: string }): number {
  return Number(version.replace(/^v/, ""));
}

/** A version as it was stored. Throws ImageFailure, and Stop for a text that this release does not read. */
async function storedOf(dir: string, { version, image_hash }: VersionView): Promise<PolicyOfPlan> {
  const { image, sources } = loadImage(stackPaths(dir).policies, image_hash);
  const { resolveStored } = await import("../compiler/resolve.ts");
  const { stack } = resolveStored(sources);
  if (stack === null) throw new Stop(`the stored source of ${version} cannot be read any more`);
  return { stack, image };
}

/**
 * The file's own tree where it decides as the version in force does: then its asserts are in force too, since applying it changes
 * nothing. Null for any other file: what is being written yet holds nobody back.
 */
async function fileAsInForce(io: Terminal, dir: string, from: VersionView): Promise<Stack | null> {
  try {
    const source = readPolicyFile(dir);
    const { resolve } = await gatherImports(io, dir, source, { offline: true });
    const { compile } = await import("../compiler/index.ts");
    const { image, stack } = compile(source.text, { file: source.file, imports: resolve });
    if (image === undefined || stack === undefined) return null;
    const { loadPolicySync } = await import("../runtime/evaluator/index.ts");
    const { policy_hash } = loadPolicySync(image, { state: "volatile" }).info;
    return policy_hash === from.policy_hash ? stack : null;
  } catch (error) {
    if (error instanceof Stop) return null;
    throw error;
  }
}

/** Looks at both versions; what cannot be read of them is told as unread, never as fine. */
export async function lookInto(
  io: Terminal,
  dir: string,
  { target, from }: Restoration,
  isWhole: boolean,
): Promise<Findings> {
  try {
    const own = mayAssert(textsOf(dir, target)) || mayAssert(textsOf(dir, from));
    if (!isWhole && !own && !mayAssert(fileTexts(dir))) return nothing;
    const [before, after] = [await storedOf(dir, from), await storedOf(dir, target)];
    const standing = (await fileAsInForce(io, dir, from)) ?? before.stack;
    const { assertsAskedOf, failing, tryAsserts } = await import("./asserts.ts");
    return {
      own: failing(tryAsserts(after)),
      inForce: failing(tryAsserts(after, assertsAskedOf(after.stack, standing))),
      access: isWhole ? await accessBetween(before, after) : null,
      changes: isWhole ? (await import("../compiler/diff.ts")).diffStacks(before.stack, after.stack) : null,
      unread: null,
    };
  } catch (error) {
    if (!(error instanceof ImageFailure || error instanceof Stop)) throw error;
    return { ...nothing, unread: error.message };
  }
}

function textsOf(dir: string, { image_hash }: VersionView): readonly SourceText[] {
  return loadImage(stackPaths(dir).policies, image_hash).sources;
}

/** The policy's file alone: what a pack asserts came in with a version. */
function fileTexts(dir: string): readonly SourceText[] {
  try {
    return [readPolicyFile(dir)];
  } catch (error) {
    if (error instanceof Stop) return [];
    throw error;
  }
}

/** Cheap, so that most rollbacks need no compiler: a text without the word asserts nothing. */
function mayAssert(texts: readonly SourceText[]): boolean {
  return texts.some(({ text }) => text.includes("assert"));
}

/** Why it should not be done, as the version's summary says it when it was forced; "" where nothing stands in the way. */
export function objectionOf({ own, inForce, unread }: Findings, opened: number): string {
  const broken = own.length + inForce.length;
  return [
    ...(unread === null ? [] : ["not looked into"]),
    ...(broken > 0 ? [`${countText(broken, "assert")} not proved`] : []),
    ...(opened > 0 ? [`opens ${countText(opened, "kind")} of calls`] : []),
  ].join(", ");
}

/** Prints what is not proved and whose assert it is; then all that would change, or the openings alone. */
export async function printFindings(
  io: Terminal,
  { target, from }: Restoration,
  { own, inForce, access, changes, unread }: Findings,
  isWhole: boolean,
): Promise<void> {
  if (unread !== null) io.complain(`${io.paint.red("✗")} ${visible(unread)}`);
  if (changes !== null && isWhole) {
    if (isUnchanged(changes)) io.line(`No changes: ${from.version} says the same.`);
    printRuleChanges(io, changes);
    if (access !== null && !isUnchanged(changes)) printAccess(io, access);
  } else if (openings(access) > 0 && access !== null) printOpenings(io, access);
  if (own.length + inForce.length === 0) return;
  const { printAsserts } = await import("./asserts.ts");
  printAsserts(io, own, `Asserts of ${target.version}`);
  printAsserts(io, inForce, `Asserts of ${from.version}, in force now`);
}
