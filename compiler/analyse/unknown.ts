// What analysis could not look at within its bounds, and what it says of that: a finding that names the question, the rules
// and the bound. Silence about a rule must mean that it was looked at, so whoever gives up on something notes it here.
import type { Agent, Rule, Span } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";

/** What has no answer: whether rules can fire at all, or only whether their order matters. */
export type Question = "fire" | "order";

interface Unanswered {
  readonly question: Question;
  readonly why: string;
  readonly rules: Set<Rule>;
}

/** Rules that a finding names besides the first. */
const RELATED_MAX = 3;

/** Of one agent. */
export class Unknowns {
  readonly #unanswered = new Map<string, Unanswered>();
  readonly #limits: Finding[] = [];

  /** Rules that a pack brought in are the pack's to mend. */
  note(question: Question, why: string, rules: Iterable<Rule>): void {
    const own = [...rules].filter(({ origin }) => origin === undefined);
    if (own.length === 0) return;
    const key = `${question} ${why}`;
    const known = this.#unanswered.get(key) ?? { question, why, rules: new Set<Rule>() };
    for (const rule of own) known.rules.add(rule);
    this.#unanswered.set(key, known);
  }

  /** A limit or budget, in the words of what it is. */
  noteLimit(what: string, why: string, span: Span): void {
    this.#limits.push(unknownFinding(`whether ${what} can ever bind is unknown: ${why}`, span));
  }

  findings(): Finding[] {
    const ofRules = [...this.#unanswered.values()].map(({ question, why, rules }): Finding => {
      const [first, ...others] = [...rules].sort(
        (a, b) => a.span.source - b.span.source || a.span.start - b.span.start,
      ) as [Rule, ...Rule[]];
      const count = others.length === 1 ? "1 other" : `${others.length} others`;
      const which = others.length === 0 ? "this rule" : `this rule and ${count}`;
      const asked = question === "fire" ? `${which} can ever fire` : `the order of ${which} matters`;
      const related = others.slice(0, RELATED_MAX).map(({ span }) => ({ message: "unknown of this one too", span }));
      return { ...unknownFinding(`whether ${asked} is unknown: ${why}`, first.span), related };
    });
    return [...ofRules, ...this.#limits];
  }
}

/** Every rule of the agent, phases and all. */
export function rulesOf(agent: Agent): Rule[] {
  return [...agent.rules, ...agent.phases.flatMap(({ rules }) => rules)];
}

function unknownFinding(message: string, span: Span): Finding {
  return { code: "FMS086", message, span, help: "ask less of one tool: fewer or simpler conditions, or several tools" };
}
