// One JSON document from an address that was checked.
import type { Json } from "../json.ts";
import { askJson, type Question } from "./ask-json.ts";

export type Get = Pick<Question, "url" | "headers" | "allowPrivate" | "sizeMaxBytes" | "timeoutMs">;

export type Got =
  | { readonly ok: true; readonly value: Json }
  /** `why` names neither URL nor host: they may hold what agents must not learn. */
  | { readonly ok: false; readonly why: string; readonly isLate: boolean };

/** Never rejects. */
export function getJson(what: Get): Promise<Got> {
  return askJson({ ...what, method: "GET", body: null });
}
