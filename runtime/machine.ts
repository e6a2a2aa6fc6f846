// Where the daemon's policies come from: images become policies here and nowhere else in it. It must never open one that
// would count in no place.
import { loadPolicy, loadPolicySync } from "./evaluator/index.ts";
import type { Policy } from "./evaluator/types.ts";
import type { PolicyLoader } from "./policy.ts";

/** Both throw LoadFailure for bytes that are no image. */
export interface Machine {
  readonly load: PolicyLoader;
  /** For recovery, which reads the log in one go. */
  readonly loadSync: (image: Uint8Array) => Policy;
  /** A policy that counts nothing and is asked about single calls, with little room: the rule of a standing grant. */
  readonly loadRule: (image: Uint8Array) => Policy;
}

/** Text and lists that a grant's condition reads of one call; what needs more does not meet it. */
const ruleArenaBytes = 256 * 1024;
/** What is judged here is read already: there is no JSON that a machine would need room for. */
const requestBytes = 0;

/** The counters live in the instance; snapshots carry them over a swap and the log over a restart. */
export const evaluator: Machine = {
  load: (image) => loadPolicy(image, { state: "volatile", requestBytes }),
  loadSync: (image) => loadPolicySync(image, { state: "volatile", requestBytes }),
  loadRule: (image) => loadPolicySync(image, { arenaBytes: ruleArenaBytes, requestBytes }),
};
