// Which packs a name after `use` means, file by file: the packs of the file itself and what its imports brought in. What
// stands in an imported file and is no pack is refused here.
import type { Import, Pack, Span, Stack } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import type { ImportedFile, Loaded } from "./load.ts";
import { isBad, readReference } from "./reference.ts";

/** A pack and the file that its names are looked up in. */
export interface Placed {
  readonly pack: Pack;
  readonly scope: FileScope;
}

/** What `use` can name in one file. */
export interface FileScope {
  /** As an import names the file; null for the policy itself. */
  readonly reference: string | null;
  readonly packs: ReadonlyMap<string, Pack>;
  /** Something in the file could not be read: a pack that is missing may stand there all the same. */
  readonly isBroken: boolean;
  /** Imports by the name that they have here; null where the file could not be had. */
  readonly imports: ReadonlyMap<string, { readonly statement: Import; readonly file: FileScope | null }>;
}

/** Scopes of all files, the policy's first; a file that leads back to itself was refused before. */
export class Scopes {
  readonly findings: Finding[] = [];
  readonly main: FileScope;
  readonly #loaded: Loaded;
  readonly #known = new Map<ImportedFile, FileScope>();

  constructor(stack: Stack, loaded: Loaded) {
    this.#loaded = loaded;
    this.main = this.#scopeOf(stack, "", null, null);
  }

  /** Every scope but the policy's own. */
  get imported(): Iterable<FileScope> {
    return this.#known.values();
  }

  #scopeOf(stack: Stack, key: string, reference: string | null, flat: Pack | null, isBroken = false): FileScope {
    const packs = new Map<string, Pack>();
    for (const pack of flat === null ? stack.packs : [flat]) {
      const first = packs.get(pack.name);
      if (pack.name === "") this.#add("FMS012", "a pack needs a name", pack.nameSpan, 'write pack "payments" { … }');
      else if (first === undefined) packs.set(pack.name, pack);
      else this.#twice(`the pack \`${pack.name}\` is declared twice`, pack.nameSpan, first.nameSpan);
    }
    const imports = new Map<string, { statement: Import; file: FileScope | null }>();
    const scope: FileScope = { reference, packs, imports, isBroken };
    const named = new Map<string, Span>([...packs].map(([name, pack]) => [name, pack.nameSpan]));
    for (const statement of stack.imports) {
      const name = nameOf(statement, key);
      const span = statement.alias?.span ?? statement.referenceSpan;
      const first = named.get(name ?? "");
      if (name === null) continue;
      if (first !== undefined) this.#twice(`\`${name}\` is declared twice`, span, first);
      else {
        named.set(name, span);
        const file = this.#loaded.fileOf.get(statement);
        imports.set(name, { statement, file: file === undefined ? null : this.#fileScope(file) });
      }
    }
    return scope;
  }

  #fileScope(file: ImportedFile): FileScope | null {
    const known = this.#known.get(file);
    if (known !== undefined) return known;
    const { reference, stack } = file;
    if (stack === null) return null;
    this.#onlyPacks(file, stack);
    const scope = this.#scopeOf(stack, reference.key, reference.key, flatPack(file, stack), file.isBroken);
    this.#known.set(file, scope);
    return scope;
  }

  #onlyPacks({ reference }: ImportedFile, stack: Stack): void {
    const help = "an imported file holds packs, or rules alone";
    for (const agent of stack.agents)
      this.#add("FMS034", "an agent cannot stand in an imported file", agent.idSpan, help);
    if (stack.runtime !== null)
      this.#add("FMS034", "`runtime` cannot stand in an imported file", stack.runtime.span, help);
    for (const { keyword, keywordSpan } of reference.isHint ? [] : stack.blocks)
      this.#add("FMS034", `\`${keyword}\` cannot stand in an imported file`, keywordSpan, help);
    for (const { span } of stack.asserts) this.#add("FMS034", "an assert cannot stand in an imported file", span, help);
    const rule = stack.anonymous?.rules[0];
    const [pack] = stack.packs;
    if (rule !== undefined && pack !== undefined)
      this.#add("FMS034", "rules stand beside packs here", rule.span, `move them into the pack \`${pack.name}\``);
    if (reference.isHint && (rule !== undefined || pack !== undefined)) {
      const what = "a framework or a provider brings no rules in";
      this.#add("FMS034", what, rule?.span ?? (pack as Pack).span, "keep packs under another path, such as policies/");
    }
  }

  #add(code: Finding["code"], message: string, span: Span, help: string): void {
    this.findings.push({ code, message, span, help });
  }

  #twice(message: string, span: Span, first: Span): void {
    const related = [{ message: "first declared here", span: first }];
    this.findings.push({ code: "FMS013", message, span, help: "give one of them another name", related });
  }
}

/** Rules without a pack around them: the file is the pack. */
function flatPack({ reference }: ImportedFile, stack: Stack): Pack | null {
  const rules = stack.anonymous?.rules ?? [];
  const [first] = rules;
  if (first === undefined || stack.packs.length > 0) return null;
  const none = { params: [], vars: [], budgets: [], rateLimits: [], redactions: [], uses: [] };
  return { name: reference.name, nameSpan: first.span, ...none, rules, span: first.span };
}

function nameOf({ alias, reference }: Import, within: string): string | null {
  if (alias !== null) return alias.name;
  const read = readReference(reference, within);
  return isBad(read) ? null : read.name;
}
