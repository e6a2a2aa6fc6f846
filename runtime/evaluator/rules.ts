// What an image says about its rules, for people and for the daemon. Nothing here decides.
import type { HostSection } from "../../compiler/lower/lower.ts";
import { Shape } from "../../vm/shared/image.ts";
import type { ImageReader, RuleRow } from "./image.ts";
import type { RuleInfo } from "./types.ts";

export class Rules {
  readonly #image: ImageReader;
  readonly #host: HostSection;
  #phaseOfRule: ReadonlyMap<number, number> | null = null;
  #stageOfRule: ReadonlyMap<number, number> | null = null;

  constructor(image: ImageReader, host: HostSection) {
    this.#image = image;
    this.#host = host;
  }

  info(index: number): RuleInfo {
    const image = this.#image;
    const row = image.rule(index);
    const place = image.debug(index);
    this.#phaseOfRule ??= new Map(this.#host.phaseOfRule);
    const phase = this.#phaseOfRule.get(index);
    const agent = this.#host.firstRule.findLastIndex((first) => first <= index);
    const targets = this.#host.notify.find(([rule]) => rule === index)?.slice(1) ?? [];
    return {
      index,
      agent: image.agentId(agent),
      effect: ruleEffects[row.effect] ?? "deny",
      pattern: row.pattern,
      text: ruleText(row, place),
      reason: row.reason,
      notify: targets.map(String),
      phase: phase === undefined ? this.#workflowPhaseOf(index) : image.phase(phase).name,
      file: place?.file ?? null,
      line: place?.line ?? null,
    };
  }

  #workflowPhaseOf(rule: number): string | null {
    this.#stageOfRule ??= new Map(this.#host.stageOfRule);
    const stage = this.#stageOfRule.get(rule);
    return stage === undefined ? null : this.#image.stage(stage).name;
  }
}

/** The rule as it is written; without a source map its effect and pattern. */
export function ruleText({ effect, pattern }: RuleRow, place: { readonly text: string } | null): string {
  return place?.text ?? `${ruleEffects[effect]} ${pattern}`;
}

/** Paths that a plan has redacted, as the policy writes them. */
export function redactOf(image: ImageReader, plan: number): string[] {
  return image.shapeList(plan, Shape.RedactStart, Shape.RedactCount).map((index) => image.string(index));
}

const ruleEffects = ["permit", "deny", "defer", "deny!"] as const;
