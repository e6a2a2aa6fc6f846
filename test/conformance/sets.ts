// What this folder holds, read into one shape: a policy in one or more spellings, and the lines that are run against it.
// It knows the forms of the data (README.md) and nothing of what policies mean.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ImportedText } from "../../compiler/index.ts";
import type { EvaluationRequest, SessionName } from "../../runtime/evaluator/types.ts";
import { importsIn } from "../imports.ts";

export interface Expectation {
  readonly [member: string]: unknown;
}

export interface CaseLine {
  readonly name: string;
  readonly request: EvaluationRequest;
  readonly now?: number;
  readonly approved?: string[];
  /** The same call so many times, each with that answer. */
  readonly repeat?: number;
  readonly expect: Expectation;
}

/** A session's move to a workflow phase. */
export interface MoveLine {
  readonly move: SessionName & { readonly to: string };
  readonly now?: number;
}

/** A session is begun, or forgotten. */
export interface SessionLine {
  readonly session: SessionName & { readonly op: "open" | "close" | "reset" };
  readonly now?: number;
}

export type Line = CaseLine | MoveLine | SessionLine | { readonly activate: number } | { readonly reset: true };

export interface Spelling {
  /** The name under which it is compiled; its ending says the form. */
  readonly file: string;
  readonly text: string;
  /** What it imports. */
  readonly imports?: ReadonlyMap<string, ImportedText>;
}

export interface CaseSet {
  /** Where it stands: `limits/rate-basic`, `conditions/equality.conditions.jsonl:12`. */
  readonly place: string;
  /** Ways to write the same policy; the lines hold for each. */
  readonly spellings: readonly Spelling[];
  readonly lines: readonly Line[];
}

/** Texts that are no policy. */
export interface RefusedSet {
  readonly place: string;
  readonly spellings: readonly Spelling[];
  readonly because: string;
  /** Code of the first error. */
  readonly code: string;
}

const root = fileURLToPath(new URL("./", import.meta.url));
const POLICY_ENDINGS = [".fms", ".fpl", ".fms.yaml", ".fms.json"];
const CASES = ".cases.jsonl";

