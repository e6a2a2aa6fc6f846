// What `runtime { agent_enforce_profile }` may say. A word that is not here must never stand for less than all.

/** The sandbox and the environment, or the environment alone. */
export const profiles = ["full", "environment"] as const;

export type Profile = (typeof profiles)[number];

export function isProfile(word: unknown): word is Profile {
  return word === "full" || word === "environment";
}
