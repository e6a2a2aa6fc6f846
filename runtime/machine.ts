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
}

/** The counters live in the instance; snapshots carry them over a swap and the log over a restart. */
export const evaluator: Machine = {
  load: (image) => loadPolicy(image, { state: "volatile" }),
  loadSync: (image) => loadPolicySync(image, { state: "volatile" }),
};
