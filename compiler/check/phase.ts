// Phases of an agent: rollouts, whose `next` leads on and never round, and workflow phases, which hold rules and nothing else.
import type { Agent, Phase } from "../ast.ts";
import { suggest } from "../suggest.ts";
import { checkPattern } from "./pattern.ts";
import type { Report } from "./report.ts";

export function checkPhases(report: Report, agent: Agent): void {
  const rollouts = agent.phases.filter((phase) => phase.durationMs !== null);
  const byName = new Map(rollouts.map((phase) => [phase.name, phase]));
  report.twice(
    agent.phases,
    (p) => p.name,
    (p) => p.nameSpan,
    (p) => `the phase \`${p.name}\``,
  );
  /** Phases of a circle that was reported. */
  const circling = new Set<string>();
  for (const phase of agent.phases) {
    if (phase.name === "enforce" || phase.name === "") {
      report.add("FMS026", `a phase cannot be named \`${phase.name}\``, phase.nameSpan, {
        help: "`enforce` is what follows the last phase",
      });
    }
    if (phase.durationMs === null) {
      checkWorkflow(report, phase);
      continue;
    }
    if (phase.durationMs <= 0)
      report.add("FMS026", `the phase \`${phase.name}\` lasts no time`, phase.nameSpan, {
        help: 'write duration = "48h"',
      });
    if (phase.tools.length === 0) {
      report.add("FMS014", `the phase \`${phase.name}\` names no tools`, phase.nameSpan, {
        help: 'write tools = ["stripe/payouts"]',
      });
    }
    for (const tool of phase.tools) checkPattern(report, tool);
    checkNext(report, phase, byName, circling);
  }
  checkShared(report, agent.phases);
}

/** A phase begins behind one other, so two that lead on to it leave open behind which. */
function checkShared(report: Report, phases: readonly Phase[]): void {
  const first = new Map<string, Phase>();
  for (const phase of phases) {
    const { next } = phase;
    if (next === null || next.name === "enforce") continue;
    const earlier = first.get(next.name);
    if (earlier === undefined) first.set(next.name, phase);
    else {
      report.add(
        "FMS059",
        `two phases lead on to \`${next.name}\`, which begins behind \`${earlier.name}\` alone`,
        next.span,
        {
          help: 'let each phase go on with its own, or with "enforce"',
          related: [{ message: "the first that leads there", span: earlier.next?.span ?? earlier.nameSpan }],
        },
      );
    }
  }
}

function checkWorkflow(report: Report, phase: Phase): void {
  if (phase.rules.length === 0) {
    report.add("FMS014", `the phase \`${phase.name}\` has no rules`, phase.nameSpan, {
      help: "name what is visible in it: `permit read_customer`; a rollout has a duration",
    });
  }
  const rolloutOnly = phase.next !== null ? phase.next.span : phase.tools[0]?.span;
  if (rolloutOnly === undefined) return;
  const word = phase.next !== null ? "next" : "tools";
  report.add("FMS026", `\`${word}\` belongs to a phase with a duration`, rolloutOnly, {
    help: "a workflow phase holds rules alone; sessions move on in the order in which phases are declared",
  });
}

function checkNext(report: Report, phase: Phase, byName: ReadonlyMap<string, Phase>, circling: Set<string>): void {
  if (phase.next === null || phase.next.name === "enforce") return;
  const { name, span } = phase.next;
  if (!byName.has(name)) {
    const near = suggest(
      name,
      [...byName.keys(), "enforce"].filter((other) => other !== phase.name),
    );
    report.add("FMS026", `there is no phase \`${name}\``, span, {
      help: near === null ? "write `enforce`, or the name of another phase of this agent" : `did you mean \`${near}\`?`,
    });
    return;
  }
  if (circling.has(phase.name)) return;
  const seen = new Set([phase.name]);
  for (let at: string | undefined = name; at !== undefined && at !== "enforce"; at = byName.get(at)?.next?.name) {
    if (at === phase.name) {
      for (const other of seen) circling.add(other);
      report.add("FMS026", `the phase \`${phase.name}\` leads back to itself`, span, {
        help: 'let the last phase go on with "enforce"',
      });
      return;
    }
    if (seen.has(at)) return;
    seen.add(at);
  }
}
