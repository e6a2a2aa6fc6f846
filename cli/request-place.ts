// A value of a call that its sender could have said otherwise: an argument, the model, a part of the http request. Read, and
// replaced in a copy. Who sends the call, and what others say of it, is no such value.
import type { EvaluationRequest, FieldRead, RequestValue, ToolInfo } from "../runtime/evaluator/types.ts";

export interface Place {
  /** As conditions say it: `amount`, `card.kind`, `model`. */
  readonly text: string;
  /** Member of the request, then names and list positions. */
  readonly path: readonly (string | number)[];
}

/** Null for anything else, such as `len(items)`, the time, or a principal's role. `read` names the place itself. */
export function placeOf(
  operand: string | null,
  tool: ToolInfo,
  request: EvaluationRequest,
  read: FieldRead | undefined = tool.reads.find((one) => pathText(one) === operand && isSaid(one, request)),
): Place | null {
  return read === undefined ? null : { text: pathText(read), path: [read.member, ...read.path] };
}

function isSaid({ member, path }: FieldRead, request: EvaluationRequest): boolean {
  if (member === "args") return true;
  // Without an http part these words mean arguments.
  return member === "model" ? path.length === 0 : member === "http" && request.http !== undefined && path.length === 1;
}

function pathText({ member, path }: FieldRead): string {
  if (path.length === 0) return member;
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

/** Undefined where nothing stands there. */
export function valueAt(request: EvaluationRequest, { path }: Place): RequestValue | undefined {
  let value: unknown = request;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Reflect.get(value, step);
  }
  return value as RequestValue;
}

/** The request with one value set; null where the place cannot hold one. */
export function changedAt(request: EvaluationRequest, { path }: Place, value: RequestValue): EvaluationRequest | null {
  // A request is made of JSON, and so is what comes of it.
  return withValue(request as unknown as RequestValue, path, value) as unknown as EvaluationRequest | null;
}

function withValue(within: RequestValue, path: readonly (string | number)[], value: RequestValue): RequestValue | null {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "number" || typeof within !== "object" || within === null || Array.isArray(within)) return null;
  const members = within as { readonly [key: string]: RequestValue };
  const inner = withValue(Object.hasOwn(members, step) ? (members[step] ?? null) : {}, rest, value);
  return inner === null && rest.length > 0 ? null : { ...members, [step]: inner };
}
