// What two policies decide differently, of all calls that there can be: by agent and class of tools, in words and with a
// call for each. Counters (limits, budgets) are left out: they are compared elsewhere, by what they say.
import type { Agent, Stack, Value } from "../ast.ts";
import { type Clauses, clausesOf, type Effect, type Subject } from "./clauses.ts";
import { type Decision, Space } from "./decision.ts";
import { Beyond, NEVER, type Node } from "./diagram.ts";
import { FormulaReader } from "./formula.ts";
import { POLICY_STEPS_MAX } from "./limits.ts";
import { Patterns } from "./patterns.ts";
import { type Place, Places } from "./place.ts";
import { type SearchBudget, searchCall } from "./search.ts";
import { type ToolClass, toolClasses } from "./tool-classes.ts";
import { type Witness, witnessOf } from "./witness.ts";
import { describe } from "./words.ts";

export interface AccessChange {
  /** Null for the anonymous agent. */
  readonly agent: string | null;
  /** The tool, or the patterns that its names fit. */
  readonly tool: string;
  readonly from: Effect;
  readonly to: Effect;
  /** Stretches of calls, "" for all; at most `STRETCHES_MAX`. */
  readonly when: readonly string[];
  readonly isCut: boolean;
  readonly example: Witness;
  /** False where it hangs on what reasoning cannot see: the past of a session, two arguments compared. */
  readonly isCertain: boolean;
}

export interface AccessDifference {
  readonly changes: readonly AccessChange[];
  /** Agents and tools that were beyond the bounds: nothing is claimed of them. */
  readonly unknown: readonly { readonly agent: string | null; readonly tool: string; readonly why: string }[];
}

/** Stretches that one change names. */
const STRETCHES_MAX = 8;

const effects: readonly Effect[] = ["permit", "defer", "deny"];

/** Whether the call is answered so by the two policies, as whoever executes it says. */
export type Differs = (call: Witness, from: Effect, to: Effect) => boolean;

/** `differs` is asked where reasoning alone cannot be certain of a change, to find an example that shows it. */
export function compareAccess(before: Stack, after: Stack, differs: Differs): AccessDifference {
  const changes: AccessChange[] = [];
  const unknown: { agent: string | null; tool: string; why: string }[] = [];
  const patterns = new Patterns();
  const budget: SearchBudget = { calls: 0 };
  let steps = 0;
  for (const { id, old, now } of pairs(before, after)) {
    const subjects: [Subject, Subject] = [subjectOf(before, old), subjectOf(after, now)];
    let classes: readonly ToolClass[];
    try {
      classes = toolClasses([...patternsOf(old), ...patternsOf(now)]);
    } catch (error) {
      if (!(error instanceof Beyond)) throw error;
      unknown.push({ agent: id, tool: "**", why: error.message });
      continue;
    }
    for (const tools of classes) {
      try {
        if (steps > POLICY_STEPS_MAX) throw new Beyond("the policies are too large together");
        const compared = compareClass(subjects, { agent: id, tools, budget }, patterns, differs);
        steps += compared.steps;
        changes.push(...compared.changes);
      } catch (error) {
        if (!(error instanceof Beyond)) throw error;
        unknown.push({ agent: id, tool: toolWords(tools), why: error.message });
      }
    }
  }
  return { changes, unknown };
}

interface Pair {
  readonly id: string | null;
  readonly old: Agent | null;
  readonly now: Agent | null;
}

/** Agents of either policy, each beside whoever governs that id in the other. */
function pairs(before: Stack, after: Stack): Pair[] {
  const ids = new Set([...before.agents, ...after.agents].map(({ id }) => id));
  const governing = ({ agents, anonymous }: Stack, id: string): Agent | null =>
    agents.find((agent) => agent.id === id) ?? anonymous;
  const named = [...ids].map((id): Pair => ({ id, old: governing(before, id), now: governing(after, id) }));
  if (before.anonymous === null && after.anonymous === null) return named;
  return [...named, { id: null, old: before.anonymous, now: after.anonymous }];
}

