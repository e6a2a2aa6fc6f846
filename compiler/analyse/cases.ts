// Calls that between them reach every rule of a policy, and both sides of every number that a condition compares with: what
// tests are made of. Each is reasoned, not tried: whoever writes it down asks the machine first.
import type { Rule, Stack } from "../ast.ts";
import { patternsOf, subjectOf } from "./access.ts";
import { agentsOf } from "./asserts.ts";
import { clausesOf, type Effect } from "./clauses.ts";
import { type Decided, Space } from "./decision.ts";
import { Beyond, NEVER } from "./diagram.ts";
import { FormulaReader } from "./formula.ts";
import { POLICY_STEPS_MAX } from "./limits.ts";
import { Patterns } from "./patterns.ts";
import { Places } from "./place.ts";
import { type ToolClass, toolClasses } from "./tool-classes.ts";
import { type Witness, witnessOf } from "./witness.ts";

export interface ReasonedCase {
  readonly agent: string | null;
  /** The rule that decides; null for a default or a phase that hides the tool. */
  readonly rule: Rule | null;
  readonly effect: Effect;
  readonly example: Witness;
}

export interface ReasonedCases {
  readonly cases: readonly ReasonedCase[];
  /** Rules of which no case is known: no call reaches them, or it hangs on what no call shows. */
  readonly missing: readonly Rule[];
}

/** Cases of one rule in one class of tools. */
const CASES_OF_A_RULE_MAX = 16;
/** Classes of tools in which one rule gets cases. */
const CLASSES_OF_A_RULE_MAX = 4;

/** The policy must have no errors. */
export function reasonCases(stack: Stack): ReasonedCases {
  const patterns = new Patterns();
  const cases: ReasonedCase[] = [];
  const counts = new Map<Rule, number>();
  let steps = 0;
  const rules = new Set<Rule>();
  for (const { agent, id } of agentsOf(stack)) {
    for (const rule of [...agent.rules, ...agent.phases.flatMap((phase) => phase.rules)]) rules.add(rule);
    const subject = subjectOf(stack, agent);
    for (const tools of classesOf(patternsOf(agent))) {
      if (steps > POLICY_STEPS_MAX) break;
      const places = new Places();
      const setting = { tool: tools.isSingle ? tools.example : null, agent: id, zone: subject.zone };
      const clauses = clausesOf(subject, tools, places, new FormulaReader(places, setting, patterns));
      try {
        const space = new Space(places.ordered());
        const { clauses: decided, effects } = space.decision(clauses);
        for (const one of decided) {
          const rule = typeof one.clause.source === "string" ? null : one.clause.source;
          if (rule !== null && (counts.get(rule) ?? 0) >= CLASSES_OF_A_RULE_MAX) continue;
          const found = casesOf(space, one, effects[one.clause.effect], id, tools);
          if (rule !== null && found.length > 0) counts.set(rule, (counts.get(rule) ?? 0) + 1);
          for (const example of found) cases.push({ agent: id, rule, effect: one.clause.effect, example });
        }
        steps += space.diagrams.steps;
      } catch (error) {
        if (!(error instanceof Beyond)) throw error;
      }
    }
  }
  return { cases, missing: [...rules].filter((rule) => !counts.has(rule)) };
}

function classesOf(patterns: readonly string[]): readonly ToolClass[] {
  try {
    return toolClasses(patterns);
  } catch (error) {
    if (!(error instanceof Beyond)) throw error;
    return [];
  }
}

/** A call that the clause decides, and one for each number at which its answer, or one before it, turns. */
function casesOf(
  space: Space,
  { decides, clause }: Decided,
  effect: Decided["decides"],
  agent: string | null,
  tools: ToolClass,
): Witness[] {
  const { diagrams } = space;
  // A gate behind the rules may refuse what the clause permits.
  const own = space.certain(diagrams.and(decides, clause.effect === "permit" ? effect : decides));
  const first = witnessOf(space, own, agent, tools);
  if (first === null) return [];
  const found = [first];
  for (const [level, regions] of space.regions.entries()) {
    for (const [i, { stretches }] of regions.entries()) {
      const points = stretches.filter(({ isPoint }) => isPoint);
      const edges = [points[0], points.at(-1)].filter((one) => one !== undefined);
      if (edges.length === 0) continue;
      const here = diagrams.and(
        own,
        diagrams.literal(
          level,
          regions.map((_, at) => at === i),
        ),
      );
      if (here === NEVER) continue;
      for (const { sample } of edges) {
        if (found.length === CASES_OF_A_RULE_MAX) return found;
        const fixed = new Map([[level, { kind: "number", value: sample } as const]]);
        const example = witnessOf(space, here, agent, tools, fixed);
        if (example !== null) found.push(example);
      }
    }
  }
  return found;
}
