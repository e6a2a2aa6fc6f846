// Puts into each agent what its `use` lines bring in: rules behind its own in the order of the lines, limits beside its
// own, each with its origin. What the author wrote stays as it is; afterwards nobody has to follow a name again.
import type {
  Agent,
  Budget,
  BudgetField,
  Origin,
  Pack,
  RateLimit,
  Redaction,
  Rule,
  Span,
  Stack,
  Use,
  Var,
} from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import { limits } from "../limits.ts";
import { suggest } from "../suggest.ts";
import { Binder, meantWord } from "./bind.ts";
import type { Loaded } from "./load.ts";
import { type FileScope, type Placed, Scopes } from "./scope.ts";

export interface Linked {
  readonly stack: Stack;
  readonly findings: readonly Finding[];
  /** Every pack there is, used or not. */
  readonly packs: readonly Placed[];
}

export function linkPacks(stack: Stack, loaded: Loaded): Linked {
  return new Linker(stack, loaded).run();
}

/** What a `use` is being followed from. */
interface Place {
  readonly scope: FileScope;
  readonly outer: readonly Var[];
  /** The name in the agent. */
  readonly use: Span;
  readonly chain: readonly Pack[];
}

interface Draft {
  readonly agent: Agent;
  readonly rules: Rule[];
  readonly budgets: Budget[];
  readonly rateLimits: RateLimit[];
  readonly redactions: Redaction[];
  /** What was brought in already, with which values: two ways to one pack bring it in once. */
  readonly seen: Map<Pack, string[]>;
}

class Linker {
  readonly #stack: Stack;
  readonly #loaded: Loaded;
  readonly #scopes: Scopes;
  readonly #findings: Finding[] = [];
  readonly #binder = new Binder(this.#findings);
  /** Imports and packs of the policy itself that some `use` names. */
  readonly #used = new Set<unknown>();
  #ruleCount = 0;

  constructor(stack: Stack, loaded: Loaded) {
    this.#stack = stack;
    this.#loaded = loaded;
    this.#scopes = new Scopes(stack, loaded);
  }

  run(): Linked {
    const agents = this.#stack.agents.map((agent) => (agent.uses.length === 0 ? agent : this.#agent(agent)));
    this.#unused();
    const scopes = [this.#scopes.main, ...this.#scopes.imported];
    return {
      stack: { ...this.#stack, sources: this.#loaded.sources, agents },
      findings: [...this.#loaded.findings, ...this.#scopes.findings, ...this.#findings],
      packs: scopes.flatMap((scope) => [...scope.packs.values()].map((pack) => ({ pack, scope }))),
    };
  }

  #agent(agent: Agent): Agent {
    const draft: Draft = {
      agent,
      rules: [...agent.rules],
      budgets: [...agent.budgets],
      rateLimits: [...agent.rateLimits],
      redactions: [...agent.redactions],
      seen: new Map(),
    };
    const named = new Map<string, Span>();
    for (const use of agent.uses) {
      const first = named.get(use.name);
      if (first !== undefined) {
        const related = [{ message: "first used here", span: first }];
        this.#add("FMS013", `\`use ${use.name}\` stands here twice`, use.nameSpan, "remove one of them", related);
        continue;
      }
      named.set(use.name, use.nameSpan);
      this.#follow(use, { scope: this.#scopes.main, outer: [], use: use.nameSpan, chain: [] }, draft);
    }
    const { rules, budgets, rateLimits, redactions } = draft;
    return { ...agent, rules, budgets, rateLimits, redactions };
  }

  #follow(use: Use, place: Place, draft: Draft): void {
    const found = this.#find(use, place.scope);
    if (found === null) return;
    const values = this.#binder.bind(
      use,
      found.map(({ pack }) => pack),
      place.outer,
    );
    for (const [i, { pack, scope }] of found.entries()) {
      const vars = values[i];
      if (vars === null || vars === undefined) continue;
      if (place.chain.includes(pack)) {
        const help = "a pack cannot bring itself in";
        this.#add("FMS033", `the pack \`${pack.name}\` leads back to itself`, use.nameSpan, help);
      } else if (place.chain.length >= limits.useDepth) {
        const message = `packs lead on from pack to pack more than ${limits.useDepth} times`;
        this.#add("FMS004", message, use.nameSpan, "join some of them");
      } else this.#bringIn(pack, scope, vars, place, draft);
    }
  }

