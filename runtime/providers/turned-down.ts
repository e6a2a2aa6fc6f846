// The words by which the log says that a permitted call was turned down for want of its secret: written once, read at recovery.
import type { JsonObject } from "../json.ts";

/** The status of the outcome, and who reports it. */
export const unavailable = "credential_unavailable";
export const reporter = "daemon";

/** Whether an `outcome` record says that its call was turned down for want of its secret. */
export function isTurnedDown({ status, actor }: JsonObject): boolean {
  return status === unavailable && actor === reporter;
}

export function againReason(id: string | null): string {
  return `the secret of the credential${id === null ? "" : ` \`${id}\``} could not be had`;
}