/** Files below this folder, by their path in it. */
const files: readonly string[] = readdirSync(root, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .sort();

interface Row {
  readonly place: string;
  readonly value: unknown;
}

function rowsOf(file: string): Row[] {
  return readFileSync(join(root, file), "utf8")
    .split("\n")
    .map((text, i) => ({ place: `${file}:${i + 1}`, text }))
    .filter(({ text }) => text !== "")
    .map(({ place, text }) => ({ place, value: parsed(place, text) }));
}

function parsed(place: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${place} is no JSON`, { cause });
  }
}

const rowsEnding = (ending: string): Row[] => files.filter((file) => file.endsWith(ending)).flatMap(rowsOf);

/** A text, several spellings of one policy, or texts by the name of their file. */
type Written = string | readonly string[] | { readonly [file: string]: string };

const FILE = "policy.fms";

function spellingsOf(written: Written): Spelling[] {
  if (typeof written === "string") return [{ file: FILE, text: written }];
  if (Array.isArray(written)) return written.map((text: string) => ({ file: FILE, text }));
  return Object.entries(written).map(([file, text]) => ({ file, text }));
}

/** A policy in a file of its own, its lines beside it; the same topic in several forms is several spellings. */
function fileSets(): CaseSet[] {
  return files
    .filter((file) => file.endsWith(CASES))
    .map((file) => {
      const place = file.slice(0, -CASES.length);
      const imports = importsIn(join(root, `${place}.imports`));
      const spellings = POLICY_ENDINGS.map((ending) => `${place}${ending}`)
        .filter((policy) => files.includes(policy))
        .map((policy) => ({ file: basename(policy), text: readFileSync(join(root, policy), "utf8"), imports }));
      return { place, spellings, lines: rowsOf(file).map(({ value }) => value as Line) };
    });
}

interface PolicyRow {
  readonly policy: Written;
  readonly lines: readonly Line[];
}

function policySets(): CaseSet[] {
  return rowsEnding(".policies.jsonl").map(({ place, value }) => {
    const row = value as PolicyRow;
    return { place, spellings: spellingsOf(row.policy), lines: row.lines };
  });
}

/** Arguments of calls, or whole members of requests where `of` says so, for which a condition is true, false, unknown. */
interface ConditionRow {
  readonly condition: string;
  readonly vars?: string;
  readonly of?: "request";
  readonly true?: readonly object[];
  readonly false?: readonly object[];
  readonly unknown?: readonly object[];
}

const effectOf = {
  loose: { true: "permit", false: "deny", unknown: "defer" },
  strict: { true: "deny", false: "permit", unknown: "deny" },
} as const;

/** Each condition as a permit and a deny of the same, and as a deny under strict guards. */
function conditionSets(): CaseSet[] {
  return rowsEnding(".conditions.jsonl").flatMap(({ place, value }) => {
    const row = value as ConditionRow;
    const rules = {
      loose: `default defer permit t if ${row.condition} deny t if not (${row.condition})`,
      strict: `default permit deny t if ${row.condition}`,
    };
    return (["loose", "strict"] as const).map((guards) => ({
      place: `${place} ${guards}`,
      spellings: spellingsOf(
        `${guards === "strict" ? "runtime { strict_guards = true } " : ""}agent a { ${row.vars ?? ""} ${rules[guards]} }`,
      ),
      lines: (["true", "false", "unknown"] as const).flatMap((answer) =>
        (row[answer] ?? []).map((given) => {
          const members = row.of === "request" ? given : { args: given };
          const effect = effectOf[guards][answer];
          return line(`${answer}: ${JSON.stringify(given)}`, { tool_id: "t", ...members }, effect);
        }),
      ),
    }));
  });
}

/** A tool pattern, names that it fits, and names that it does not. */
interface PatternRow {
  readonly pattern: string;
  readonly fits?: readonly string[];
  readonly not?: readonly string[];
}

/** One pattern stands for all places that take one: a rule, a limit, a budget's tools, a phase's tools. */
function patternSets(): CaseSet[] {
  return rowsEnding(".patterns.jsonl").map(({ place, value }) => {
    const { pattern, fits = [], not = [] } = value as PatternRow;
    const quoted = JSON.stringify(pattern);
    const spellings = [
      `agent a { default deny permit ${quoted} }`,
      `agent a { default permit; permit ${pattern} ; deny * }`,
    ];
    const lines = [
      ...fits.map((tool) => line(`fits ${tool}`, { tool_id: tool }, "permit")),
      ...not.map((tool) => line(`does not fit ${tool}`, { tool_id: tool }, "deny")),
    ];
    return { place, spellings: spellingsOf(spellings), lines };
  });
}

/** Network matchers of one rule, and http parts (or arguments) for which they all hold, or not. */
interface MatcherRow {
  readonly matcher: string;
  readonly vars?: string;
  readonly of?: "args";
  readonly holds?: readonly object[];
  readonly fails?: readonly object[];
}

function matcherSets(): CaseSet[] {
  return rowsEnding(".matchers.jsonl").map(({ place, value }) => {
    const row = value as MatcherRow;
    const member = row.of ?? "http";
    const call = (given: object, effect: "permit" | "deny"): CaseLine =>
      line(JSON.stringify(given), { tool_id: "t", [member]: given }, effect);
    return {
      place,
      spellings: spellingsOf(`agent a { ${row.vars ?? ""} default deny permit t ${row.matcher} }`),
      lines: [
        ...(row.holds ?? []).map((given) => call(given, "permit")),
        ...(row.fails ?? []).map((given) => call(given, "deny")),
      ],
    };
  });
}

function line(name: string, members: { readonly tool_id: string }, effect: "permit" | "deny" | "defer"): CaseLine {
  const code = { permit: "POLICY_PERMIT", deny: "POLICY_DENY", defer: "POLICY_DEFER" }[effect];
  return { name, request: { agent_id: "a", ...members }, expect: { effect, code } };
}

export function caseSets(): CaseSet[] {
  return [...fileSets(), ...policySets(), ...conditionSets(), ...patternSets(), ...matcherSets()];
}

interface RefusedRow {
  readonly policy: Written;
  readonly because: string;
  readonly code: string;
}

export function refusedSets(): RefusedSet[] {
  return rowsEnding(".refused.jsonl").map(({ place, value }) => {
    const row = value as RefusedRow;
    return { place, spellings: spellingsOf(row.policy), because: row.because, code: row.code };
  });
}

/** Texts of the language that a version may still refuse by name. */
export function waitingTexts(): { readonly place: string; readonly text: string }[] {
  return rowsEnding(".waiting.jsonl").map(({ place, value }) => ({
    place,
    text: (value as { policy: string }).policy,
  }));
}
