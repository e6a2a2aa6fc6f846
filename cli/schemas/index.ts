// The JSON Schemas (draft 2020-12) of what each command writes with --format json: data alone. A test holds the outputs of
// real runs to them; `faramesh schema` prints them.
import { explainSchemas } from "./explain.ts";
import { logSchemas } from "./log.ts";
import { operationSchemas } from "./operation.ts";
import { failure, type Schema } from "./parts.ts";
import { policySchemas } from "./policy.ts";
import { registrySchemas } from "./registry.ts";

export type { Schema };

const results: Readonly<Record<string, Schema>> = {
  ...policySchemas,
  ...operationSchemas,
  ...logSchemas,
  ...explainSchemas,
  ...registrySchemas,
};

/** Commands whose output is one JSON value a line. */
export const streams: ReadonlySet<string> = new Set(["audit tail", "approvals watch", "dev", "status --watch"]);

/** By command, as typed: "approvals list". A command that fails writes `{"error": …}` instead of its result. */
export const schemas: Readonly<Record<string, Schema>> = Object.fromEntries(
  Object.entries(results).map(([command, result]) => [
    command,
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: `faramesh ${command} --format json${streams.has(command) ? ", one line" : ""}`,
      anyOf: [result, failure],
    },
  ]),
);
