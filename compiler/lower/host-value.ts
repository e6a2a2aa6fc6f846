// Values of configuration as the Host section writes them.
import type { Value } from "../ast.ts";

/** A duration is seconds, money dollars, a size bytes; env("X") is `{ env: "X" }`, never its value. */
export type HostValue = string | number | boolean | null | { readonly env: string } | readonly HostValue[];

export function hostValue(value: Value): HostValue {
  switch (value.kind) {
    case "env":
      return { env: value.variable };
    case "list":
      return value.items.map(hostValue);
    case "nil":
      return null;
    default:
      return value.value;
  }
}
