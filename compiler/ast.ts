// The syntax tree of a stack: what the author wrote, with places, before any meaning is given to names. Plain data;
// made by parse (text) and by yaml (YAML, JSON), read by check, lower, format, plan and the oracle. It holds no image detail.

/** A stretch of one source: offsets in UTF-16 code units, end exclusive; `source` indexes `Stack.sources`. */
export interface Span {
  readonly source: number;
  readonly start: number;
  readonly end: number;
}

export interface SourceText {
  /** The name shown to people and stored in rule_ref: "governance.fms". */
  readonly file: string;
  readonly text: string;
}

export interface Stack {
  readonly sources: readonly SourceText[];
  readonly runtime: RuntimeBlock | null;
  readonly agents: readonly Agent[];
  /** Flat rules: an anonymous agent, id "", that also governs every agent id not declared. */
  readonly anonymous: Agent | null;
  /** provider, identity, trust, system and manifest, in order of appearance. */
  readonly blocks: readonly Block[];
  /** As written; what they bring in stands in the agents once packs/link has put it there. */
  readonly imports: readonly Import[];
  readonly packs: readonly Pack[];
  /** Of the top level: they are of every agent that the policy governs. */
  readonly asserts: readonly Assert[];
}

export type StackKeyword = "provider" | "identity" | "trust" | "system" | "manifest";
export type AgentKeyword =
  | "credential"
  | "selector"
  | "delegate"
  | "ambient"
  | "completion_gate"
  | "spawn"
  | "session"
  | "alert"
  | "enforcement";

/** A block of named entries, whose meaning hangs on its keyword alone. */
export interface Block {
  readonly keyword: StackKeyword | AgentKeyword;
  readonly keywordSpan: Span;
  /** What stands between keyword and brace: the id of a provider, "orchestrator" or "grant" of a manifest; else null. */
  readonly name: string | null;
  /** Of the keyword where there is no name. */
  readonly nameSpan: Span;
  /** In order of appearance; a name may come more than once. `manifest grant o to p max 5` has grant, to and max. */
  readonly entries: readonly BlockEntry[];
  readonly span: Span;
}

/** `ttl = 15m`, `scope "a" "b"`, `key "registry" ed25519:…`: one value or several. */
export interface BlockEntry {
  readonly name: string;
  readonly nameSpan: Span;
  /** At least one. */
  readonly values: readonly Value[];
  readonly span: Span;
}

/** `import "host/path@1.2.3" as name`, or `import "./packs/name.fms"`. What the text names is packs/reference's to say. */
export interface Import {
  readonly reference: string;
  readonly referenceSpan: Span;
  readonly alias: { readonly name: string; readonly span: Span } | null;
  readonly span: Span;
}

/** Rules and limits under a name, which agents bring in with `use`. */
export interface Pack {
  readonly name: string;
  readonly nameSpan: Span;
  readonly params: readonly Param[];
  readonly vars: readonly Var[];
  readonly rules: readonly Rule[];
  readonly budgets: readonly Budget[];
  readonly rateLimits: readonly RateLimit[];
  readonly redactions: readonly Redaction[];
  readonly uses: readonly Use[];
  readonly span: Span;
}

/** `param name = default`; without a default every use gives it. */
export interface Param {
  readonly name: string;
  readonly nameSpan: Span;
  readonly default: Value | null;
  readonly span: Span;
}

/** `use name { parameter = value }`. */
export interface Use {
  readonly name: string;
  readonly nameSpan: Span;
  readonly parameters: readonly Field[];
  readonly span: Span;
}

/** Where a part of an agent comes from that its author did not write there. */
export interface Origin {
  readonly pack: Pack;
  /** As an import names it, `host/path@1.2.3`; null for a pack of the policy's own file. */
  readonly reference: string | null;
  /** The name in the agent's `use`, whichever packs lie between. */
  readonly use: Span;
  /** What names in the pack stand for: its parameters, then its variables. */
  readonly vars: readonly Var[];
}

export interface RuntimeBlock {
  readonly fields: readonly Field[];
  readonly span: Span;
}

export interface Field {
  readonly name: string;
  readonly nameSpan: Span;
  readonly value: Value;
  readonly span: Span;
}

/** A value in configuration and in lists; conditions use Expr, whose leaves are these. */
export type Value =
  | { readonly kind: "string"; readonly value: string; readonly span: Span }
  /** `text` is what the author wrote: "$500", "48h", "10mb", "1e3". `value` is dollars, seconds, bytes or the plain number. */
  | {
      readonly kind: "number";
      readonly value: number;
      readonly unit: NumberUnit;
      readonly text: string;
      readonly span: Span;
    }
  | { readonly kind: "bool"; readonly value: boolean; readonly span: Span }
  | { readonly kind: "nil"; readonly span: Span }
  /** A bare word outside a condition: `deny`, `urgent`, `bare-word`; means the string of its text. */
  | { readonly kind: "word"; readonly value: string; readonly span: Span }
  | { readonly kind: "env"; readonly variable: string; readonly span: Span }
  | { readonly kind: "list"; readonly items: readonly Value[]; readonly span: Span };

export type NumberUnit = "plain" | "money" | "duration" | "size";

