// A version of the policy that was put in force, as its record tells. Reading one needs no machine.
import type { JsonObject } from "./json.ts";

/** One activation, as its record says. */
export interface Activation {
  readonly number: number;
  readonly policyHash: string;
  readonly imageHash: string;
  readonly sourceHash: string;
  readonly actor: string;
  readonly change: "apply" | "rollback" | "promote";
  readonly summary: string;
  readonly timeUs: number;
  /** SHA-256 of the machine that it was activated on; null in records that do not say. */
  readonly machineHash: string | null;
}

/** What a `policy` record says; null for a record that says too little. */
export function activationOf(record: JsonObject, timeUs: number): Activation | null {
  const { version, policy_hash, image_hash, source_hash, actor, change, summary, machine_hash } = record;
  if (typeof version !== "string" || !/^v[1-9][0-9]*$/.test(version)) return null;
  if (typeof policy_hash !== "string" || typeof image_hash !== "string" || typeof source_hash !== "string") return null;
  if (change !== "apply" && change !== "rollback" && change !== "promote") return null;
  return {
    number: Number(version.slice(1)),
    policyHash: policy_hash,
    imageHash: image_hash,
    sourceHash: source_hash,
    actor: typeof actor === "string" ? actor : "",
    change,
    summary: typeof summary === "string" ? summary : "",
    timeUs,
    machineHash: typeof machine_hash === "string" ? machine_hash : null,
  };
}
