// What stands in the place of providers where a policy declares none: said by `apply` and by `status` in the same words. Pure.
import type { StatusAnswer } from "../runtime/doors/views.ts";

/** Who signs the log, and how agents are known. */
export type Ground = Pick<StatusAnswer["daemon"], "signing" | "agent_ids">;

export function withoutProviders({ signing, agent_ids }: Ground): string {
  const key = signing === "external" ? "the log is signed by a key on a token" : "the log has the stack's own key";
  return agent_ids === "claimed" ? `${key}, agents' ids are as claimed` : key;
}