/** An agent of the stack under the settings of the stack. */
export function subjectOf({ runtime }: Stack, agent: Agent | null): Subject {
  const settingOf = (name: string): Value | undefined => runtime?.fields.find((field) => field.name === name)?.value;
  const textOf = (name: string): string => {
    const value = settingOf(name);
    return value?.kind === "string" || value?.kind === "word" ? value.value : "";
  };
  const strict = settingOf("strict_guards");
  return {
    agent,
    strict: strict?.kind === "bool" && strict.value,
    isAudit: textOf("mode") === "audit",
    zone: textOf("timezone"),
  };
}

/** What a call is answered: in audit mode every call of an agent that the policy governs is permitted. */
function answered(space: Space, { agent, isAudit }: Subject, clauses: Clauses): Decision["effects"] {
  if (isAudit && agent !== null) return { permit: space.possible, defer: NEVER, deny: NEVER };
  return space.decision(clauses).effects;
}

export function patternsOf(agent: Agent | null): string[] {
  if (agent === null) return [];
  const phases = agent.phases.flatMap(({ tools, rules }) => [...tools, ...rules.map(({ pattern }) => pattern)]);
  return [...agent.rules.map(({ pattern }) => pattern), ...phases].map(({ text }) => text);
}

export function toolWords({ patterns, example, isSingle }: ToolClass): string {
  if (isSingle) return example;
  return patterns.size === 0 ? "any other tool" : [...patterns].join(" and ");
}

function compareClass(
  subjects: readonly [Subject, Subject],
  near: { readonly agent: string | null; readonly tools: ToolClass; readonly budget: SearchBudget },
  patterns: Patterns,
  differs: Differs,
): { readonly changes: readonly AccessChange[]; readonly steps: number } {
  const { agent, tools } = near;
  const places = new Places();
  const tool = tools.isSingle ? tools.example : null;
  const [old, now] = subjects.map((subject) => {
    const reader = new FormulaReader(places, { tool, agent, zone: subject.zone }, patterns);
    return clausesOf(subject, tools, places, reader);
  }) as [Clauses, Clauses];
  const isSameMode = subjects[0].isAudit === subjects[1].isAudit;
  if (isSameMode && meaningOf(old) === meaningOf(now)) return { changes: [], steps: 0 };
  const space = new Space(places.ordered());
  const was = answered(space, subjects[0], old);
  const is = answered(space, subjects[1], now);
  const changes: AccessChange[] = [];
  for (const from of effects) {
    for (const to of effects) {
      if (from === to) continue;
      const set = space.diagrams.and(was[from], is[to]);
      const certain = space.certain(set);
      for (const [part, isCertain] of [
        [certain, true],
        [space.diagrams.minus(set, certain), false],
      ] as const) {
        const shown = shownOf(space, part, agent, tools);
        if (shown === null) continue;
        const found = isCertain ? null : searchCall(space, part, near, (call) => differs(call, from, to)).call;
        const example = found ?? shown.example;
        changes.push({ agent, tool: toolWords(tools), from, to, ...shown, example, isCertain });
      }
    }
  }
  return { changes, steps: space.diagrams.steps };
}

/** Equal for clauses that are built alike of the same tests, as most are between two versions of a policy. */
function meaningOf({ list, gates }: Clauses): string {
  const clauses = list.map(({ holds, strict, effect }) => [effect, strict, holds]);
  return JSON.stringify([clauses, gates], (key, value: unknown) => (key === "place" ? (value as Place).key : value));
}

function shownOf(
  space: Space,
  set: Node,
  agent: string | null,
  tools: ToolClass,
): Pick<AccessChange, "when" | "isCut" | "example"> | null {
  const example = witnessOf(space, set, agent, tools);
  if (example === null) return null;
  const { lines, isCut } = describe(space, set, STRETCHES_MAX);
  return { when: lines, isCut, example };
}
