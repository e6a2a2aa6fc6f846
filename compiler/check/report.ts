// Where checks leave their findings, and the words that several of them use.
import type { Span, Value } from "../ast.ts";
import { type DiagnosticCode, diagnosticCodes, type Finding } from "../diagnostic.ts";
import { limits } from "../limits.ts";
import { suggest } from "../suggest.ts";

export class Report {
  readonly findings: Finding[] = [];
  #errors = 0;
  #warnings = 0;

  /** Keeps a finding; those beyond the limits are only counted. */
  add(code: DiagnosticCode, message: string, span: Span, more: Pick<Finding, "help" | "related"> = {}): void {
    const isError = diagnosticCodes[code].severity === "error";
    const count = isError ? ++this.#errors : ++this.#warnings;
    if (count <= (isError ? limits.errorsReported : limits.warningsReported))
      this.findings.push({ code, message, span, ...more });
  }

  /** As many errors as are reported: nothing more need be looked for. */
  get isFull(): boolean {
    return this.#errors >= limits.errorsReported;
  }

  /** Findings beyond the limits, as many as were met. */
  get left(): { readonly errors: number; readonly warnings: number } {
    return {
      errors: Math.max(0, this.#errors - limits.errorsReported),
      warnings: Math.max(0, this.#warnings - limits.warningsReported),
    };
  }

  /** Leaves out what is said a second time, of the same place and in the same words: two agents bring in one pack. */
  once(): void {
    const seen = new Set<string>();
    const kept = this.findings.filter(({ code, message, span }) => {
      const key = `${code} ${span.source} ${span.start} ${span.end} ${message}`;
      return !seen.has(key) && seen.add(key);
    });
    this.findings.splice(0, this.findings.length, ...kept);
  }

  unsupported(what: string, span: Span): void {
    this.add("FMS010", `\`${what}\` is not supported yet`, span, {
      help: "remove it: what is not enforced is not accepted",
    });
  }

  unknownField(name: string, place: string, known: readonly string[], span: Span): void {
    // What is only counted needs no help.
    const near = this.isFull ? null : suggest(name, known);
    this.add("FMS011", `unknown field \`${name}\` in ${place}`, span, {
      help: near === null ? `the fields are ${known.join(", ")}` : `did you mean \`${near}\`?`,
    });
  }

  /** Reports the second and further of things with one key. */
  twice<T>(items: readonly T[], key: (item: T) => string, span: (item: T) => Span, what: (item: T) => string): void {
    const seen = new Map<string, T>();
    for (const item of items) {
      const first = seen.get(key(item));
      if (first === undefined) seen.set(key(item), item);
      else {
        this.add("FMS013", `${what(item)} is declared twice`, span(item), {
          help: "remove or rename one of them",
          related: [{ message: "first declared here", span: span(first) }],
        });
      }
    }
  }

  /** env() stands only in configuration that the machine never reads; says whether it stood here. */
  noEnv(value: Value, where: string): boolean {
    const found =
      value.kind === "env"
        ? value
        : value.kind === "list"
          ? value.items.find((item) => item.kind === "env")
          : undefined;
    if (found === undefined) return false;
    this.add("FMS015", `env() cannot be used in ${where}`, found.span, {
      help: "write the value itself; a policy means the same on every host",
    });
    return true;
  }
}

/** What kind of value it is, in words. */
export function kindWords(value: Value): string {
  switch (value.kind) {
    case "number":
      return value.unit === "plain" ? "a number" : value.unit === "money" ? "money" : `a ${value.unit}`;
    case "string":
    case "word":
      return "text";
    case "bool":
      return "true or false";
    case "list":
      return "a list";
    case "env":
      return "env()";
    case "nil":
      return "nil";
  }
}

/** The text of a word or string; null for other kinds. */
export function textOf(value: Value): string | null {
  return value.kind === "string" || value.kind === "word" ? value.value : null;
}
