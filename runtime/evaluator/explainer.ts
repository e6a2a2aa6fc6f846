// The second module of the small evaluator: what tells the steps of a decision, for tools and tests.
import { explainTrace } from "./explain.ts";
import type { Explainer } from "./types.ts";

/** Pass it as the option `explainer` when a policy is opened. */
export const explainer: Explainer = explainTrace;
