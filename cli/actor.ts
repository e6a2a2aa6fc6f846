// Who asks: the name that goes into records of apply, rollback and approvals. A word for people, not a proof.
import { userInfo } from "node:os";

export function actorName(env: { readonly [name: string]: string | undefined }): string {
  try {
    return userInfo().username;
  } catch {
    return env.USER ?? "operator";
  }
}
