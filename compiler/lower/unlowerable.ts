// What check let pass and lowering cannot express: reported with its place, never dropped.
import type { Finding } from "../diagnostic.ts";

/** A condition that check let pass and lower cannot express: reported, never dropped. */
export class Unlowerable extends Error {
  readonly finding: Finding;
  constructor(finding: Finding) {
    super(finding.message);
    this.finding = finding;
  }
}

/** The refusal of what stands at a place. */
export function refused(
  { span }: { readonly span: Finding["span"] },
  message: string,
  help?: string,
  code: Finding["code"] = "FMS022",
): Unlowerable {
  return new Unlowerable({ code, message, span, ...(help === undefined ? {} : { help }) });
}

/** The span is filled in by the caller, who knows the rule. */
export function tooLong(what: string): Unlowerable {
  return new Unlowerable({
    code: "FMS004",
    message: `the condition has ${what}`,
    span: { source: 0, start: 0, end: 0 },
    help: "split the rule in several",
  });
}

export function illFormed(span: Finding["span"]): Unlowerable {
  const message = "this text holds half of a surrogate pair";
  return new Unlowerable({ code: "FMS012", message, span, help: "write both halves, or the character itself" });
}