export interface Agent {
  readonly id: string;
  readonly idSpan: Span;
  readonly default: { readonly effect: "permit" | "deny" | "defer"; readonly span: Span } | null;
  /** model, framework, version. */
  readonly fields: readonly Field[];
  readonly vars: readonly Var[];
  /** Rules of `rules { }` and rules written directly in the body, in order of appearance. */
  readonly rules: readonly Rule[];
  readonly budgets: readonly Budget[];
  readonly rateLimits: readonly RateLimit[];
  readonly redactions: readonly Redaction[];
  readonly phases: readonly Phase[];
  readonly uses: readonly Use[];
  /** Hosts that calls may speak of. */
  readonly egress: Gate | null;
  /** Models that calls may come from. */
  readonly modelPolicy: Gate | null;
  /** credential, selector, delegate … in order of appearance. */
  readonly blocks: readonly Block[];
  readonly asserts: readonly Assert[];
  readonly span: Span;
}

/** `assert never permit t if c`: what must hold of every call that there can be. It decides nothing, and nothing of it is compiled. */
export interface Assert {
  readonly quantifier: "never" | "always";
  /** Its calls, as a rule would match them, and the effect that they never or always get. */
  readonly rule: Rule;
  readonly span: Span;
}

/** `egress { allow [..] deny [..] }`, `model_policy { … }`: what no rule can permit otherwise. */
export interface Gate {
  readonly keyword: "egress" | "model_policy";
  readonly keywordSpan: Span;
  /** allow, deny: a glob or a list of globs each. */
  readonly fields: readonly Field[];
  readonly span: Span;
}

export interface Var {
  readonly name: string;
  readonly nameSpan: Span;
  readonly value: Value;
  readonly span: Span;
}

export type Effect = "permit" | "deny" | "defer" | "deny!";

export interface Rule {
  readonly effect: Effect;
  readonly pattern: Pattern;
  readonly condition: Expr | null;
  readonly network: readonly NetworkMatcher[];
  readonly notify: readonly Value[];
  readonly reason: string | null;
  readonly reeval: boolean | null;
  readonly span: Span;
  /** Absent for what the author of the agent wrote. */
  readonly origin?: Origin;
}

/** A tool pattern as written, without quotes: `stripe/*`, `read_?`, `**`. */
export interface Pattern {
  readonly text: string;
  readonly span: Span;
}

/** `host h`, `port p`, `query k=v` …; key is set for query and header. Parsed here, refused by check until it has a meaning. */
export interface NetworkMatcher {
  readonly part: "host" | "port" | "method" | "path" | "query" | "header";
  readonly key: string | null;
  readonly value: Value;
  readonly span: Span;
}

export interface Budget {
  readonly id: string;
  readonly idSpan: Span;
  readonly fields: readonly BudgetField[];
  readonly span: Span;
  readonly origin?: Origin;
}

/** max, daily, max_calls, warn_at, on_exceed, tools, cost, window, scope. `cost = amount` is a name or a number. */
export type BudgetField =
  | Field
  | { readonly name: "cost"; readonly nameSpan: Span; readonly value: Name; readonly span: Span };

export interface RateLimit {
  readonly pattern: Pattern;
  readonly count: number;
  /** Length of the window in milliseconds: `per hour` is 3,600,000. */
  readonly windowMs: number;
  readonly span: Span;
  readonly origin?: Origin;
}

export interface Redaction {
  readonly pattern: Pattern;
  /** `a.b`, `items[].card`, as written. */
  readonly paths: readonly { readonly text: string; readonly span: Span }[];
  readonly span: Span;
  readonly origin?: Origin;
}

/** With `duration` a rollout, without it a workflow phase. */
export interface Phase {
  readonly name: string;
  readonly nameSpan: Span;
  readonly durationMs: number | null;
  /** "enforce", or the phase to go on with; null when absent (means enforce). */
  readonly next: { readonly name: string; readonly span: Span } | null;
  /** Patterns of the tools it decides for; empty for a workflow phase. */
  readonly tools: readonly Pattern[];
  readonly rules: readonly Rule[];
  readonly span: Span;
}

// Conditions

export type CompareOperator =
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "in"
  | "not in"
  | "contains"
  | "starts_with"
  | "ends_with"
  | "matches";
export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%";

/** `a.b[0].c`: a dotted name with indexes. */
export interface Name {
  readonly kind: "name";
  readonly path: readonly (string | number)[];
  readonly span: Span;
}

/** A list in a condition is a Value: literals and bare words, no names. */
export type Expr =
  | Value
  | Name
  | { readonly kind: "not"; readonly operand: Expr; readonly span: Span }
  | { readonly kind: "negate"; readonly operand: Expr; readonly span: Span }
  | {
      readonly kind: "logical";
      readonly operator: "and" | "or";
      readonly left: Expr;
      readonly right: Expr;
      readonly span: Span;
    }
  | {
      readonly kind: "compare";
      readonly operator: CompareOperator;
      readonly left: Expr;
      readonly right: Expr;
      readonly span: Span;
    }
  | {
      readonly kind: "arithmetic";
      readonly operator: ArithmeticOperator;
      readonly left: Expr;
      readonly right: Expr;
      readonly span: Span;
    }
  /** `len(x)`, `purpose("p")`: the name as written. */
  | {
      readonly kind: "call";
      readonly name: string;
      readonly nameSpan: Span;
      readonly arguments: readonly Expr[];
      readonly span: Span;
    }
  /** `x.contains("…")` and the like, where x may be any operand; `x.length` stays a Name. */
  | {
      readonly kind: "method";
      readonly receiver: Expr;
      readonly name: string;
      readonly nameSpan: Span;
      readonly arguments: readonly Expr[];
      readonly span: Span;
    };
