// The parameters of a pack and what a `use` gives for them: every one has a value of its kind, or there is a finding and
// nothing is brought in.
import type { Field, Pack, Span, Use, Value, Var } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import { suggest } from "../suggest.ts";

export class Binder {
  readonly findings: Finding[];

  constructor(findings: Finding[]) {
    this.findings = findings;
  }

  /**
   * What names in each of `packs` stand for, in order; null where a value lacks. `outer` are the values of the pack that
   * the `use` itself stands in, which its parameters may name.
   */
  bind(use: Use, packs: readonly Pack[], outer: readonly Var[]): (readonly Var[] | null)[] {
    const given = new Map<string, Field>();
    for (const field of use.parameters) {
      const first = given.get(field.name);
      if (first !== undefined) this.#twice(`\`${field.name}\` is given twice`, field.nameSpan, first.nameSpan);
      else if (this.#isKnown(use, field, packs)) given.set(field.name, meant(field, outer));
    }
    return packs.map((pack) => this.#valuesOf(use, pack, given));
  }

  #isKnown(use: Use, field: Field, packs: readonly Pack[]): boolean {
    const names = packs.flatMap(({ params }) => params.map(({ name }) => name));
    if (!names.includes(field.name)) {
      const near = suggest(field.name, names);
      const all = names.length === 0 ? "it takes none" : `it takes ${names.join(", ")}`;
      this.#add("FMS011", `the pack \`${use.name}\` has no parameter \`${field.name}\``, field.nameSpan, {
        help: near === null ? all : `did you mean \`${near}\`?`,
      });
      return false;
    }
    const { value } = field;
    const env = value.kind === "list" ? value.items.find(({ kind }) => kind === "env") : value;
    if (env?.kind !== "env") return true;
    this.#add("FMS015", "env() cannot be given to a pack", env.span, {
      help: "write the value itself; a policy means the same on every host",
    });
    return false;
  }

  #valuesOf(use: Use, pack: Pack, given: ReadonlyMap<string, Field>): readonly Var[] | null {
    const values: Var[] = [];
    const missing: string[] = [];
    let isWhole = true;
    for (const param of pack.params) {
      // The second of two parameters of one name is the pack's own fault, and check says so.
      if (values.some(({ name }) => name === param.name)) continue;
      const field = given.get(param.name);
      const value = field?.value ?? param.default;
      if (value === null) missing.push(param.name);
      else {
        if (field !== undefined && param.default !== null && kindOf(field.value) !== kindOf(param.default)) {
          isWhole = false;
          const wanted = kindWords[kindOf(param.default)];
          this.#add(
            "FMS012",
            `\`${param.name}\` is ${wanted}, not ${kindWords[kindOf(field.value)]}`,
            field.value.span,
            {
              help: "a parameter takes the kind of its default",
              related: [{ message: "the default", span: param.span }],
            },
          );
        }
        values.push({ name: param.name, nameSpan: param.nameSpan, value, span: param.span });
      }
    }
    // A misspelt parameter was complained of by its own name.
    const isMisspelt = missing.every((name) =>
      use.parameters.some((field) => !given.has(field.name) && suggest(field.name, [name]) !== null),
    );
    if (missing.length > 0 && !isMisspelt) {
      const names = missing.map((name) => `\`${name}\``).join(", ");
      const at = pack.params.find(({ name }) => name === missing[0])?.span ?? pack.nameSpan;
      this.#add("FMS014", `the pack \`${pack.name}\` needs ${names}`, use.nameSpan, {
        help: `write use ${use.name} { ${missing.map((name) => `${name} = …`).join(", ")} }`,
        related: [{ message: "declared here, without a default", span: at }],
      });
    }
    return isWhole && missing.length === 0 ? [...values, ...pack.vars] : null;
  }

  #add(code: Finding["code"], message: string, span: Span, more: Pick<Finding, "help" | "related">): void {
    this.findings.push({ code, message, span, ...more });
  }

  #twice(message: string, span: Span, first: Span): void {
    const related = [{ message: "first given here", span: first }];
    this.#add("FMS013", message, span, { help: "remove one of them", related });
  }
}

/** In a pack, a bare word that names one of its own values stands for it. */
function meant(field: Field, outer: readonly Var[]): Field {
  return { ...field, value: meantWord(field.value, outer) };
}

/** `limit` and `vars.limit`; in quotes, as YAML and JSON write every text, the second alone. */
export function meantWord(value: Value, values: readonly Var[]): Value {
  if (value.kind !== "word" && value.kind !== "string") return value;
  const isBare = value.kind === "word";
  const named = values.find(({ name }) => value.value === `vars.${name}` || (isBare && value.value === name));
  return named === undefined ? value : { ...named.value, span: value.span };
}

type Kind = "text" | "number" | "duration" | "size" | "truth" | "list" | "nil" | "env";

const kindWords: Readonly<Record<Kind, string>> = {
  text: "text",
  number: "a number",
  duration: "a duration",
  size: "a size",
  truth: "true or false",
  list: "a list",
  nil: "nil",
  env: "env()",
};

/** Money is a number. */
function kindOf(value: Value): Kind {
  switch (value.kind) {
    case "string":
    case "word":
      return "text";
    case "number":
      return value.unit === "plain" || value.unit === "money" ? "number" : value.unit;
    case "bool":
      return "truth";
    default:
      return value.kind;
  }
}
