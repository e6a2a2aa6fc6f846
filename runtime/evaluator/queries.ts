// Which queries over sessions each agent of an image has, and which agents keep sessions at all: read from every plan that some name of
// a tool leads to.
import {
  AGENT_ROW_BYTES,
  DISPATCH_HEADER_BYTES,
  EXACT_PROBE_LIMIT,
  EXACT_ROW_BYTES,
  Section,
  SHAPE_SESSION,
  Shape,
} from "../../vm/shared/image.ts";
import type { ImageReader } from "./image.ts";
import { trackText } from "./image-rows.ts";

const NONE = 0xffffffff;

export interface AgentQueries {
  readonly keepsSessions: boolean;
  /** Texts of the queries that its calls feed. */
  readonly queries: ReadonlySet<string>;
}

/** By the number of the agent. */
export function queriesOfAgents(image: ImageReader): readonly AgentQueries[] {
  return Array.from({ length: image.agentCount }, (_, agent) => {
    const queries = new Set<string>();
    let keepsSessions = false;
    for (const plan of plansOf(image, agent)) {
      if ((image.shape(plan, Shape.Flags) & SHAPE_SESSION) !== 0) keepsSessions = true;
      for (const [track] of image.shapePairs(plan, Shape.TracksStart, Shape.TracksCount))
        queries.add(trackText(image, track));
      for (const track of image.shapeList(plan, Shape.DenialsStart, Shape.DenialsCount))
        queries.add(trackText(image, track));
    }
    return { keepsSessions, queries };
  });
}

function plansOf(image: ImageReader, agent: number): ReadonlySet<number> {
  const row = image.at(Section.Agents) + agent * AGENT_ROW_BYTES;
  const [first, mask, dispatch, other] = [4, 8, 12, 16].map((at) => image.u32(row + at)) as [
    number,
    number,
    number,
    number,
  ];
  const plans = new Set([other]);
  for (let i = 0; mask !== NONE && i <= mask + EXACT_PROBE_LIMIT; i++) {
    const exact = image.at(Section.Exact) + (first + i) * EXACT_ROW_BYTES;
    if (image.u32(exact) !== 0) plans.add(image.u32(exact + 4));
  }
  if (dispatch === 0) return plans;
  const at = image.at(Section.Dispatch) + dispatch - 1;
  const [classes, states] = [image.u32(at), image.u32(at + 4)];
  const accepted = at + DISPATCH_HEADER_BYTES + classes * states * 4;
  for (let state = 0; state < states; state++) plans.add(image.u32(accepted + state * 4));
  return plans;
}
