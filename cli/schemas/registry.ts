// What the commands write that fetch packs, sign them and carry a policy with all that it needs.
import { boolean, hash, integer, listOf, object, oneOf, orNull, type Schema, string, time } from "./parts.ts";

const listed = object({
  registry: string,
  serial: integer,
  expires: time,
  verified: boolean,
  artifacts: listOf(
    object({
      reference: string,
      section: oneOf("policies", "frameworks", "providers"),
      name: string,
      version: string,
      sha256: hash,
      summary: string,
    }),
  ),
});

export const registrySchemas: Readonly<Record<string, Schema>> = {
  bundle: object({
    file: string,
    bytes: integer,
    sha256: hash,
    policy_hash: hash,
    image_hash: hash,
    key: string,
    imports: listOf(string),
  }),
  "registry list": listed,
  "registry search": listed,
  "registry info": listed,
  "registry sign": object({ reference: string, sha256: hash, file: string, key: string }),
  "registry publish": object({
    registry: string,
    serial: integer,
    expires: time,
    key: string,
    written: boolean,
    files: listOf(string),
    artifacts: listOf(object({ reference: string, sha256: hash })),
  }),
  "auth login": object({ registry: string, file: string }),
  "auth logout": object({ registry: string, removed: boolean }),
  "auth whoami": object({ registries: listOf(string), file: orNull(string) }),
};
