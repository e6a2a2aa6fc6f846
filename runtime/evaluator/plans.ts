// From an agent's id and a tool's name to the plan that the machine runs, remembered by both. What cannot be a name is
// refused here, before the machine is asked.
import { METERS_PER_TOOL_MAX } from "../../vm/shared/abi.ts";
import { type CostKind, SHAPE_SESSION, Shape } from "../../vm/shared/image.ts";
import type { ImageReader } from "./image.ts";
import type { Machine } from "./machine.ts";
import { type FieldReader, fieldReaders } from "./marshal.ts";
import { interned, isIdentifier, isToolName } from "./names.ts";
import type { ToolInfo } from "./types.ts";

/** Tools remembered with their plans; beyond it all are forgotten and found anew. */
const PLANS_MAX = 65_536;

export interface Plan {
  readonly index: number;
  readonly readers: readonly FieldReader[];
  readonly limits: number;
  readonly budgets: readonly number[];
  /** What each of them counts. */
  readonly costKinds: readonly CostKind[];
  /** Places of sums among the tracks that a permit feeds. */
  readonly sums: readonly number[];
  /** It has limits, budgets or phases, or its agent keeps sessions. */
  readonly stateful: boolean;
  /** Made when first asked for, then given to all that ask. */
  info: ToolInfo | null;
}

interface KnownAgent {
  readonly id: string;
  readonly tools: Map<string, Plan>;
}

const nobody: KnownAgent = { id: "", tools: new Map() };

export class Plans {
  readonly #machine: Machine;
  readonly #image: ImageReader;
  readonly #agents = new Map<string, KnownAgent>();
  readonly #made = new Map<number, Plan>();
  #remembered = 0;
  /** Calls of one agent come together: its tools are kept at hand. */
  #latest = nobody;

  constructor(machine: Machine, image: ImageReader) {
    this.#machine = machine;
    this.#image = image;
  }

  /** The plan, or the code under which the call is denied. */
  of(agentId: unknown, toolId: unknown): Plan | "BAD_REQUEST" | "BAD_TOOL_NAME" | "UNKNOWN_AGENT" {
    if (agentId === this.#latest.id) {
      const known = this.#latest.tools.get(toolId as string);
      if (known !== undefined) return known;
    }
    const agent = this.#agents.get(agentId as string);
    const known = agent?.tools.get(toolId as string);
    if (agent === undefined || known === undefined) return this.#find(agentId, toolId);
    this.#latest = agent;
    return known;
  }

  #find(agentId: unknown, toolId: unknown): Plan | "BAD_REQUEST" | "BAD_TOOL_NAME" | "UNKNOWN_AGENT" {
    if (!isIdentifier(agentId)) return "BAD_REQUEST";
    if (!isToolName(toolId)) return "BAD_TOOL_NAME";
    const machine = this.#machine;
    const index = machine.calls.lookup(machine.writeName(0, agentId), machine.writeName(2, toolId));
    if (index < 0) return "UNKNOWN_AGENT";
    const plan = this.at(index);
    if (this.#remembered >= PLANS_MAX) {
      this.#agents.clear();
      this.#latest = nobody;
      this.#remembered = 0;
    }
    this.#remembered++;
    const agent = this.#agents.get(agentId) ?? { id: interned(agentId), tools: new Map<string, Plan>() };
    agent.tools.set(interned(toolId), plan);
    this.#agents.set(agent.id, agent);
    return plan;
  }

  at(index: number): Plan {
    const known = this.#made.get(index);
    if (known !== undefined) return known;
    const image = this.#image;
    const limits = image.shape(index, Shape.LimitsCount);
    const budgets = image.shapeList(index, Shape.BudgetsStart, Shape.BudgetsCount);
    const keepsSession = (image.shape(index, Shape.Flags) & SHAPE_SESSION) !== 0;
    const plan = {
      index,
      readers: fieldReaders(image, this.#machine, index),
      limits,
      budgets,
      costKinds: budgets.map((budget) => image.costKind(budget)),
      sums: image
        .shapePairs(index, Shape.TracksStart, Shape.TracksCount)
        .flatMap(([track], i) => (image.isSum(track) ? [i] : [])),
      stateful: keepsSession || limits + budgets.length + image.shape(index, Shape.PhasesCount) > 0,
      info: null,
    };
    this.#made.set(index, plan);
    return plan;
  }
}

/** Cell of the amount of a plan's tracked sum, among f64 cells. */
export function amountCell(machine: Machine, place: number): number {
  return (machine.costs >> 3) + METERS_PER_TOOL_MAX + 1 + place;
}
