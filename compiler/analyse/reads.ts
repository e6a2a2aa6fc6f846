// What a condition reads that regions cannot take apart: the places of the call, and the constants beside them. Calls that are
// worth trying are made of these.

import { Root } from "../../vm/shared/isa.ts";
import type { Expr, Value } from "../ast.ts";
import { argumentPath, type NamesOf, resolveName } from "../names.ts";
import { fieldPlace, pathOfPlace } from "./field-place.ts";
import { constantOf } from "./operand.ts";
import type { Holder } from "./place.ts";
import type { Constant } from "./sample.ts";

export interface Reads {
  readonly holders: readonly Holder[];
  readonly constants: readonly Constant[];
  /** Whether there is a `%`. */
  readonly hasRemainder: boolean;
}

export function readsOf(expr: Expr, names: NamesOf): Reads {
  const holders: Holder[] = [];
  const constants: Constant[] = [];
  let hasRemainder = false;
  const value = (one: Value): void => {
    if (one.kind === "list") for (const item of one.items) value(item);
    else if (one.kind !== "env") constants.push(constantOf(one));
  };
  const walk = (part: Expr): void => {
    switch (part.kind) {
      case "not":
      case "negate":
        walk(part.operand);
        break;
      case "logical":
      case "compare":
      case "arithmetic":
        hasRemainder ||= part.kind === "arithmetic" && part.operator === "%";
        walk(part.left);
        walk(part.right);
        break;
      case "call":
      case "method": {
        const [first, ...others] = part.arguments;
        if (part.kind === "method") walk(part.receiver);
        // The first argument names a place.
        if (part.kind === "call" && part.name.startsWith("args_array_") && first?.kind === "string")
          holders.push(fieldPlace(Root.Args, argumentPath(first.value)).holder);
        else if (first !== undefined) walk(first);
        for (const other of others) walk(other);
        break;
      }
      case "name": {
        const found = resolveName(names, part.path);
        if (found.kind === "value") value(found.value);
        else if (found.kind === "field") {
          const { root, path } = found.field;
          holders.push(fieldPlace(root, pathOfPlace(root, path)).holder);
        }
        break;
      }
      default:
        value(part);
    }
  };
  walk(expr);
  return { holders, constants, hasRemainder };
}