  #bringIn(pack: Pack, scope: FileScope, vars: readonly Var[], place: Place, draft: Draft): void {
    const before = draft.seen.get(pack) ?? [];
    const values = JSON.stringify(vars.map(({ name, value }) => [name, withoutPlace(value)]));
    if (before.includes(values)) return;
    draft.seen.set(pack, [...before, values]);
    this.#ruleCount += pack.rules.length;
    if (this.#ruleCount > limits.linkedRules) {
      const message = `the agents bring in more than ${limits.linkedRules} rules together`;
      this.#add("FMS004", message, place.use, "use fewer packs, or fewer agents");
      return;
    }
    const origin: Origin = { pack, reference: scope.reference, use: place.use, vars };
    for (const rule of pack.rules) draft.rules.push({ ...rule, origin });
    for (const budget of pack.budgets) this.#budget(budget, origin, draft);
    for (const limit of pack.rateLimits) draft.rateLimits.push({ ...limit, origin });
    for (const redaction of pack.redactions) draft.redactions.push({ ...redaction, origin });
    const inner = { scope, outer: vars, use: place.use, chain: [...place.chain, pack] };
    for (const use of pack.uses) this.#follow(use, inner, draft);
  }

  #budget(budget: Budget, origin: Origin, draft: Draft): void {
    const same = draft.budgets.find(({ id }) => id === budget.id);
    if (same === undefined) {
      const fields = budget.fields.map((field): BudgetField => meantField(field, origin.vars));
      draft.budgets.push({ ...budget, fields, origin });
      return;
    }
    // Two budgets of one pack that share a name are the pack's own fault, and check says so.
    if (same.origin?.pack === origin.pack) return;
    const whose = same.origin === undefined ? "the agent" : `the pack \`${same.origin.pack.name}\``;
    const message = `the pack \`${origin.pack.name}\` has a budget \`${budget.id}\`, and so has ${whose}`;
    const help = same.origin === undefined ? "give the agent's budget another name" : "use one of the two packs";
    this.#add("FMS013", message, origin.use, help, [
      { message: "the pack's budget", span: budget.idSpan },
      { message: "the other one", span: same.idSpan },
    ]);
  }

  /** The packs that a `use` names: those of an import, `import/pack` for one of several, or one of the file itself. */
  #find(use: Use, scope: FileScope): readonly Placed[] | null {
    const own = scope.packs.get(use.name);
    if (own !== undefined) {
      this.#used.add(own);
      return [{ pack: own, scope }];
    }
    const slash = use.name.indexOf("/");
    const alias = slash < 0 ? use.name : use.name.slice(0, slash);
    const brought = scope.imports.get(alias);
    if (brought === undefined) return this.#unknown(use, scope);
    this.#used.add(brought.statement);
    const { file } = brought;
    if (file === null) return null;
    if (slash >= 0) {
      const name = use.name.slice(slash + 1);
      const one = file.packs.get(name);
      if (one !== undefined) return [{ pack: one, scope: file }];
      if (file.isBroken) return null;
      const near = suggest(name, [...file.packs.keys()]);
      const help = near === null ? `it has ${[...file.packs.keys()].join(", ")}` : `did you mean \`${near}\`?`;
      this.#add("FMS021", `\`${alias}\` has no pack \`${name}\``, use.nameSpan, help);
      return null;
    }
    if (file.packs.size === 0 && file.isBroken) return null;
    if (file.packs.size === 0) {
      const related = [{ message: "imported here", span: brought.statement.span }];
      this.#add("FMS021", `\`${alias}\` brings no rules in`, use.nameSpan, "it has no pack: remove the `use`", related);
      return null;
    }
    return [...file.packs.values()].map((pack) => ({ pack, scope: file }));
  }

  #unknown(use: Use, scope: FileScope): null {
    const names = [...scope.packs.keys(), ...scope.imports.keys()];
    const near = suggest(use.name, names);
    const all =
      names.length === 0
        ? 'import one first: import "github.com/acme/packs/stripe@1.3.0" as stripe'
        : `there are ${names.join(", ")}`;
    const help = near === null ? all : `did you mean \`${near}\`?`;
    this.#add("FMS021", `there is no pack \`${use.name}\``, use.nameSpan, help);
    return null;
  }

  /** Of the policy itself; a file of packs alone uses none of them. */
  #unused(): void {
    if (this.#stack.agents.length === 0) return;
    for (const [name, { statement, file }] of this.#scopes.main.imports) {
      // A profile of a framework or a provider has no packs.
      if (file === null || file.packs.size === 0 || this.#used.has(statement)) continue;
      this.#add(
        "FMS064",
        `nothing uses the import \`${name}\``,
        statement.span,
        `write use ${name} in an agent, or remove it`,
      );
    }
    for (const [name, pack] of this.#scopes.main.packs) {
      if (!this.#isNamed(pack))
        this.#add(
          "FMS064",
          `nothing uses the pack \`${name}\``,
          pack.nameSpan,
          `write use ${name} in an agent, or remove it`,
        );
    }
  }

  /** In an agent, or in another pack of the file. */
  #isNamed(pack: Pack): boolean {
    return this.#used.has(pack) || this.#stack.packs.some(({ uses }) => uses.some(({ name }) => name === pack.name));
  }

  #add(code: Finding["code"], message: string, span: Span, help: string, related?: Finding["related"]): void {
    this.#findings.push({ code, message, span, help, ...(related === undefined ? {} : { related }) });
  }
}

/** `max = limit` in a pack's budget: a word that names one of its values stands for it, in words too. */
function meantField(field: BudgetField, vars: readonly Var[]): BudgetField {
  if (field.value.kind !== "name") return { ...field, value: meantWord(field.value, vars) } as BudgetField;
  const [name] = field.value.path;
  const named = field.value.path.length === 1 ? vars.find((one) => one.name === name) : undefined;
  if (named === undefined) return field;
  return { ...field, value: { ...named.value, span: field.value.span } } as BudgetField;
}

function withoutPlace(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, member: unknown) => (key === "span" ? undefined : member)));
}
