// A call on its way through the daemon, and what is made of it. Names alone.
import type { GovernAnswer } from "./doors/agent-protocol.ts";
import type { FloodGate } from "./flood.ts";
import type { JudgedCall } from "./judge.ts";
import type { OrderedSecret } from "./providers/delivery.ts";
import type { SelectorValues } from "./selectors/selectors.ts";

/** An answer and the record that must be durable before it goes out; null where nothing was recorded. */
export interface Decided {
  readonly answer: GovernAnswer;
  readonly seq: number | null;
  /** The secret that the answer is to bring, once the record is durable. */
  readonly secret?: OrderedSecret;
}

export interface DecisionCounts {
  permit: number;
  defer: number;
  deny: number;
}

/** A call on its way: what later steps and the record need of it. */
export interface Turn extends JudgedCall {
  readonly argsSha256: string;
  readonly gate: FloodGate;
  /** Of the selectors that the policy reads for it, those without a value, and why. */
  readonly missing: SelectorValues["missing"] | null;
}
