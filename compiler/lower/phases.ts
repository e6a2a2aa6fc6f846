// An agent's phases to the program: rollouts, whose clocks follow each other, and the phases of its sessions' workflow.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Agent, Pattern, Phase } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import { ruleText } from "../text.ts";
import { keyName, period } from "./capacity.ts";
import type { Program } from "./program.ts";

export interface LoweredRollout {
  readonly phase: Phase;
  readonly number: number;
}

/** The rollouts as written; their numbers put predecessors first, so that a clock's chain is read backwards only. */
export function lowerRollouts(
  program: Program,
  agent: Agent,
  agentIndex: number,
  findings: Finding[],
): readonly LoweredRollout[] {
  const numbers = new Map<string, number>();
  const rollouts = agent.phases.filter(isRollout);
  for (const phase of chainOrder(rollouts)) {
    const previous = rollouts.find((p) => p.next?.name === phase.name);
    numbers.set(phase.name, program.phases.length);
    program.phases.push({
      key: program.string(keyName(phaseKey(agent.id, phase), "a phase's name", phase.nameSpan, findings)),
      name: program.string(phase.name),
      previous: previous === undefined ? null : (numbers.get(previous.name) ?? null),
      agent: agentIndex,
      durationUs: period(Math.round((phase.durationMs ?? 0) * 1000), "a phase's duration", phase.nameSpan, findings),
      next: program.string(phase.next?.name ?? "enforce"),
    });
  }
  return rollouts.map((phase) => ({ phase, number: numbers.get(phase.name) ?? 0 }));
}

export interface LoweredStage {
  readonly phase: Phase;
  readonly stage: number;
  /** Of its rules: whether a tool is visible is a question of its plan. */
  readonly patterns: readonly Pattern[];
}

export function lowerStages(program: Program, agent: Agent, agentIndex: number): readonly LoweredStage[] {
  const workflow = agent.phases.filter((phase) => !isRollout(phase));
  const first = program.stages.length;
  return workflow.map((phase, i) => {
    const name = program.string(phase.name);
    program.stages.push({ name, agent: agentIndex, first, count: workflow.length, tag: stageTag(phase.name) });
    return { phase, stage: first + i, patterns: phase.rules.map((rule) => rule.pattern) };
  });
}

function chainOrder(phases: readonly Phase[]): Phase[] {
  const ordered: Phase[] = [];
  const visit = (phase: Phase): void => {
    if (ordered.includes(phase)) return;
    const previous = phases.find((p) => p.next?.name === phase.name);
    if (previous !== undefined && previous !== phase) visit(previous);
    ordered.push(phase);
  };
  for (const phase of phases) visit(phase);
  return ordered;
}

/** With a duration it is a rollout, without it a phase of the sessions' workflow. */
export function isRollout(phase: Phase): boolean {
  return phase.durationMs !== null;
}

/** A number from 1 to 2^62 - 1 that stands for a workflow phase's name in counters. */
function stageTag(name: string): bigint {
  const digest = sha256(utf8ToBytes(name));
  const high = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0);
  return (high % ((1n << 62n) - 1n)) + 1n;
}

/** A phase's clock is kept by name and content: the same text again does not start it anew. The digest tells apart what joins alike. */
function phaseKey(agentId: string, phase: Phase): string {
  const content = [
    agentId,
    phase.name,
    phase.durationMs,
    phase.next?.name ?? "enforce",
    phase.tools.map((t) => t.text),
    phase.rules.map(ruleText),
  ];
  return `${agentId}/${phase.name}/${bytesToHex(sha256(utf8ToBytes(JSON.stringify(content))))}`;
}
